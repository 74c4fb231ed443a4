// A text that many small edits are applied to: each costs about the same however long the text is.
//
// The text stands in leaves of up to 1,000 bytes, some tens of leaves in a group, and the lengths
// of both in lists that are added up to find a place. The leaf of the last edit is remembered, for
// the next one is mostly beside it. Finding another place takes a step for each 30 KB of text.
//
// Invariants: the text is valid UTF-8 without U+0000, no code point lies in two leaves, no leaf is
// empty but that of an empty text. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/text_operation.h"

namespace objectos {

class TextRope {
 public:
  // Throws OS005 if the text is no valid UTF-8 or has U+0000.
  explicit TextRope(std::string_view text = {});
  TextRope(TextRope&&) noexcept;
  TextRope& operator=(TextRope&&) noexcept;
  ~TextRope();

  // Its length in code points.
  std::size_t size() const noexcept { return points_; }
  std::string text() const;

  // Positions and lengths in code points. Throw OS006 where they reach beyond the text, insert()
  // also OS005 as above; nothing is done then.
  void insert(std::size_t position, std::string_view text);
  void erase(std::size_t position, std::size_t points);
  void apply(const TextOperation& operation);
  // The same; returns what takes it back.
  TextOperation apply_invertibly(const TextOperation& operation);
  // So many code points from `position` on; throws as erase() does.
  std::string part(std::size_t position, std::size_t points);

 private:
  struct Leaf;
  struct Group;
  // A leaf, and the length of the text before it.
  struct Place {
    std::size_t group = 0;
    std::size_t leaf = 0;
    std::size_t before = 0;
  };

  void seek(std::size_t position, bool has_character);
  void insert_valid(std::size_t position, std::string_view text);
  void insert_piece(std::size_t position, std::string_view piece, std::size_t points);
  void erase_within(std::size_t position, std::size_t points);
  void split_leaf();
  void split_group();
  void tidy_leaf();

  std::vector<std::unique_ptr<Group>> groups_;
  std::size_t points_ = 0;
  Place place_;  // of the last edit
};

}  // namespace objectos
