// docs/operational_transform.md, Compose.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "protocol/code_points.h"
#include "protocol/limits.h"
#include "protocol/operational_transform.h"
#include "protocol/text_writer.h"

namespace objectos::ot {

namespace {

// An operation wherever its parts are.
struct View {
  const TextComponent* components;
  std::size_t size;
  const char* inserted;
  std::size_t inserted_bytes;
};

View view_of(const TextOperation& operation) {
  const auto components = operation.components();
  const std::string_view inserted = operation.inserted();
  return {components.data(), components.size(), inserted.data(), inserted.size()};
}

// Reads an operation; the present component may have been taken in part. Behind the last one
// follows a keep that is longer than any text.
class Reader {
 public:
  static constexpr std::uint32_t endless = std::uint32_t{1} << 31;

  explicit Reader(const View& view) noexcept
      : next_(view.components), end_(next_ + view.size), text_(view.inserted) {
    load();
  }
  bool at_insert() const noexcept { return bytes_ != 0; }
  bool at_erase() const noexcept { return erases_; }
  std::uint32_t left() const noexcept { return left_; }
  std::uint32_t bytes() const noexcept { return bytes_; }
  const char* text() const noexcept { return text_; }

  void skip() noexcept {
    text_ += bytes_;
    ++next_;
    load();
  }
  // Takes `points`, at most what is left, of what is kept or deleted.
  void pass(std::uint32_t points) noexcept {
    left_ -= points;
    if (left_ == 0) skip();
  }
  // The same of what is inserted; the bytes that they are.
  std::uint32_t take(std::uint32_t points) noexcept {
    std::uint32_t bytes = bytes_;
    if (points == left_) {
      skip();
      return bytes;
    }
    if (bytes == left_)
      bytes = points;  // all of it is ASCII
    else
      bytes = static_cast<std::uint32_t>(points_offset({text_, bytes}, points).bytes);
    left_ -= points;
    bytes_ -= bytes;
    text_ += bytes;
    return bytes;
  }

 private:
  void load() noexcept {
    if (next_ == end_) {
      erases_ = false;
      left_ = 2 * (endless - 1);
      bytes_ = 0;
      return;
    }
    left_ = next_->length();
    bytes_ = next_->bytes;
    erases_ = next_->is_erase();
  }

  const TextComponent* next_;
  const TextComponent* end_;
  const char* text_;
  std::uint32_t left_ = 0;
  std::uint32_t bytes_ = 0;
  bool erases_ = false;
};

// Where a result is written: room for the components and the texts of both operations.
struct Room {
  TextComponent* components;
  char* inserted;
};

// Writes components, and their texts beside them.
class Composition {
 public:
  explicit Composition(const Room& room) noexcept
      : writer_(room.components), text_(room.inserted) {}
  void keep(std::uint32_t points) noexcept { writer_.keep(points); }
  void erase(std::uint32_t points) noexcept { writer_.erase(points); }
  void insert(const char* text, std::uint32_t points, std::uint32_t bytes) noexcept {
    writer_.insert(points, bytes);
    if (bytes == 1)
      *text_ = *text;  // a typed character; a call would take longer than all the rest
    else
      std::memcpy(text_, text, bytes);
    text_ += bytes;
  }
  View end(const Room& room) const {
    writer_.check();
    return {room.components, static_cast<std::size_t>(writer_.end() - room.components),
            room.inserted, static_cast<std::size_t>(text_ - room.inserted)};
  }

 private:
  TextWriter writer_;
  char* text_;
};

View compose_into(const Room& room, const View& first, const View& second) {
  Composition out(room);
  Reader a(first), b(second);
  while (true) {
    if (a.at_erase()) {
      out.erase(a.left());
      a.skip();
      continue;
    }
    if (b.at_insert()) {
      out.insert(b.text(), b.left(), b.bytes());
      b.skip();
      continue;
    }
    const std::uint32_t points = std::min(a.left(), b.left());
    if (points >= Reader::endless) break;
    const bool erased = b.at_erase();
    b.pass(points);
    if (a.at_insert()) {
      const char* const text = a.text();
      const std::uint32_t bytes = a.take(points);
      if (!erased) out.insert(text, points, bytes);
    } else {
      a.pass(points);
      if (erased)
        out.erase(points);
      else
        out.keep(points);
    }
  }
  return out.end(room);
}

// Memory for the operations of one level of the tree, which stand in it one after the other.
class Level {
 public:
  Level(std::size_t components_max, std::size_t inserted_max)
      : components_(new TextComponent[components_max]), inserted_(new char[inserted_max]) {
    clear();
  }
  void clear() noexcept { free_ = {components_.get(), inserted_.get()}; }
  const View& add(const View& first, const View& second) {
    last_ = compose_into(free_, first, second);
    free_.components += last_.size;
    free_.inserted += last_.inserted_bytes;
    return last_;
  }
  const View& add(const View& one) { return add(one, {nullptr, 0, nullptr, 0}); }

 private:
  std::unique_ptr<TextComponent[]> components_;
  std::unique_ptr<char[]> inserted_;
  Room free_{};
  View last_{};
};

// Composes neighbours until one is left, which then stands in one of the two; the parts stand
// elsewhere.
View reduce(std::vector<View>& parts, Level& first, Level& second) {
  Level* to = &first;
  for (Level* next = &second; parts.size() > 1; std::swap(to, next)) {
    to->clear();
    std::size_t count = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2)
      parts[count++] = to->add(parts[i], parts[i + 1]);
    if (parts.size() % 2 == 1) parts[count++] = to->add(parts.back());
    parts.resize(count);
  }
  return parts.front();
}

TextOperation operation_of(const View& view) {
  return {TextComponents(std::span(view.components, view.size)),
          std::string(view.inserted, view.inserted_bytes)};
}

std::size_t inserted_bytes(std::span<const TextOperation> operations) {
  std::size_t bytes = 0;
  for (const TextOperation& one : operations) bytes += one.inserted().size();
  return bytes;
}

TextOperation compose_block(std::span<const TextOperation> operations) {
  std::vector<View> parts;
  parts.reserve(operations.size());
  std::size_t components = 0;
  for (const TextOperation& one : operations) {
    parts.push_back(view_of(one));
    components += parts.back().size;
  }
  const std::size_t inserted = inserted_bytes(operations);
  Level first(components, inserted), second(components, inserted);
  return operation_of(reduce(parts, first, second));
}

}  // namespace

TextOperation compose(const TextOperation& a, const TextOperation& b) {
  const View first = view_of(a), second = view_of(b);
  TextRoom room(first.size + second.size);
  std::string inserted(first.inserted_bytes + second.inserted_bytes, '\0');
  const View view = compose_into({room.begin(), inserted.data()}, first, second);
  inserted.resize(view.inserted_bytes);
  if (inserted.size() < inserted.capacity() / 2) inserted.shrink_to_fit();
  return {room.take(view.size), std::move(inserted)};
}

TextOperation compose_all(std::span<const TextOperation> operations) {
  // So many at a time that the lower levels stay in the processor's cache; and no more text at a
  // time than the result may have, for a level is twice as large as what it is made of.
  constexpr std::size_t block_size = 512;
  if (operations.empty()) return {};
  if (operations.size() == 1) return operations[0];
  if (operations.size() == 2) return compose(operations[0], operations[1]);
  if (operations.size() > block_size) {
    std::vector<TextOperation> blocks;
    blocks.reserve((operations.size() + block_size - 1) / block_size);
    for (auto rest = operations; !rest.empty();) {
      const std::size_t size = std::min(block_size, rest.size());
      blocks.push_back(compose_all(rest.first(size)));
      rest = rest.subspan(size);
    }
    return compose_all(blocks);
  }
  if (inserted_bytes(operations) > limits::string_bytes_max) {
    const std::size_t half = operations.size() / 2;
    return compose(compose_all(operations.first(half)), compose_all(operations.subspan(half)));
  }
  return compose_block(operations);
}

}  // namespace objectos::ot
