// docs/operational_transform.md, Compose.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "protocol/code_points.h"
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

// Reads an operation; the present component may have been taken in part.
class Reader {
 public:
  explicit Reader(const View& view) noexcept
      : next_(view.components), end_(next_ + view.size), text_(view.inserted) {
    load();
  }
  bool ended() const noexcept { return next_ == end_; }
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
  // Takes `points` of the present component, at most what is left of it; the bytes that they are.
  std::uint32_t take(std::uint32_t points) noexcept {
    if (points == left_) {
      const std::uint32_t bytes = bytes_;
      skip();
      return bytes;
    }
    std::uint32_t bytes = bytes_;
    if (bytes != left_) {
      bytes = static_cast<std::uint32_t>(points_offset({text_, bytes_}, points).bytes);
    } else {
      bytes = points;  // all of it is ASCII
    }
    left_ -= points;
    bytes_ -= bytes;
    text_ += bytes;
    return bytes;
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
    std::memcpy(text_, text, bytes);
    text_ += bytes;
  }
  void rest_of(Reader& reader) noexcept {
    for (; !reader.ended(); reader.skip()) {
      if (reader.at_insert())
        insert(reader.text(), reader.left(), reader.bytes());
      else if (reader.at_erase())
        erase(reader.left());
      else
        keep(reader.left());
    }
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
    if (a.ended() || b.ended()) break;
    const std::uint32_t points = std::min(a.left(), b.left());
    const bool erased = b.at_erase();
    b.take(points);
    if (a.at_insert()) {
      const char* const text = a.text();
      const std::uint32_t bytes = a.take(points);
      if (!erased) out.insert(text, points, bytes);
    } else {
      a.take(points);
      if (erased)
        out.erase(points);
      else
        out.keep(points);
    }
  }
  out.rest_of(a);
  out.rest_of(b);
  return out.end(room);
}

// One level of the tree: room for every operation in it.
struct Level {
  Level(std::size_t components_max, std::size_t inserted_max)
      : components(new TextComponent[components_max]), inserted(new char[inserted_max]) {}
  std::unique_ptr<TextComponent[]> components;
  std::unique_ptr<char[]> inserted;
};

// Composes neighbours; what has none is copied.
std::vector<View> compose_pairs(const std::vector<View>& parts, const Level& level) {
  std::vector<View> pairs;
  pairs.reserve((parts.size() + 1) / 2);
  constexpr View nothing{nullptr, 0, nullptr, 0};
  Room room{level.components.get(), level.inserted.get()};
  for (std::size_t i = 0; i < parts.size(); i += 2) {
    const bool alone = i + 1 == parts.size();
    pairs.push_back(compose_into(room, parts[i], alone ? nothing : parts[i + 1]));
    room.components += pairs.back().size;
    room.inserted += pairs.back().inserted_bytes;
  }
  return pairs;
}

TextOperation operation_of(const View& view) {
  TextComponents components(view.size);
  std::copy_n(view.components, view.size, components.data());
  components.set_size(view.size);
  return {std::move(components), std::string(view.inserted, view.inserted_bytes)};
}

}  // namespace

TextOperation compose(const TextOperation& a, const TextOperation& b) {
  const View first = view_of(a), second = view_of(b);
  TextComponents components(first.size + second.size);
  std::string inserted(first.inserted_bytes + second.inserted_bytes, '\0');
  const View view = compose_into({components.data(), inserted.data()}, first, second);
  components.set_size(view.size);
  inserted.resize(view.inserted_bytes);
  return {std::move(components), std::move(inserted)};
}

TextOperation compose_all(std::span<const TextOperation> operations) {
  if (operations.empty()) return {};
  if (operations.size() == 1) return operations[0];
  if (operations.size() == 2) return compose(operations[0], operations[1]);
  std::vector<View> parts;
  parts.reserve(operations.size());
  std::size_t components = 0, inserted = 0;
  for (const TextOperation& one : operations) {
    parts.push_back(view_of(one));
    components += parts.back().size;
    inserted += parts.back().inserted_bytes;
  }
  Level level(components, inserted), other(components, inserted);
  while (parts.size() > 1) {
    parts = compose_pairs(parts, level);
    std::swap(level, other);
  }
  return operation_of(parts[0]);
}

}  // namespace objectos::ot
