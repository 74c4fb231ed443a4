#include "protocol/text_rope.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "protocol/code_points.h"
#include "protocol/errors.h"

namespace objectos {

namespace {

constexpr std::size_t leaf_bytes_max = 1'000;
constexpr std::size_t piece_bytes_max = leaf_bytes_max / 4;
constexpr std::size_t group_leaves_max = 64;

// The most of `text` that ends with a whole code point and is no longer than a piece.
std::size_t piece_length(std::string_view text) {
  if (text.size() <= piece_bytes_max) return text.size();
  std::size_t length = piece_bytes_max;
  while ((static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80U) --length;
  return length;
}

[[noreturn]] void refuse(std::size_t end, std::size_t size) {
  throw ProtocolError(ErrorCode::invalid_mutation,
                      "the text operation reaches beyond the end of the text",
                      "It is for a text of at least " + std::to_string(end) +
                          " characters; this one has " + std::to_string(size) + ".",
                      "It was made of another text, or of another revision of this one.");
}

}  // namespace

struct TextRope::Leaf {
  std::size_t bytes = 0;
  char text[leaf_bytes_max];

  std::string_view view() const noexcept { return {text, bytes}; }
  void insert(std::size_t at, std::string_view piece) noexcept {
    std::memmove(text + at + piece.size(), text + at, bytes - at);
    std::memcpy(text + at, piece.data(), piece.size());
    bytes += piece.size();
  }
  void erase(std::size_t from, std::size_t to) noexcept {
    std::memmove(text + from, text + to, bytes - to);
    bytes -= to - from;
  }
};

struct TextRope::Group {
  std::size_t points = 0;  // of all leaves
  std::size_t size = 0;
  std::uint32_t lengths[group_leaves_max];  // in code points
  std::unique_ptr<Leaf> leaves[group_leaves_max];

  // Makes room at `at`.
  void add(std::size_t at, std::unique_ptr<Leaf> leaf, std::uint32_t length) noexcept {
    std::move_backward(leaves + at, leaves + size, leaves + size + 1);
    std::copy_backward(lengths + at, lengths + size, lengths + size + 1);
    leaves[at] = std::move(leaf);
    lengths[at] = length;
    ++size;
  }
  void remove(std::size_t at) noexcept {
    std::move(leaves + at + 1, leaves + size, leaves + at);
    std::copy(lengths + at + 1, lengths + size, lengths + at);
    leaves[--size].reset();
  }
};

TextRope::TextRope(std::string_view text) {
  require_valid_text(text, "the text");
  groups_.push_back(std::make_unique<Group>());
  groups_[0]->add(0, std::make_unique<Leaf>(), 0);
  insert_valid(0, text);
}

TextRope::TextRope(TextRope&&) noexcept = default;
TextRope& TextRope::operator=(TextRope&&) noexcept = default;
TextRope::~TextRope() = default;

std::string TextRope::text() const {
  std::string text;
  for (const auto& group : groups_) {
    for (std::size_t i = 0; i < group->size; ++i) text += group->leaves[i]->view();
  }
  return text;
}

// Goes to the leaf that has the character at the position, or else has the position within it or
// at its end.
void TextRope::seek(std::size_t position, bool has_character) {
  const std::size_t end = has_character ? 0 : 1;
  const auto is_in = [&](std::size_t length) { return position - place_.before < length + end; };
  if (position >= place_.before && is_in(groups_[place_.group]->lengths[place_.leaf])) return;
  place_ = {};
  while (!is_in(groups_[place_.group]->points)) place_.before += groups_[place_.group++]->points;
  const Group& group = *groups_[place_.group];
  while (!is_in(group.lengths[place_.leaf])) place_.before += group.lengths[place_.leaf++];
}

void TextRope::split_group() {
  Group& group = *groups_[place_.group];
  auto second = std::make_unique<Group>();
  const std::size_t half = group.size / 2;
  for (std::size_t i = half; i < group.size; ++i) {
    second->points += group.lengths[i];
    second->add(i - half, std::move(group.leaves[i]), group.lengths[i]);
  }
  group.size = half;
  group.points -= second->points;
  groups_.insert(groups_.begin() + static_cast<std::ptrdiff_t>(place_.group) + 1,
                 std::move(second));
  if (place_.leaf >= half) {
    place_.leaf -= half;
    ++place_.group;
  }
}

void TextRope::split_leaf() {
  if (groups_[place_.group]->size == group_leaves_max) split_group();
  Group& group = *groups_[place_.group];
  Leaf& leaf = *group.leaves[place_.leaf];
  std::size_t half = leaf.bytes / 2;
  while ((static_cast<unsigned char>(leaf.text[half]) & 0xc0U) == 0x80U) --half;
  auto second = std::make_unique<Leaf>();
  second->insert(0, leaf.view().substr(half));
  const auto length = static_cast<std::uint32_t>(count_points(second->view()));
  leaf.bytes = half;
  group.lengths[place_.leaf] -= length;
  group.add(place_.leaf + 1, std::move(second), length);
}

void TextRope::insert_piece(std::size_t position, std::string_view piece, std::size_t points) {
  seek(position, false);
  if (groups_[place_.group]->leaves[place_.leaf]->bytes + piece.size() > leaf_bytes_max) {
    split_leaf();
    seek(position, false);
  }
  Group& group = *groups_[place_.group];
  Leaf& leaf = *group.leaves[place_.leaf];
  const std::size_t within = position - place_.before;
  const std::size_t at =
      leaf.bytes == group.lengths[place_.leaf] ? within : points_offset(leaf.view(), within).bytes;
  leaf.insert(at, piece);
  group.lengths[place_.leaf] += static_cast<std::uint32_t>(points);
  group.points += points;
  points_ += points;
}

void TextRope::insert_valid(std::size_t position, std::string_view text) {
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, piece_length(text));
    const std::size_t points = count_points(piece);
    insert_piece(position, piece, points);
    position += points;
    text.remove_prefix(piece.size());
  }
}

void TextRope::insert(std::size_t position, std::string_view text) {
  if (position > points_) refuse(position, points_);
  require_valid_text(text, "the inserted text");
  insert_valid(position, text);
}

// After an erasure: an empty leaf goes, a small one joins the one after it.
void TextRope::tidy_leaf() {
  Group& group = *groups_[place_.group];
  Leaf& leaf = *group.leaves[place_.leaf];
  if (leaf.bytes != 0) {
    if (leaf.bytes > leaf_bytes_max / 4 || place_.leaf + 1 == group.size) return;
    const Leaf& next = *group.leaves[place_.leaf + 1];
    if (leaf.bytes + next.bytes > leaf_bytes_max / 2) return;
    leaf.insert(leaf.bytes, next.view());
    group.lengths[place_.leaf] += group.lengths[place_.leaf + 1];
    group.remove(place_.leaf + 1);
    return;
  }
  if (group.size == 1 && groups_.size() == 1) return;
  group.remove(place_.leaf);
  if (group.size == 0) groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(place_.group));
  place_ = {};
}

// Erases what lies in the leaf that has the position, at most.
void TextRope::erase_within(std::size_t position, std::size_t points) {
  Group& group = *groups_[place_.group];
  Leaf& leaf = *group.leaves[place_.leaf];
  const std::size_t within = position - place_.before;
  std::size_t from = within, to = within + points;
  if (leaf.bytes != group.lengths[place_.leaf]) {
    from = points_offset(leaf.view(), within).bytes;
    to = from + points_offset(leaf.view().substr(from), points).bytes;
  }
  leaf.erase(from, to);
  group.lengths[place_.leaf] -= static_cast<std::uint32_t>(points);
  group.points -= points;
  points_ -= points;
  tidy_leaf();
}

void TextRope::erase(std::size_t position, std::size_t points) {
  if (position > points_ || points > points_ - position) refuse(position + points, points_);
  while (points > 0) {
    seek(position, true);
    const std::size_t rest =
        groups_[place_.group]->lengths[place_.leaf] - (position - place_.before);
    const std::size_t part = std::min(points, rest);
    erase_within(position, part);
    points -= part;
  }
}

std::string TextRope::part(std::size_t position, std::size_t points) {
  if (position > points_ || points > points_ - position) refuse(position + points, points_);
  std::string text;
  while (points > 0) {
    seek(position, true);
    const Group& group = *groups_[place_.group];
    const std::size_t at = position - place_.before;
    const std::size_t taken = std::min(points, group.lengths[place_.leaf] - at);
    const std::string_view leaf = group.leaves[place_.leaf]->view();
    const std::size_t from = points_offset(leaf, at).bytes;
    text += leaf.substr(from, points_offset(leaf.substr(from), taken).bytes);
    position += taken;
    points -= taken;
  }
  return text;
}

TextOperation TextRope::apply_invertibly(const TextOperation& operation) {
  if (operation.base_points() > points_) refuse(operation.base_points(), points_);
  TextOperationBuilder inverse;
  std::size_t position = 0;  // in the text as it was
  for (const TextComponent& one : operation.components()) {
    if (one.is_insert()) {
      inverse.erase(one.length());
      continue;
    }
    if (one.is_keep())
      inverse.keep(one.length());
    else
      inverse.insert_valid(part(position, one.length()), one.length());
    position += one.length();
  }
  apply(operation);
  return inverse.build();
}

void TextRope::apply(const TextOperation& operation) {
  if (operation.base_points() > points_) refuse(operation.base_points(), points_);
  std::size_t position = 0, inserted = 0;
  for (const TextComponent& one : operation.components()) {
    if (one.is_insert()) {
      insert_valid(position, operation.inserted().substr(inserted, one.bytes));
      inserted += one.bytes;
      position += one.length();
    } else if (one.is_erase()) {
      erase(position, one.length());
    } else {
      position += one.length();
    }
  }
}

}  // namespace objectos
