#include "protocol/text_operation.h"

#include <algorithm>
#include <utility>

#include "protocol/code_points.h"
#include "protocol/errors.h"
#include "protocol/json.h"
#include "protocol/limits.h"

namespace objectos {

TextComponents::TextComponents(std::size_t capacity) {
  if (capacity > inline_max) grow(capacity);
}

TextComponents::TextComponents(std::span<const TextComponent> components)
    : TextComponents(components.size()) {
  std::copy(components.begin(), components.end(), data());
  set_size(components.size());
}

TextComponents::TextComponents(const TextComponents& other)
    : TextComponents(std::span(other.data(), other.size())) {}

TextComponents& TextComponents::operator=(const TextComponents& other) {
  if (this != &other) *this = TextComponents(other);
  return *this;
}

TextComponents& TextComponents::operator=(TextComponents&& other) noexcept {
  if (this == &other) return *this;
  release();
  take(other);
  return *this;
}

void TextComponents::take(TextComponents& other) noexcept {
  size_ = std::exchange(other.size_, 0U);
  capacity_ = std::exchange(other.capacity_, inline_max);
  if (is_inline())
    std::copy_n(other.inline_, inline_max, inline_);
  else
    heap_ = other.heap_;
}

void TextComponents::grow(std::size_t capacity) {
  auto* const block = new TextComponent[capacity];
  std::copy_n(data(), size_, block);
  release();
  heap_ = block;
  capacity_ = static_cast<std::uint32_t>(capacity);
}

void TextComponents::push_back(TextComponent component) {
  if (size_ == capacity_) grow(std::size_t{capacity_} * 2);
  data()[size_++] = component;
}

std::size_t TextOperation::base_points() const noexcept {
  std::size_t points = 0;
  for (const TextComponent& one : components()) points += one.is_insert() ? 0 : one.length();
  return points;
}

std::int64_t TextOperation::length_change() const noexcept {
  std::int64_t change = 0;
  for (const TextComponent& one : components()) change += one.is_keep() ? 0 : one.points;
  return change;
}

bool TextOperation::operator==(const TextOperation& other) const noexcept {
  const auto mine = components(), theirs = other.components();
  return std::equal(mine.begin(), mine.end(), theirs.begin(), theirs.end()) &&
         inserted_ == other.inserted_;
}

void require_valid_text(std::string_view text, const char* what) {
  if (!is_valid_utf8(text))
    throw ProtocolError(ErrorCode::malformed_message, std::string(what) + " is not valid UTF-8");
  if (text.find('\0') != std::string_view::npos)
    throw ProtocolError(ErrorCode::malformed_message, std::string(what) + " has U+0000");
}

void refuse_text_limits(std::size_t base_points, std::size_t inserted_bytes) {
  const std::string most = ", at most " + std::to_string(limits::string_bytes_max) + ".";
  if (inserted_bytes > limits::string_bytes_max)
    throw ProtocolError(ErrorCode::limit_exceeded, "the text operation inserts too much",
                        std::to_string(inserted_bytes) + " bytes" + most);
  throw ProtocolError(ErrorCode::limit_exceeded, "the text operation spans too many characters",
                      std::to_string(base_points) + most);
}

std::size_t TextOperationBuilder::spanned(std::size_t points) {
  // Compared before they are added, so that no length overflows.
  require_text_limits(points, 0);
  require_text_limits(base_points_ + points, 0);
  base_points_ += points;
  return points;
}

void TextOperationBuilder::write_kept() {
  if (kept_ != 0) components_.push_back({static_cast<std::int32_t>(kept_), 0});
  kept_ = 0;
}

TextOperationBuilder& TextOperationBuilder::keep(std::size_t points) {
  kept_ += spanned(points);
  return *this;
}

TextOperationBuilder& TextOperationBuilder::erase(std::size_t points) {
  if (spanned(points) == 0) return *this;
  write_kept();
  const auto length = static_cast<std::int32_t>(points);
  if (!components_.empty() && components_.back().is_erase())
    components_.back().points -= length;
  else
    components_.push_back({-length, 0});
  return *this;
}

TextOperationBuilder& TextOperationBuilder::insert(std::string_view text) {
  require_valid_text(text, "the inserted text");
  return insert_valid(text, count_points(text));
}

TextOperationBuilder& TextOperationBuilder::insert_valid(std::string_view text,
                                                         std::size_t points) {
  if (text.empty()) return *this;
  require_text_limits(0, text.size());
  require_text_limits(0, inserted_.size() + text.size());
  write_kept();
  if (components_.empty() || !components_.back().is_insert()) components_.push_back({0, 0});
  inserted_ += text;
  components_.back().points += static_cast<std::int32_t>(points);
  components_.back().bytes += static_cast<std::uint32_t>(text.size());
  return *this;
}

TextOperation TextOperationBuilder::build() {
  kept_ = base_points_ = 0;
  TextOperation operation(std::move(components_), std::move(inserted_));
  inserted_.clear();
  return operation;
}

}  // namespace objectos
