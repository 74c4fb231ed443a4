// What must hold of the algebra whatever is edited (docs/operational_transform.md, Laws): random
// texts and operations over an awkward alphabet. OBJECTOS_SEED=<seed> repeats a failure; CASES=<n>
// runs so many cases of each.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "protocol/json.h"
#include "tests/protocol/refusal.h"
#include "tests/protocol/text_dice.h"

using namespace objectos;
using ot::Side;

namespace {

// Calls check(dice) for each seed.
template <typename Check>
void for_cases(const Check& check) {
  std::uint32_t seed = text_seed();
  MESSAGE("first seed " << seed);
  for (std::uint32_t i = text_cases(4'000); i > 0; --i, ++seed) {
    CAPTURE(seed);
    TextDice dice(seed);
    check(dice);
  }
}

// By the components alone, not by how they were made.
bool is_canonical(const TextOperation& operation) {
  std::size_t bytes = 0;
  const TextComponent* last = nullptr;
  for (const TextComponent& one : operation.components()) {
    const std::string_view text = operation.inserted().substr(bytes, one.bytes);
    if (one.points == 0 || (one.is_insert() && one.is_erase())) return false;
    if (one.is_insert() && TextDice::count_of(std::string(text)) != one.length()) return false;
    if (!is_valid_utf8(text)) return false;
    if (last && last->is_insert() == one.is_insert() && last->is_erase() == one.is_erase())
      return false;
    bytes += one.bytes;
    last = &one;
  }
  return bytes == operation.inserted().size() && (last == nullptr || !last->is_keep());
}

// Edits made one after the other, and the text after them.
struct Chain {
  std::vector<TextOperation> operations;
  std::string text;
};

Chain chain_of(TextDice& dice, const std::string& text, std::size_t most) {
  Chain chain{{}, text};
  for (std::size_t i = dice.below(most + 1); i > 0; --i) {
    chain.operations.push_back(dice.operation(chain.text));
    chain.text = ot::apply(chain.text, chain.operations.back());
  }
  return chain;
}

std::set<std::size_t> insert_places(const TextOperation& operation) {
  std::set<std::size_t> places;
  std::size_t at = 0;
  for (const TextComponent& one : operation.components()) {
    if (one.is_insert())
      places.insert(at);
    else
      at += one.length();
  }
  return places;
}

std::set<std::size_t> erased_places(const TextOperation& operation) {
  std::set<std::size_t> places;
  std::size_t at = 0;
  for (const TextComponent& one : operation.components()) {
    if (one.is_insert()) continue;
    for (std::size_t i = 0; i < one.length() && one.is_erase(); ++i) places.insert(at + i);
    at += one.length();
  }
  return places;
}

std::vector<std::string> points_of(const std::string& text) {
  std::vector<std::string> points;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80U) points.emplace_back();
    points.back() += c;
  }
  return points;
}

std::vector<std::string> sorted_points(const std::string& text) {
  std::vector<std::string> points = points_of(text);
  std::sort(points.begin(), points.end());
  return points;
}

bool tie(const TextOperation& a, const TextOperation& b) {
  const std::set<std::size_t> places = insert_places(a);
  for (const std::size_t place : insert_places(b)) {
    if (places.contains(place)) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("TP1: two concurrent edits give the same text in both orders") {
  for_cases([](TextDice& dice) {
    const std::string text = dice.text(8);
    const TextOperation a = dice.operation(text), b = dice.operation(text);
    const Side side = dice.side();
    const auto [a_after, b_after] = ot::transform_both(a, b, side);
    REQUIRE(ot::apply(ot::apply(text, a), b_after) == ot::apply(ot::apply(text, b), a_after));
    REQUIRE(ot::transform(a, b, side) == a_after);
    REQUIRE(ot::transform(b, a, ot::opposite(side)) == b_after);
    REQUIRE(ot::compose(a, b_after).length_change() == ot::compose(b, a_after).length_change());
  });
}

TEST_CASE("TP1 for composites: two branches of many edits meet in the same text") {
  for_cases([](TextDice& dice) {
    const std::string text = dice.text(12);
    const Chain mine = chain_of(dice, text, 9), theirs = chain_of(dice, text, 9);
    const TextOperation a = ot::compose_all(mine.operations);
    const TextOperation b = ot::compose_all(theirs.operations);
    const auto [a_after, b_after] = ot::transform_both(a, b, dice.side());
    REQUIRE(ot::apply(mine.text, b_after) == ot::apply(theirs.text, a_after));
  });
}

TEST_CASE("a composed edit does what its parts do one after the other") {
  for_cases([](TextDice& dice) {
    const std::string text = dice.text(10);
    const TextOperation a = dice.operation(text);
    const std::string between = ot::apply(text, a);
    const TextOperation b = dice.operation(between);
    REQUIRE(ot::apply(text, ot::compose(a, b)) == ot::apply(between, b));
  });
}

TEST_CASE("compose is associative, and a tree of many gives what a chain of them does") {
  for_cases([](TextDice& dice) {
    const Chain chain = chain_of(dice, dice.text(10), 9);
    TextOperation left;
    for (const TextOperation& one : chain.operations) left = ot::compose(left, one);
    TextOperation right;
    for (std::size_t i = chain.operations.size(); i > 0; --i)
      right = ot::compose(chain.operations[i - 1], right);
    REQUIRE(left == right);
    REQUIRE(ot::compose_all(chain.operations) == left);
  });
}

TEST_CASE(
    "against a composed side an edit ends as against its steps, wherever no tie is involved") {
  std::size_t compared = 0;
  for_cases([&](TextDice& dice) {
    const std::string text = dice.text(12);
    const Chain theirs = chain_of(dice, text, 3);
    const TextOperation mine = dice.operation(text);
    const TextOperation composed = ot::compose_all(theirs.operations);
    bool tied = tie(mine, composed);
    TextOperation step_by_step = mine;
    for (const TextOperation& one : theirs.operations) {
      tied = tied || tie(step_by_step, one);
      step_by_step = ot::transform(step_by_step, one, dice.side());
    }
    if (tied) return;
    ++compared;
    REQUIRE(ot::apply(theirs.text, ot::transform(mine, composed, dice.side())) ==
            ot::apply(theirs.text, step_by_step));
  });
  if (text_cases(4'000) >= 4'000) CHECK(compared > text_cases(4'000) / 10);
}

TEST_CASE("the inverse takes an edit back, and the inverse of that brings it again") {
  for_cases([](TextDice& dice) {
    const std::string text = dice.text(10);
    const TextOperation a = dice.operation(text);
    const std::string after = ot::apply(text, a);
    const TextOperation inverse = ot::invert(a, text);
    REQUIRE(ot::apply(after, inverse) == text);
    REQUIRE(ot::apply(text, ot::invert(inverse, after)) == after);
    REQUIRE(is_canonical(inverse));
  });
}

TEST_CASE("when all of one's inserts are undone, the text is as the others' edits alone made it") {
  for_cases([](TextDice& dice) {
    const std::string text = dice.text(8);
    TextOperation mine;
    for (std::size_t i = dice.below(5); i > 0; --i) {
      TextOperationBuilder insert;
      insert.keep(dice.below(TextDice::count_of(ot::apply(text, mine)) + 1)).insert(dice.piece());
      mine = ot::compose(mine, insert.build());
    }
    const TextOperation theirs = dice.operation(text);
    const auto [mine_after, theirs_after] = ot::transform_both(mine, theirs, dice.side());
    const TextOperation undo = ot::transform(ot::invert(mine, text), theirs_after, dice.side());
    REQUIRE(ot::apply(ot::apply(ot::apply(text, mine), theirs_after), undo) ==
            ot::apply(text, theirs));
  });
}

TEST_CASE("an undone deletion is back with its characters; the others' stay, theirs stay away") {
  for_cases([](TextDice& dice) {
    const std::string text = dice.text(8);
    const TextOperation mine = dice.operation(text), theirs = dice.operation(text);
    const auto [mine_after, theirs_after] = ot::transform_both(mine, theirs, dice.side());
    const TextOperation undo = ot::transform(ot::invert(mine, text), theirs_after, dice.side());
    const std::string left = ot::apply(ot::apply(ot::apply(text, mine), theirs_after), undo);
    // What both deleted is back, too: my deletion of it is undone.
    std::vector<std::string> expected = sorted_points(ot::apply(text, theirs));
    const std::vector<std::string> points = points_of(text);
    const std::set<std::size_t> by_them = erased_places(theirs);
    for (const std::size_t place : erased_places(mine)) {
      if (by_them.contains(place)) expected.push_back(points[place]);
    }
    std::sort(expected.begin(), expected.end());
    REQUIRE(sorted_points(left) == expected);
  });
}

TEST_CASE("an edit that does nothing changes nothing, on either side of any function") {
  for_cases([](TextDice& dice) {
    const std::string text = dice.text(8);
    const TextOperation a = dice.operation(text), nothing;
    REQUIRE(ot::compose(a, nothing) == a);
    REQUIRE(ot::compose(nothing, a) == a);
    REQUIRE(ot::transform(a, nothing, dice.side()) == a);
    REQUIRE(ot::transform(nothing, a, dice.side()).changes_nothing());
    REQUIRE(ot::apply(text, nothing) == text);
    REQUIRE(ot::invert(nothing, text).changes_nothing());
    REQUIRE(ot::compose_all({}).changes_nothing());
    const std::size_t position = dice.below(TextDice::count_of(text) + 1);
    REQUIRE(ot::transform_position(position, nothing, dice.side()) == position);
  });
}

TEST_CASE("whatever comes out is canonical, in valid UTF-8, and read again as the same") {
  for_cases([](TextDice& dice) {
    const std::string text = dice.text(10);
    const TextOperation a = dice.operation(text), b = dice.operation(text);
    const auto [a_after, b_after] = ot::transform_both(a, b, dice.side());
    for (const TextOperation& one :
         {a, b, a_after, b_after, ot::compose(a, b_after), ot::invert(a, text)}) {
      REQUIRE(is_canonical(one));
      REQUIRE(op(write_text_operation(one)) == one);
      REQUIRE(parse_text_operation(text_operation_json(one)) == one);
    }
    REQUIRE(is_valid_utf8(ot::apply(ot::apply(text, a), b_after)));
  });
}

TEST_CASE("an operation for a longer text is refused by a shorter one, and by no other") {
  for_cases([](TextDice& dice) {
    const std::string text = dice.text(4);
    const TextOperation a = dice.operation(dice.below(12));
    if (a.base_points() <= TextDice::count_of(text)) {
      const std::string after = ot::apply(text, a);
      REQUIRE(static_cast<std::int64_t>(TextDice::count_of(after)) ==
              static_cast<std::int64_t>(TextDice::count_of(text)) + a.length_change());
    } else {
      REQUIRE(refusal([&] { ot::apply(text, a); }).code() == ErrorCode::invalid_mutation);
    }
  });
}

TEST_CASE("cursors stay in range and in order") {
  for_cases([](TextDice& dice) {
    const std::string text = dice.text(8);
    const TextOperation a = dice.operation(text);
    const std::size_t after = TextDice::count_of(ot::apply(text, a));
    std::size_t left_before = 0, right_before = 0;
    for (std::size_t position = 0; position <= TextDice::count_of(text); ++position) {
      const std::size_t left = ot::transform_position(position, a, Side::left);
      const std::size_t right = ot::transform_position(position, a, Side::right);
      REQUIRE(left <= right);
      REQUIRE(right <= after);
      REQUIRE(left_before <= left);
      REQUIRE(right_before <= right);
      left_before = left;
      right_before = right;
    }
  });
}
