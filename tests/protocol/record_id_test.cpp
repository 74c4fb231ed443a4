#include "protocol/record_id.h"

#include <doctest/doctest.h>

#include <string>

#include "protocol/errors.h"

using namespace objectos;

namespace {

Json text(const std::string& value) {
  return Json::string(value);
}
Json number(const std::string& digits) {
  return Json::number(digits);
}

// There and back again.
void check_round_trip(const std::vector<Json>& values, const std::vector<ValueKind>& kinds,
                      const std::string& record_id) {
  CAPTURE(record_id);
  CHECK(encode_record_id(values) == record_id);
  CHECK(parse_record_id(record_id, kinds) == values);
}

void check_refused(const std::string& record_id, const std::vector<ValueKind>& kinds) {
  CAPTURE(record_id);
  try {
    parse_record_id(record_id, kinds);
    FAIL_CHECK("it was read");
  } catch (const ProtocolError& error) {
    CHECK(std::string(error.sqlstate()) == "OS006");
    CHECK(error.field() == "record_id");
    CHECK(error.detail().find(json_string(record_id.substr(0, 200))) != std::string::npos);
  }
}

constexpr ValueKind kText = ValueKind::text;
constexpr ValueKind kInteger = ValueKind::integer;

}  // namespace

TEST_CASE("a single key is its bare text, without quotes or escapes") {
  check_round_trip({text("c1")}, {kText}, "c1");
  check_round_trip({text("")}, {kText}, "");
  check_round_trip({text("a \"quoted\" / slashed \\ key\n")}, {kText},
                   "a \"quoted\" / slashed \\ key\n");
  check_round_trip({text("[1,2]")}, {kText}, "[1,2]");
  check_round_trip({text("null")}, {kText}, "null");
  check_round_trip({text("Ключ 🗝")}, {kText}, "Ключ 🗝");
  check_round_trip({text(std::string(2'000, 'k'))}, {kText}, std::string(2'000, 'k'));
  check_round_trip({number("42")}, {kInteger}, "42");
  check_round_trip({number("-9223372036854775808")}, {kInteger}, "-9223372036854775808");
  check_round_trip({Json::boolean(true)}, {ValueKind::boolean}, "true");
  check_round_trip({number("1.00")}, {ValueKind::numeric}, "1.00");
  check_round_trip({text("NaN")}, {ValueKind::numeric}, "NaN");
  check_round_trip({number("1e+300")}, {ValueKind::real}, "1e+300");
  check_round_trip({text("-Infinity")}, {ValueKind::real}, "-Infinity");
  check_round_trip({text("\\x0aff")}, {ValueKind::bytes}, "\\x0aff");
  check_round_trip({text("\\x")}, {ValueKind::bytes}, "\\x");
  check_round_trip({text("{\"a\": 1}")}, {ValueKind::json}, "{\"a\": 1}");
}

TEST_CASE("a single array key is a JSON array, or its literal where bounds are not 1") {
  check_round_trip({parse_json("[1,[2,\"a\"]]")}, {ValueKind::array}, "[1,[2,\"a\"]]");
  check_round_trip({parse_json("[]")}, {ValueKind::array}, "[]");
  check_round_trip({text("[0:1]={1,2}")}, {ValueKind::array}, "[0:1]={1,2}");
  for (const char* wrong : {"[1, 2]", "[1", "a", "", "{1", "[0:1]", "5", "[\"\\u0041\"]"}) {
    check_refused(wrong, {ValueKind::array});
  }
}

TEST_CASE("a composite key is the canonical JSON array of its values") {
  check_round_trip({text("a"), number("1")}, {kText, kInteger}, "[\"a\",1]");
  check_round_trip({text("q\"/\\\n\x01é🗝"), Json::boolean(false)}, {kText, ValueKind::boolean},
                   "[\"q\\\"/\\\\\\n\\u0001é🗝\",false]");
  check_round_trip({text("1"), number("1")}, {kText, kInteger}, "[\"1\",1]");
  check_round_trip({text("NaN"), parse_json("[]")}, {ValueKind::real, ValueKind::array},
                   "[\"NaN\",[]]");
}

TEST_CASE("a composite key in any other spelling is refused") {
  for (const char* wrong : {"",
                            "a",
                            "[]",
                            "[\"a\"]",
                            "[\"a\",1,2]",
                            "[\"a\", 1]",
                            " [\"a\",1]",
                            "[\"a\",1]x",
                            "[\"a\",\"1\"]",
                            "[1,1]",
                            "[\"a\",null]",
                            "[null,1]",
                            "[\"\\u0061\",1]",
                            "[\"\\/\",1]",
                            "[\"a\",1.0]",
                            "[\"a\",1e0]",
                            "[\"a\",-0]",
                            "[\"a\",9223372036854775808]",
                            "[\"a\",01]",
                            "{\"a\":1}",
                            "[\"a\\u0000\",1]"}) {
    check_refused(wrong, {kText, kInteger});
  }
}

TEST_CASE("a single key that is no value of its kind is refused") {
  for (const char* wrong : {"", "a", "01", "+1", "1.0", " 1", "1 ", "-0", "--1", "0x1",
                            "9223372036854775808", "1e3", "null"}) {
    check_refused(wrong, {kInteger});
  }
  for (const char* wrong : {"", "t", "TRUE", "1", "null"}) {
    check_refused(wrong, {ValueKind::boolean});
  }
  for (const char* wrong : {"", "nan", "inf", "+1", "1.", ".5", "Infinity "}) {
    check_refused(wrong, {ValueKind::numeric});
    check_refused(wrong, {ValueKind::real});
  }
  for (const char* wrong : {"", "0aff", "\\x0AFF", "\\x0af", "\\y00", "\\x 0a"}) {
    check_refused(wrong, {ValueKind::bytes});
  }
}

TEST_CASE("a key value that is missing or an object cannot name a record") {
  CHECK_THROWS_AS(encode_record_id({Json()}), ProtocolError);
  CHECK_THROWS_AS(encode_record_id({text("a"), Json()}), ProtocolError);
  CHECK_THROWS_AS(encode_record_id({Json::object()}), ProtocolError);
}

TEST_CASE("a record_id beyond the limit is refused") {
  try {
    encode_record_id({text(std::string(limits::record_id_bytes_max + 1, 'k'))});
    FAIL_CHECK("it was written");
  } catch (const ProtocolError& error) {
    CHECK(error.code() == ErrorCode::limit_exceeded);
  }
}
