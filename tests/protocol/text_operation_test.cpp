// Text operations by themselves: what is accepted, what it does, what is refused.
#include <doctest/doctest.h>

#include <vector>

#include "protocol/code_points.h"
#include "protocol/json.h"
#include "protocol/limits.h"
#include "tests/protocol/refusal.h"
#include "tests/protocol/text_dice.h"

using namespace objectos;
using namespace std::string_view_literals;

namespace {

std::string written(std::string_view json) {
  return write_text_operation(op(json));
}

std::string applied(std::string_view text, std::string_view json) {
  return ot::apply(text, op(json));
}

ProtocolError parse_refusal(const std::string& json) {
  CAPTURE(json);
  return refusal([&] { parse_text_operation(json); });
}

}  // namespace

TEST_CASE("an operation keeps, inserts and deletes along the text") {
  CHECK(applied("Hello new world", R"([6,"brave ",-4])") == "Hello brave world");
  CHECK(applied("abc", "[]") == "abc");
  CHECK(applied("", R"(["x"])") == "x");
  CHECK(applied("abc", "[-3]").empty());
  CHECK(applied("abc", R"([3,"d"])") == "abcd");
}

// trap: code-points
TEST_CASE("lengths are code points, whatever their bytes") {
  CHECK(applied("aß\U0001F600z", R"([2,-1,"\uffff"])") == "aß\uffffz");
  CHECK(applied("e\u0301", "[1,-1]") == "e");  // an accent can be taken from its letter
  CHECK(applied("\U0001F1E6\U0001F1F9", R"([1,"-"])") == "\U0001F1E6-\U0001F1F9");
  CHECK(op(R"(["e\u0301\ud83d\ude00"])").length_change() == 3);
  CHECK(op(R"([5,"ß",-3,"ab"])").base_points() == 8);
  CHECK(op(R"([5,"ß",-3,"ab"])").length_change() == 0);
}

TEST_CASE("code points are counted in texts of any length and at any offset") {
  std::string text;
  TextDice dice(1);
  for (int i = 0; i < 700; ++i) {
    CHECK(count_points(text) == TextDice::count_of(text));
    const std::size_t points = dice.below(count_points(text) + 1);
    const PointsOffset end = points_offset(text, points);
    CHECK(end.missing == 0);
    CHECK(TextDice::count_of(text.substr(0, end.bytes)) == points);
    CHECK(is_valid_utf8(std::string_view(text).substr(end.bytes)));
    text += dice.piece();
  }
  const PointsOffset beyond = points_offset(text, count_points(text) + 7);
  CHECK(beyond.missing == 7);
  CHECK(beyond.bytes == text.size());
}

TEST_CASE("the article's insert and delete are read as operations") {
  CHECK(written(R"({"type":"insert","pos":5,"text":"brave "})") == R"([5,"brave "])");
  CHECK(written(R"({"type":"insert","pos":0,"text":"x"})") == R"(["x"])");
  CHECK(written(R"({"type":"delete","pos":2,"len":3})") == "[2,-3]");
  CHECK(written(R"({"type":"delete","pos":0,"len":3})") == "[-3]");
  for (const char* json :
       {R"({"type":"insert","pos":5})", R"({"type":"insert","pos":5,"text":""})",
        R"({"type":"insert","text":"a"})", R"({"type":"insert","pos":-1,"text":"a"})",
        R"({"type":"insert","pos":1,"text":"a","len":1})", R"({"type":"delete","pos":1,"len":0})",
        R"({"type":"delete","pos":1})", R"({"type":"delete","pos":1,"len":4294967297})",
        R"({"type":"delete","pos":1.5,"len":1})", R"({"type":"replace","pos":1,"len":1})",
        R"({"pos":1,"len":1})", "{}"}) {
    CHECK(parse_refusal(json).code() == ErrorCode::invalid_mutation);
  }
}

TEST_CASE("what was canonical is written as it was read") {
  for (const char* json : {"[]", R"(["a"])", "[-1]", R"([5,"brave ",-3])", R"([1,"a",-1,"b",-1])",
                           R"([-1,"a"])", R"(["a",-1])", R"(["\"\\\n\u0001"])"}) {
    CHECK(written(json) == json);
    CHECK(write_json(text_operation_json(op(json))) == json);
  }
}

TEST_CASE("neighbours of one kind are put together, and insert and delete keep their order") {
  CHECK(written(R"([1,2,"a","b",-1,-2,"c"])") == R"([3,"ab",-3,"c"])");
  CHECK(written(R"([-1,"a",-1])") == R"([-1,"a",-1])");
  TextOperationBuilder builder;
  builder.keep(0).insert("").erase(0).keep(3).erase(1).keep(9);
  CHECK(write_text_operation(builder.build()) == "[3,-1]");
  CHECK(builder.build().changes_nothing());  // and begins anew
}

TEST_CASE("a malformed operation is refused, and the refusal names the component") {
  for (const char* json : {"[0]",
                           "[-0]",
                           "[1,0,\"a\"]",
                           R"([""])",
                           "[1.5,-1]",
                           "[1.0,-1]",
                           "[1e2,-1]",
                           "[null]",
                           "[true]",
                           "[[1]]",
                           "[{}]",
                           "[2147483648,-1]",
                           "[-2147483648]",
                           "[-9223372036854775808]",
                           "[99999999999999999999,-1]",
                           "[3]",
                           "[\"a\",3]",
                           "null",
                           "7",
                           "\"a\"",
                           "true"}) {
    const ProtocolError error = parse_refusal(json);
    CHECK(error.code() == ErrorCode::invalid_mutation);
    CHECK(error.message().starts_with("invalid text operation: "));
  }
  CHECK(parse_refusal("[1,\"a\",0,-1]").detail() == "Component 3: 0.");
}

TEST_CASE("text that is no text is refused: U+0000, lone surrogates, broken UTF-8") {
  for (const std::string json :
       {"[\"a\\u0000\"]", "[\"\\ud83d\"]", "[\"\\ude00\\ud83d\"]", "[\"\xff\"]",
        "[\"\xed\xa0\x80\"]", "[\"\xc0\x80\"]", "[1", "[1,]"})
    CHECK(parse_refusal(json).code() == ErrorCode::malformed_message);
  CHECK(parse_refusal(std::string(100'000, '[')).code() == ErrorCode::malformed_message);
  TextOperationBuilder builder;
  CHECK(refusal([&] { builder.insert("\xf0\x9f"); }).code() == ErrorCode::malformed_message);
  CHECK(refusal([&] { builder.insert(std::string_view("\0", 1)); }).code() ==
        ErrorCode::malformed_message);
  for (const std::string_view base : {"\xff"sv, "a\xed\xa0\x80"sv, "\xf0\x9f\x98"sv, "\0"sv}) {
    CHECK(refusal([&] { ot::apply(base, op("[-1]")); }).code() == ErrorCode::malformed_message);
    CHECK(refusal([&] { ot::invert(op("[-1]"), base); }).code() == ErrorCode::malformed_message);
    CHECK(refusal([&] { ot::diff(base, "a"); }).code() == ErrorCode::malformed_message);
    CHECK(refusal([&] { ot::diff("a", base); }).code() == ErrorCode::malformed_message);
  }
}

TEST_CASE("an operation that reaches beyond its text is refused, never cut short") {
  for (const char* json : {"[-4]", "[3,-1]", R"([4,"a"])", R"([2,"a",-2])"}) {
    CAPTURE(json);
    const ProtocolError error = refusal([&] { applied("ß\U0001F600c", json); });
    CHECK(error.code() == ErrorCode::invalid_mutation);
    CHECK(error.detail().find("4 characters; this one has 3") != std::string::npos);
    CHECK(refusal([&] { ot::invert(op(json), "ß\U0001F600c"); }).code() ==
          ErrorCode::invalid_mutation);
  }
  CHECK(refusal([] { applied("", "[-1]"); }).code() == ErrorCode::invalid_mutation);
}

TEST_CASE("no operation spans more than a text can have, however it comes about") {
  CHECK(parse_refusal("[2147483647,-1]").code() == ErrorCode::limit_exceeded);
  CHECK(parse_refusal("[-50331649]").code() == ErrorCode::limit_exceeded);
  CHECK(parse_refusal("[50331640,-5,9,\"a\"]").code() == ErrorCode::limit_exceeded);
  const TextOperation most = op("[50331647,-1]");
  CHECK(refusal([&] { ot::compose(op("[-50331648]"), most); }).code() == ErrorCode::limit_exceeded);
  CHECK(refusal([&] { ot::transform(most, op(R"(["a"])"), ot::Side::left); }).code() ==
        ErrorCode::limit_exceeded);
  std::string many = "[1";
  for (std::size_t i = 0; i < limits::text_components_max; ++i) many += ",1";
  CHECK(parse_refusal(many + ",-1]").code() == ErrorCode::limit_exceeded);
  TextOperationBuilder builder;
  const std::string half(limits::string_bytes_max / 2 + 1, 'x');
  builder.insert(half).erase(1);
  const TextOperation insert = builder.build();
  CHECK(refusal([&] { ot::compose(insert, insert); }).code() == ErrorCode::limit_exceeded);
  CHECK(refusal([&] { builder.insert(half).insert(half); }).code() == ErrorCode::limit_exceeded);
}

TEST_CASE(
    "many operations that insert and delete more than a text can have compose to what is left") {
  TextOperationBuilder builder;
  const TextOperation insert = builder.insert(std::string(20'000'000, 'x')).build();
  const TextOperation erase = op("[-20000000]");
  std::vector<TextOperation> operations;
  for (int i = 0; i < 3; ++i) operations.insert(operations.end(), {insert, erase});
  CHECK(ot::compose_all(operations).changes_nothing());
  operations.push_back(op(R"(["y"])"));
  CHECK(write_text_operation(ot::compose_all(operations)) == R"(["y"])");
  operations.assign(3, insert);
  CHECK(refusal([&] { ot::compose_all(operations); }).code() == ErrorCode::limit_exceeded);
}

TEST_CASE("operations with and without memory of their own are copied, moved and compared alike") {
  const std::string small = R"([1,"a",-1])";
  const std::string large = R"([1,"a",-1,"b",1,"c",-1,"d",1,"a text that is no longer small"])";
  for (const std::string& from : {small, large}) {
    for (const std::string& to : {small, large}) {
      TextOperation source = op(from), target = op(to);
      CHECK((source == target) == (from == to));
      TextOperation copy = source;
      target = copy;
      CHECK(target == source);
      target = std::move(copy);
      CHECK(target == source);
      TextOperation& same = target;
      target = same;
      CHECK(write_text_operation(target) == from);
      const TextOperation moved = std::move(target);
      CHECK(write_text_operation(moved) == from);
    }
  }
  CHECK_FALSE(op(R"(["a"])") == op(R"(["b"])"));
}
