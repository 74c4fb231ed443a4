// The rope does what the operations do to a string, whatever the edits and however many.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "protocol/code_points.h"
#include "protocol/text_rope.h"
#include "tests/protocol/refusal.h"
#include "tests/protocol/text_dice.h"

using namespace objectos;

TEST_CASE("a rope is edited as the same string, operation by operation") {
  std::uint32_t seed = text_seed();
  MESSAGE("first seed " << seed);
  for (std::uint32_t i = text_cases(1'000) / 10 + 1; i > 0; --i, ++seed) {
    CAPTURE(seed);
    TextDice dice(seed);
    std::string text = dice.text(dice.chance(50) ? 10 : 3'000);
    TextRope rope(text);
    for (int step = 0; step < 40; ++step) {
      const std::size_t points = TextDice::count_of(text);
      TextOperation operation = dice.operation(points);
      if (dice.chance(50)) {
        TextOperationBuilder builder;
        const std::size_t at = dice.below(points + 1);
        builder.keep(at).insert(dice.text(dice.chance(90) ? 4 : 2'000));
        operation = builder.erase(dice.below(points - at + 1)).build();
      }
      rope.apply(operation);
      text = ot::apply(text, operation);
      REQUIRE(rope.size() == TextDice::count_of(text));
    }
    REQUIRE(rope.text() == text);
  }
}

TEST_CASE("a rope grows and shrinks by single characters at places all over it") {
  TextDice dice(7);
  TextRope rope;
  std::vector<std::string> points;
  const auto joined = [&] {
    std::string text;
    for (const std::string& one : points) text += one;
    return text;
  };
  for (int i = 0; i < 30'000; ++i) {
    const std::size_t at = dice.below(points.size() + 1);
    const bool growing = (i / 5'000) % 2 == 0;
    if (points.empty() || dice.chance(growing ? 80 : 20)) {
      const std::string one = dice.chance(80) ? "x" : "\U0001F600";
      rope.insert(at, one);
      points.insert(points.begin() + static_cast<std::ptrdiff_t>(at), one);
    } else {
      const std::size_t from = std::min(at, points.size() - 1);
      const std::size_t length = dice.between(1, std::min<std::size_t>(points.size() - from, 9));
      rope.erase(from, length);
      points.erase(points.begin() + static_cast<std::ptrdiff_t>(from),
                   points.begin() + static_cast<std::ptrdiff_t>(from + length));
    }
    if (i % 1'000 == 0) REQUIRE(rope.text() == joined());
  }
  rope.erase(0, rope.size());
  CHECK(rope.text().empty());
  rope.insert(0, "again");
  CHECK(rope.text() == "again");
}

TEST_CASE("a rope refuses what reaches beyond it and what is no text, and stays as it was") {
  TextRope rope("ß\U0001F600c");
  CHECK(rope.size() == 3);
  CHECK(refusal([&] { rope.insert(4, "x"); }).code() == ErrorCode::invalid_mutation);
  CHECK(refusal([&] { rope.erase(1, 3); }).code() == ErrorCode::invalid_mutation);
  CHECK(refusal([&] { rope.erase(5, 0); }).code() == ErrorCode::invalid_mutation);
  CHECK(refusal([&] { rope.erase(1, static_cast<std::size_t>(-1)); }).code() ==
        ErrorCode::invalid_mutation);
  CHECK(refusal([&] { rope.apply(op(R"(["x",-4])")); }).code() == ErrorCode::invalid_mutation);
  CHECK(refusal([&] { rope.insert(1, "\xff"); }).code() == ErrorCode::malformed_message);
  CHECK(refusal([] { TextRope broken("\xed\xa0\x80"); }).code() == ErrorCode::malformed_message);
  CHECK(rope.text() == "ß\U0001F600c");
  TextRope moved = std::move(rope);
  moved.insert(3, "!");
  CHECK(moved.text() == "ß\U0001F600c!");
}

TEST_CASE("a rope takes an operation back as the algebra does, and gives any part of its text") {
  std::uint32_t seed = text_seed();
  MESSAGE("first seed " << seed);
  for (std::uint32_t i = text_cases(300); i > 0; --i, ++seed) {
    CAPTURE(seed);
    TextDice dice(seed);
    std::string text = dice.text(3'000);
    TextRope rope(text);
    for (int edits = 0; edits < 10; ++edits) {
      const TextOperation operation = dice.operation(text);
      const TextOperation inverse = rope.apply_invertibly(operation);
      REQUIRE(inverse == ot::invert(operation, text));
      text = ot::apply(text, operation);
      REQUIRE(rope.text() == text);
      const std::size_t from = dice.below(static_cast<std::uint32_t>(rope.size()) + 1);
      const std::size_t points = dice.below(static_cast<std::uint32_t>(rope.size() - from) + 1);
      const PointsOffset begin = points_offset(text, from);
      const PointsOffset end = points_offset(std::string_view(text).substr(begin.bytes), points);
      REQUIRE(rope.part(from, points) == text.substr(begin.bytes, end.bytes));
    }
  }
}
