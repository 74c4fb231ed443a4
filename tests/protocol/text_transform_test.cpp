// Concurrent edits of a text, case by case: both sides come to the same, and to what people mean.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "tests/protocol/text_dice.h"

using namespace objectos;
using ot::Side;

namespace {

// What `text` becomes by a and b, made at the same time; a's inserts go to the given side. Checks
// that both orders of arrival give it.
std::string both(const std::string& text, std::string_view a, std::string_view b,
                 Side side = Side::left) {
  const TextOperation first = op(a), second = op(b);
  const auto [first_after, second_after] = ot::transform_both(first, second, side);
  CHECK(ot::transform(first, second, side) == first_after);
  CHECK(ot::transform(second, first, ot::opposite(side)) == second_after);
  const std::string there = ot::apply(ot::apply(text, first), second_after);
  CHECK(ot::apply(ot::apply(text, second), first_after) == there);
  return there;
}

std::string moved(std::string_view a, std::string_view over, Side side = Side::left) {
  return write_text_operation(ot::transform(op(a), op(over), side));
}

struct Edit {
  std::string client;
  TextOperation operation;
};

// A server that commits the edits, all made of `text`, in the order they come.
std::string committed(std::string text, const std::vector<Edit>& edits) {
  std::vector<Edit> log;
  for (const Edit& edit : edits) {
    TextOperation operation = edit.operation;
    for (const Edit& before : log)
      operation =
          ot::transform(operation, before.operation, ot::side_of(edit.client, before.client));
    text = ot::apply(text, operation);
    log.push_back({edit.client, operation});
  }
  return text;
}

}  // namespace

TEST_CASE("A types Hello and B World at the start of a text: HelloWorld, whoever arrives first") {
  const Edit hello{"A", op(R"(["Hello"])")}, world{"B", op(R"(["World"])")};
  CHECK(committed("", {hello, world}) == "HelloWorld");
  CHECK(committed("", {world, hello}) == "HelloWorld");
}

TEST_CASE("three inserts at one place stand in the order of their clients, in all six orders") {
  std::array<Edit, 3> edits = {Edit{"A", op(R"([1,"1"])")}, Edit{"B", op(R"([1,"2"])")},
                               Edit{"C", op(R"([1,"3"])")}};
  std::array<std::size_t, 3> order = {0, 1, 2};
  do {
    CHECK(committed("xy", {edits[order[0]], edits[order[1]], edits[order[2]]}) == "x123y");
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("ids are compared by bytes; of one id what was committed first stays left") {
  CHECK(ot::side_of("a", "b") == Side::left);
  CHECK(ot::side_of("b", "a") == Side::right);
  CHECK(ot::side_of("", "a") == Side::left);  // plain SQL on the server
  CHECK(ot::side_of("a", "a") == Side::right);
  CHECK(ot::side_of("Z", "a") == Side::left);
  CHECK(ot::side_of("z", "\xc3\xa9") == Side::left);
}

TEST_CASE("an insert at the start of a deleted range, in it and at its end survives") {
  CHECK(both("abcdef", R"([2,"x"])", "[2,-2]") == "abxef");
  CHECK(both("abcdef", R"([3,"x"])", "[2,-2]") == "abxef");
  CHECK(both("abcdef", R"([4,"x"])", "[2,-2]") == "abxef");
}

TEST_CASE("a delete splits around what was inserted in it") {
  CHECK(moved("[2,-3]", R"([3,"xy"])") == "[2,-1,2,-2]");
  CHECK(both("abcdef", "[2,-3]", R"([3,"xy"])") == "abxyf");
}

TEST_CASE(
    "deletes that are identical, nested, overlapping or adjacent delete each character once") {
  CHECK(both("abcdef", "[1,-3]", "[1,-3]") == "aef");
  CHECK(both("abcdef", "[1,-4]", "[2,-2]") == "af");
  CHECK(both("abcdef", "[1,-3]", "[2,-3]") == "af");
  CHECK(both("abcdef", "[1,-2]", "[3,-2]") == "af");
  CHECK(moved("[1,-3]", "[1,-3]") == "[]");
  CHECK(moved("[2,-2]", "[1,-4]") == "[]");
  CHECK(moved("[2,-3]", "[1,-3]") == "[1,-1]");
}

// trap: false-tie
TEST_CASE("a false tie: two inserts around a character that a third deletes, in all six orders") {
  // "ab": A inserts after a, B after b, C deletes b. Where the delete comes between the two, they
  // meet at one place and stand in the order of their clients: here that is their order anyway.
  std::array<Edit, 3> edits = {Edit{"A", op(R"([1,"1"])")}, Edit{"B", op(R"([2,"2"])")},
                               Edit{"C", op("[1,-1]")}};
  std::array<std::size_t, 3> order = {0, 1, 2};
  do {
    CHECK(committed("ab", {edits[order[0]], edits[order[1]], edits[order[2]]}) == "a12");
  } while (std::next_permutation(order.begin(), order.end()));
  // With the ids the other way round the outcome depends on when the delete came, and on that
  // alone; so the server decides it, and nobody else (docs/operational_transform.md, Ties).
  std::swap(edits[0].client, edits[1].client);
  CHECK(committed("ab", {edits[0], edits[1], edits[2]}) == "a12");
  CHECK(committed("ab", {edits[2], edits[0], edits[1]}) == "a21");
}

TEST_CASE("one operation or step by step can differ in a tie: Jw and wJ") {
  // "ab": H deletes a and inserts J after b; X deletes b and inserts w at 0. H's id is lower.
  const std::vector<TextOperation> h = {op("[-1]"), op(R"([1,"J"])")};
  const std::vector<TextOperation> x = {op("[1,-1]"), op(R"(["w"])")};
  std::string text = "ab";
  std::vector<TextOperation> log = h;
  for (const TextOperation& one : h) text = ot::apply(text, one);
  for (TextOperation one : x) {
    for (TextOperation& before : log) {
      auto [after, shifted] = ot::transform_both(one, before, Side::right);
      one = std::move(after);
      before = std::move(shifted);
    }
    text = ot::apply(text, one);
  }
  CHECK(text == "Jw");
  const TextOperation whole_h = ot::compose_all(h), whole_x = ot::compose_all(x);
  CHECK(both("ab", write_text_operation(whole_x), write_text_operation(whole_h), Side::right) ==
        "wJ");
}

TEST_CASE("of two replacements both new texts stay, in the order of their clients") {
  CHECK(both("abc", R"([1,-1,"X"])", R"([1,-1,"Y"])", Side::left) == "aXYc");
  CHECK(both("abc", R"([1,-1,"X"])", R"([1,-1,"Y"])", Side::right) == "aYXc");
  CHECK(both("abcd", R"([-3,"X"])", R"([1,-3,"Y"])") == "XY");
}

TEST_CASE("an insert survives the deletion of the whole text") {
  CHECK(both("abc", "[-3]", R"([1,"x"])") == "x");
  CHECK(both("abc", "[-3]", R"([3,"x"])") == "x");
  CHECK(both("abc", R"([-3,"new"])", R"(["x"])", Side::left) == "xnew");
}

TEST_CASE("the empty text and the end of a text are places like any other") {
  CHECK(both("", R"(["a"])", R"(["b"])", Side::left) == "ab");
  CHECK(both("", R"(["a"])", R"(["b"])", Side::right) == "ba");
  CHECK(both("", "[]", R"(["b"])") == "b");
  CHECK(both("xy", R"([2,"a"])", R"([2,"b"])", Side::right) == "xyba");
  CHECK(both("xy", R"([2,"a"])", "[1,-1]") == "xa");
}

TEST_CASE("insert and delete in one gap stay as they were written") {
  CHECK(both("ab", R"([-1,"x"])", R"(["y",-1])") == "yxb");
  CHECK(both("ab", R"(["x",-1])", R"([-1,"y"])") == "xyb");
  CHECK(write_text_operation(ot::compose(op("[-1]"), op(R"(["x"])"))) == R"([-1,"x"])");
  CHECK(write_text_operation(ot::compose(op(R"(["x"])"), op("[1,-1]"))) == R"(["x",-1])");
  CHECK(write_text_operation(ot::compose(op(R"([1,"xyz"])"), op("[2,-1]"))) == R"([1,"xz"])");
  CHECK(ot::compose(op(R"([1,"xyz"])"), op("[1,-3]")).changes_nothing());
}

TEST_CASE("nobody's surrogate pairs, accents or flags are torn by positions") {
  CHECK(both("\U0001F600\U0001F601", R"([1,"ß"])", "[1,-1]") == "\U0001F600ß");
  CHECK(both("e\u0301", R"([2,"x"])", "[-2]") == "x");
  CHECK(both("\U0001F1E6\U0001F1F9", R"([2,"שלום"])", R"(["سلام"])") ==
        "سلام\U0001F1E6\U0001F1F9שלום");
}

TEST_CASE("an undo takes its own edit back and leaves what others wrote since") {
  const std::string text = "one two three";
  const TextOperation mine = op(R"([4,-3,"2"])"), undo = ot::invert(mine, text);
  const std::string after = ot::apply(text, mine);
  CHECK(after == "one 2 three");
  CHECK(ot::apply(after, undo) == text);
  const TextOperation theirs = op(R"(["zero ",5," and a half"])");
  CHECK(ot::apply(ot::apply(after, theirs), ot::transform(undo, theirs, Side::left)) ==
        "zero one two and a half three");
}

TEST_CASE("an undo after a remote deletion takes back what is left, and nothing else") {
  const TextOperation mine = op(R"([1,"abc"])"), undo = ot::invert(mine, "xy");
  const TextOperation theirs = op("[2,-1]");  // the b
  const std::string now = ot::apply(ot::apply("xy", mine), theirs);
  CHECK(now == "xacy");
  CHECK(ot::apply(now, ot::transform(undo, theirs, Side::left)) == "xy");
  const TextOperation all = op("[-5]");
  CHECK(ot::transform(undo, all, Side::left).changes_nothing());
}

TEST_CASE("a cursor goes with its text, and stays in place where its text is deleted") {
  const TextOperation edit = op(R"([2,"xy",-2,1,-1])");  // "abcdef" to "abxye"
  const auto at = [&](std::size_t position, Side side) {
    return ot::transform_position(position, edit, side);
  };
  CHECK(at(0, Side::left) == 0);
  CHECK(at(2, Side::left) == 2);
  CHECK(at(2, Side::right) == 4);
  CHECK(at(3, Side::left) == 4);
  CHECK(at(4, Side::left) == 4);
  CHECK(at(5, Side::left) == 5);
  CHECK(at(6, Side::right) == 5);
  CHECK(ot::transform_position(1, op(R"([-2,"x"])"), Side::right) == 0);
  CHECK(ot::transform_position(0, op(R"(["x"])"), Side::right) == 1);
}
