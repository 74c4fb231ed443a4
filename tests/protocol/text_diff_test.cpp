// An operation out of two texts: always right, small where the edit was small, and never slow.
#include <doctest/doctest.h>

#include "protocol/limits.h"
#include "tests/protocol/text_dice.h"

using namespace objectos;

namespace {

std::string found(const std::string& before, const std::string& after) {
  const TextOperation operation = ot::diff(before, after);
  CHECK(ot::apply(before, operation) == after);
  return write_text_operation(operation);
}

// Some lines of words, different for each seed.
std::string prose(std::uint32_t seed, std::size_t words) {
  TextDice dice(seed);
  std::string text;
  for (std::size_t i = 0; i < words; ++i) {
    for (std::size_t k = dice.between(2, 9); k > 0; --k)
      text += static_cast<char>('a' + dice.below(26));
    text += dice.chance(10) ? '\n' : ' ';
  }
  return text;
}

}  // namespace

TEST_CASE("the difference of two texts is what was typed, deleted or replaced") {
  CHECK(found("", "") == "[]");
  CHECK(found("same", "same") == "[]");
  CHECK(found("", "new") == R"(["new"])");
  CHECK(found("gone", "") == "[-4]");
  CHECK(found("abc", "abcd") == R"([3,"d"])");
  CHECK(found("abc", "xabc") == R"(["x"])");
  CHECK(found("abd", "abcd") == R"([2,"c"])");
  CHECK(found("abcd", "abd") == "[2,-1]");
  CHECK(found("aaa", "aaaa") == R"([3,"a"])");
  CHECK(found("aaaa", "aaa") == "[3,-1]");
  CHECK(found("a word here", "a verb here") == R"([2,-4,"verb"])");
}

TEST_CASE("two edits far from one another are two, so that what is between stays") {
  CHECK(found("The quick brown fox jumps", "A quick brown fox leaps") == R"([-3,"A",17,-3,"lea"])");
  CHECK(found("one two three", "one, two, three") == R"([3,",",4,","])");
}

TEST_CASE("a difference never splits a code point, though bytes of two may be alike") {
  CHECK(found("é", "è") == R"([-1,"è"])");
  CHECK(found("\U0001F600", "\U0001F601") == "[-1,\"\U0001F601\"]");
  CHECK(found("\U0001F600", "\U0001F500") == "[-1,\"\U0001F500\"]");
  CHECK(found("aéb", "aéèb") == R"([2,"è"])");
  CHECK(found("éa", "\u0169a") == "[-1,\"\u0169\"]");
  CHECK(found("привет, мир", "привет мир") == "[6,-1]");
}

TEST_CASE("letters that two sentences share by chance do not make a difference of crumbs") {
  const TextOperation rewritten = ot::diff("A cat sat on the mat.", "My dog lies under that tree.");
  CHECK(rewritten.components().size() <= 5);
}

TEST_CASE("thousands of words exchanged in a long text leave the rest of it alone") {
  const std::string before = prose(1, 20'000);
  std::string after = before;
  std::size_t words = 0;
  for (std::size_t at = 20; at + 3 < after.size(); at += 30, ++words) after.replace(at, 3, "XYZ");
  const TextOperation operation = ot::diff(before, after);
  CHECK(ot::apply(before, operation) == after);
  CHECK(words > 4'000);
  CHECK(operation.inserted().size() < 4 * words);
}

TEST_CASE("every line indented anew is a few spaces inserted into each") {
  std::string before = prose(3, 10'000), after;
  for (const char c : before) {
    after += c;
    if (c == '\n') after += "    ";
  }
  const TextOperation operation = ot::diff(before, after);
  CHECK(ot::apply(before, operation) == after);
  CHECK(operation.inserted().size() == after.size() - before.size());
}

TEST_CASE("a text that has nothing to do with the one before replaces it") {
  const std::string before = prose(1, 20'000), after = prose(2, 20'000);
  const TextOperation operation = ot::diff(before, after);
  CHECK(ot::apply(before, operation) == after);
  CHECK(operation.inserted().size() > after.size() / 10 * 9);
}

TEST_CASE(
    "text outside ASCII that is too large to compare is replaced between its first and last "
    "difference") {
  std::string before;
  for (std::size_t i = 0; i < limits::text_diff_bytes_max / 4 + 1'000; ++i) before += "ß";
  std::string after = before;
  after.replace(20, 2, "x");
  after.replace(after.size() - 20, 2, "y");
  const TextOperation operation = ot::diff(before, after);
  CHECK(ot::apply(before, operation) == after);
  CHECK(operation.components().size() == 3);
}

TEST_CASE("the difference of any two texts makes the one of the other, and is canonical") {
  std::uint32_t seed = text_seed();
  MESSAGE("first seed " << seed);
  for (std::uint32_t i = text_cases(3'000); i > 0; --i, ++seed) {
    CAPTURE(seed);
    TextDice dice(seed);
    const std::string before = dice.text(30);
    const std::string after =
        dice.chance(70) ? ot::apply(before, dice.operation(before)) : dice.text(30);
    const TextOperation operation = ot::diff(before, after);
    REQUIRE(ot::apply(before, operation) == after);
    REQUIRE(op(write_text_operation(operation)) == operation);
    REQUIRE(operation.changes_nothing() == (before == after));
    REQUIRE(operation.base_points() <= TextDice::count_of(before));
  }
}
