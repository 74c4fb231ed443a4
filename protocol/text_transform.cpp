// docs/operational_transform.md, Transform and Cursors.
#include <algorithm>
#include <utility>

#include "protocol/operational_transform.h"
#include "protocol/text_writer.h"

namespace objectos::ot {

namespace {

// For the result that nobody asked for.
struct NoWriter {
  void keep(std::uint32_t) noexcept {}
  void erase(std::uint32_t) noexcept {}
  void insert(std::uint32_t, std::uint32_t) noexcept {}
};

// Reads components; the present one may have been taken in part, unless it is an insert.
class Reader {
 public:
  explicit Reader(const TextOperation& operation) noexcept
      : next_(operation.components().data()), end_(next_ + operation.components().size()) {
    load();
  }
  bool ended() const noexcept { return next_ == end_; }
  bool at_insert() const noexcept { return bytes_ != 0; }
  bool at_erase() const noexcept { return erases_; }
  std::uint32_t left() const noexcept { return left_; }
  std::uint32_t bytes() const noexcept { return bytes_; }

  void skip() noexcept {
    ++next_;
    load();
  }
  void take(std::uint32_t points) noexcept {
    left_ -= points;
    if (left_ == 0) skip();
  }

 private:
  void load() noexcept {
    erases_ = false;
    left_ = bytes_ = 0;
    if (next_ == end_) return;
    left_ = next_->length();
    bytes_ = next_->bytes;
    erases_ = next_->is_erase();
  }

  const TextComponent* next_;
  const TextComponent* end_;
  std::uint32_t left_ = 0;
  std::uint32_t bytes_ = 0;
  bool erases_ = false;
};

template <typename Writer>
void write_rest(Reader& reader, Writer& out) noexcept {
  for (; !reader.ended(); reader.skip()) {
    if (reader.at_insert())
      out.insert(reader.left(), reader.bytes());
    else if (reader.at_erase())
      out.erase(reader.left());
    else
      out.keep(reader.left());
  }
}

void write_rest(Reader&, NoWriter&) noexcept {}

// Both operations along the text that they were made of. The inserted texts of either stay what
// they are, so only components are written.
template <typename WriterA, typename WriterB>
void walk(Reader a, Reader b, bool a_goes_left, WriterA& to_a, WriterB& to_b) noexcept {
  while (true) {
    if (a.at_insert() && (a_goes_left || !b.at_insert())) {
      to_a.insert(a.left(), a.bytes());
      to_b.keep(a.left());
      a.skip();
      continue;
    }
    if (b.at_insert()) {
      to_a.keep(b.left());
      to_b.insert(b.left(), b.bytes());
      b.skip();
      continue;
    }
    if (a.ended() || b.ended()) break;
    const std::uint32_t points = std::min(a.left(), b.left());
    if (a.at_erase()) {
      if (!b.at_erase()) to_a.erase(points);
    } else if (b.at_erase()) {
      to_b.erase(points);
    } else {
      to_a.keep(points);
      to_b.keep(points);
    }
    a.take(points);
    b.take(points);
  }
  write_rest(a, to_a);
  write_rest(b, to_b);
}

std::size_t components_max(const TextOperation& a, const TextOperation& b) {
  return a.components().size() + b.components().size();
}

TextOperation finish(TextRoom& room, const TextWriter& writer, const TextOperation& source) {
  writer.check();
  return {room.take(static_cast<std::size_t>(writer.end() - room.begin())),
          std::string(source.inserted())};
}

}  // namespace

TextOperation transform(const TextOperation& a, const TextOperation& b, Side side_of_a) {
  TextRoom room(components_max(a, b));
  TextWriter writer(room.begin());
  NoWriter nothing;
  walk(Reader(a), Reader(b), side_of_a == Side::left, writer, nothing);
  return finish(room, writer, a);
}

std::pair<TextOperation, TextOperation> transform_both(const TextOperation& a,
                                                       const TextOperation& b, Side side_of_a) {
  TextRoom room_a(components_max(a, b)), room_b(components_max(a, b));
  TextWriter to_a(room_a.begin()), to_b(room_b.begin());
  walk(Reader(a), Reader(b), side_of_a == Side::left, to_a, to_b);
  return {finish(room_a, to_a, a), finish(room_b, to_b, b)};
}

std::size_t transform_position(std::size_t position, const TextOperation& a, Side side) {
  std::size_t before = 0;  // how far in d the components went, and in d·a
  std::size_t after = 0;
  for (const TextComponent& one : a.components()) {
    const std::size_t length = one.length();
    if (one.is_insert()) {
      if (before == position && side == Side::left) break;
      after += length;
    } else {
      if (position < before + length) {
        if (one.is_keep()) after += position - before;
        return after;
      }
      before += length;
      if (one.is_keep()) after += length;
    }
  }
  return after + (position - before);
}

}  // namespace objectos::ot
