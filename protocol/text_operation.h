// An edit of a text as one value: what is kept, deleted and inserted, from left to right.
// docs/operational_transform.md says what it means; operational_transform.h what is done with it.
//
// Lengths and positions are code points. Invariants of every TextOperation ("canonical form"): no
// component is empty, no two neighbours are of one kind, the last one is no keep, inserted text is
// valid UTF-8 without U+0000. Insert and delete in one gap stay in the order they were written in.
// It spans no more than limits::string_bytes_max code points and inserts no more bytes than that,
// so no sum of lengths overflows 32 bits.
//
// Components are eight bytes each in one block (four of them within the object); all inserted text
// stands in one string. A value may be read by any number of threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "protocol/limits.h"

namespace objectos {

struct TextComponent {
  std::int32_t points;  // negative: deletes as many
  std::uint32_t bytes;  // of inserted text; 0: keeps or deletes

  bool is_insert() const noexcept { return bytes != 0; }
  bool is_erase() const noexcept { return points < 0; }
  bool is_keep() const noexcept { return points > 0 && bytes == 0; }
  std::uint32_t length() const noexcept {
    return static_cast<std::uint32_t>(points < 0 ? -points : points);
  }
  bool operator==(const TextComponent&) const noexcept = default;
};

// A list of components; the first few need no memory of their own.
class TextComponents {
 public:
  TextComponents() noexcept {}
  // Empty, with room for so many.
  explicit TextComponents(std::size_t capacity);
  // A copy of these.
  explicit TextComponents(std::span<const TextComponent> components);
  TextComponents(const TextComponents& other);
  TextComponents(TextComponents&& other) noexcept { take(other); }
  TextComponents& operator=(const TextComponents& other);
  TextComponents& operator=(TextComponents&& other) noexcept;
  ~TextComponents() { release(); }

  TextComponent* data() noexcept { return is_inline() ? inline_ : heap_; }
  const TextComponent* data() const noexcept { return is_inline() ? inline_ : heap_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  TextComponent& back() noexcept { return data()[size_ - 1]; }
  void push_back(TextComponent component);
  // So many were written at data(): at most the capacity.
  void set_size(std::size_t size) noexcept { size_ = static_cast<std::uint32_t>(size); }

 private:
  static constexpr std::uint32_t inline_max = 4;
  bool is_inline() const noexcept { return capacity_ == inline_max; }
  void release() noexcept {
    if (!is_inline()) delete[] heap_;
  }
  void take(TextComponents& other) noexcept;
  void grow(std::size_t capacity);

  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = inline_max;
  union {
    TextComponent inline_[inline_max];
    TextComponent* heap_;
  };
};

class TextOperation {
 public:
  TextOperation() noexcept = default;  // changes nothing
  // For what computes operations: the components are canonical, `inserted` is their texts in order.
  TextOperation(TextComponents components, std::string inserted) noexcept
      : components_(std::move(components)), inserted_(std::move(inserted)) {}

  bool changes_nothing() const noexcept { return components_.empty(); }
  std::span<const TextComponent> components() const noexcept {
    return {components_.data(), components_.size()};
  }
  // The texts of all inserts, one after the other.
  std::string_view inserted() const noexcept { return inserted_; }
  // The length that a text must have at least. Linear in the components.
  std::size_t base_points() const noexcept;
  // How much longer (or shorter, negative) it makes a text. Linear in the components.
  std::int64_t length_change() const noexcept;

  // Whether they are written the same; both are canonical, so that is whether they say the same.
  bool operator==(const TextOperation& other) const noexcept;

 private:
  TextComponents components_;
  std::string inserted_;
};

// Puts an operation together, left to right, and keeps it canonical. Lengths of 0 and empty texts
// are left out. Throws ProtocolError: OS005 for text that is no UTF-8 or has U+0000, OS007 where it
// would span or insert too much.
class TextOperationBuilder {
 public:
  TextOperationBuilder& keep(std::size_t points);
  TextOperationBuilder& erase(std::size_t points);
  TextOperationBuilder& insert(std::string_view text);
  // The same of a text that is known to be valid, and its length.
  TextOperationBuilder& insert_valid(std::string_view text, std::size_t points);
  // The operation; the builder starts anew.
  TextOperation build();

 private:
  std::size_t spanned(std::size_t points);
  void write_kept();

  TextComponents components_;
  std::string inserted_;
  std::size_t kept_ = 0;  // not written yet: the last component is no keep
  std::size_t base_points_ = 0;
};

// Throws OS005 unless the text is valid UTF-8 without U+0000; `what` begins the message.
void require_valid_text(std::string_view text, const char* what);

[[noreturn]] void refuse_text_limits(std::size_t base_points, std::size_t inserted_bytes);

// Throws OS007 if an operation spans so many code points, or inserts so many bytes.
inline void require_text_limits(std::size_t base_points, std::size_t inserted_bytes) {
  if (base_points > limits::string_bytes_max || inserted_bytes > limits::string_bytes_max)
    refuse_text_limits(base_points, inserted_bytes);
}

}  // namespace objectos
