// The algebra of text operations: pure functions, the same on both sides.
// docs/operational_transform.md has the definitions and why they are these.
//
// d is a text, d·a the text after the operation a. All positions and lengths are code points. Time
// and memory are linear in the operations (and in the text, where there is one) unless said
// otherwise. Throws ProtocolError: OS006 for an operation that reaches beyond its text, OS007 where
// an operation would span or insert more than a text may hold; nothing is clamped. How large the
// text of apply() may be is its caller's to say.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/text_operation.h"

namespace objectos::ot {

// Where of two that are at one place.
enum class Side : std::uint8_t { left, right };
constexpr Side opposite(Side side) noexcept {
  return side == Side::left ? Side::right : Side::left;
}

// The side of `client`'s inserts against those of `other`, which was committed before: the lower
// id (by bytes) goes left, whichever came first. Of one id, what was committed stays left.
constexpr Side side_of(std::string_view client, std::string_view other) noexcept {
  return client < other ? Side::left : Side::right;
}

// d·a. Throws OS005 if the text is no valid UTF-8.
std::string apply(std::string_view text, const TextOperation& a);

// One operation that does what a and then b does: d·compose(a, b) = (d·a)·b. Associative. Where b
// inserts at a place where a deleted, the deletion is written first.
TextOperation compose(const TextOperation& a, const TextOperation& b);

// All of them in order, as a balanced tree: O(n log n) for n components in all.
TextOperation compose_all(std::span<const TextOperation> operations);

// a, made to follow b, where both were made of one text: (d·b)·transform(a, b, s) =
// (d·a)·transform(b, a, opposite(s)) (TP1). Where both insert at one place a's text goes to the
// side `side_of_a` of b's.
TextOperation transform(const TextOperation& a, const TextOperation& b, Side side_of_a);

// Both in one walk: {a to follow b, b to follow a}.
std::pair<TextOperation, TextOperation> transform_both(const TextOperation& a,
                                                       const TextOperation& b, Side side_of_a);

// What takes a back: (d·a)·invert(a, d) = d. `text` is d.
TextOperation invert(const TextOperation& a, std::string_view text);

// An operation that makes `after` of `before`; code points that both have in common at the start
// and the end are kept. What is between is compared character by character as far as the effort is
// bounded, and replaced otherwise (docs/operational_transform.md, Diff). Throws OS005 if one of
// them is no valid UTF-8 or has U+0000.
TextOperation diff(std::string_view before, std::string_view after);

// Where a cursor at `position` of d stands in d·a. With text that a inserts right at the cursor, it
// stays on that side of it. Never out of range of d·a if it was in range of d; keeps the order of
// cursors of one side.
std::size_t transform_position(std::size_t position, const TextOperation& a, Side side);

}  // namespace objectos::ot
