#include "protocol/json.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "protocol/errors.h"

using namespace objectos;

namespace {

// The error of parsing `text`; nothing if it parses.
std::optional<ProtocolError> error_of(const std::string& text, const JsonLimits& limits = {}) {
  try {
    parse_json(text, limits);
  } catch (const ProtocolError& error) {
    return error;
  }
  return std::nullopt;
}

void check_malformed(const std::string& text, const std::string& said) {
  CAPTURE(text.substr(0, 100));
  auto error = error_of(text);
  REQUIRE(error.has_value());
  CHECK(std::string(error->sqlstate()) == "OS005");
  CHECK_MESSAGE(error->message().find(said) != std::string::npos, error->message());
}

std::string nested(std::size_t depth, const std::string& open, const std::string& close) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  text += "1";
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

}  // namespace

// trap: json-parser
TEST_CASE("a value a million levels deep is refused, and 64 levels are read") {
  check_malformed(std::string(1'000'000, '['), "nested deeper than 64");
  check_malformed(nested(1'000'000, "[", "]"), "nested deeper than 64");
  check_malformed(nested(1'000'000, "{\"a\":", "}"), "nested deeper than 64");
  check_malformed(nested(65, "[", "]"), "nested deeper than 64");
  std::string deepest = nested(32, "{\"a\":[", "]}");
  CHECK(write_json(parse_json(deepest)) == deepest);
}

// trap: json-numbers
TEST_CASE("every number keeps its digits") {
  std::vector<std::string> numbers = {"0",
                                      "-0",
                                      "-0.0",
                                      "1.00",
                                      "1e5",
                                      "1E+5",
                                      "1e-7",
                                      "0e0",
                                      "9007199254740993",
                                      "9223372036854775807",
                                      "-9223372036854775808",
                                      "18446744073709551616",
                                      "1234567890123456789012345678901234567890",
                                      "-0.1234567890123456789012345678901234567890",
                                      "1e999999",
                                      "-1e-999999",
                                      "1e99999999999999999999",
                                      std::string(131'072, '7') + "." + std::string(16'383, '3')};
  for (const std::string& number : numbers) {
    CAPTURE(number.substr(0, 60));
    Json alone = parse_json(number);
    CHECK(alone.is_number());
    CHECK(alone.text() == number);
    std::string inside = "{\"a\":[" + number + ",{\"1e5\":" + number + "}]}";
    CHECK(write_json(parse_json(inside)) == inside);
    CHECK(canonical_json(parse_json(inside)) == inside);
    Json spaced = parse_json(" [ " + number + " , " + number + " ] ");
    CHECK(spaced.items().at(1).text() == number);
  }
}

TEST_CASE("digits and escapes in strings are no numbers") {
  for (const char* text :
       {R"(["-1","\\",2,"\"3",4,"\\\"5\\"])", R"({"1":"2","\\":3,"\"4":"5\\\\"})"}) {
    CHECK(write_json(parse_json(text)) == text);
  }
}

TEST_CASE("what is no JSON number is refused") {
  for (const char* text :
       {"01",    "-",     "+1",         "1.",  ".5",       "1e",        "1e+",   "--1",
        "1-2",   "1.2.3", "0x10",       "NaN", "Infinity", "-Infinity", "1e5.5", "1_000",
        "[1 2]", "[-]",   "{\"a\":00}", "1,",  "tru1",     "nul",       "1E1E1"}) {
    CAPTURE(text);
    auto error = error_of(text);
    REQUIRE(error.has_value());
    CHECK(error->code() == ErrorCode::malformed_message);
  }
  check_malformed("[01]", "invalid number 01");
  CHECK(error_of("[01]")->detail().find("At byte") != std::string::npos);
}

TEST_CASE("a number is an int64 only if it is one") {
  CHECK(parse_json("9223372036854775807").as_integer() == INT64_MAX);
  CHECK(parse_json("-9223372036854775808").as_integer() == INT64_MIN);
  for (const char* text : {"9223372036854775808", "1.0", "1e3", "\"1\"", "true", "null", "[1]"}) {
    CHECK_MESSAGE(!parse_json(text).as_integer(), text);
  }
}

TEST_CASE("surrogates count in pairs only") {
  CHECK(parse_json(R"("\ud83d\ude00")").text() == "\xF0\x9F\x98\x80");
  for (const char* text : {R"("\ud800")", R"("\udc00")", R"("\udfff!")", R"("\ud800\ud800")",
                           R"("\ude00\ud83d")", R"({"\udc00":1})", R"("\ud83dx")"}) {
    check_malformed(text, "urrogate");
  }
}

// trap: nul-in-text
TEST_CASE("U+0000 is refused in values and keys, escaped or not") {
  check_malformed(R"("a\u0000b")", "U+0000");
  check_malformed(R"({"a\u0000":1})", "U+0000");
  check_malformed(std::string("\"a\0b\"", 5), "zero byte");
  check_malformed(std::string("1\0", 2), "zero byte");
}

// trap: duplicate-keys
TEST_CASE("duplicate keys are refused at every level, also when one is escaped") {
  check_malformed(R"({"a":1,"a":2})", "duplicate key \"a\"");
  check_malformed(R"([{"b":{"c":1,"d":2,"c":1}}])", "duplicate key \"c\"");
  check_malformed(R"({"a":1,"\u0061":1})", "duplicate key \"a\"");
  check_malformed(R"({"":1,"":1})", "duplicate key \"\"");
  CHECK(write_json(parse_json(R"({"a":{"a":1},"A":2})")) == R"({"a":{"a":1},"A":2})");
}

// trap: invalid-utf8
TEST_CASE("invalid UTF-8 is refused wherever it stands") {
  for (const char* bytes :
       {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x82"}) {
    check_malformed("\"" + std::string(bytes) + "\"", "UTF-8");
    check_malformed("{\"" + std::string(bytes) + "\":1}", "UTF-8");
    check_malformed("1" + std::string(bytes), "UTF-8");
    CHECK_FALSE(is_valid_utf8(bytes));
  }
  CHECK(parse_json("\"\xF4\x8F\xBF\xBF\xED\x9F\xBF\"").text() == "\xF4\x8F\xBF\xBF\xED\x9F\xBF");
}

TEST_CASE("only one JSON text, whole, is a message") {
  for (const char* text : {"",           " ",        "{} {}",       "{}x",
                           "[1],",       "nullnull", "[1",          "{\"a\":1",
                           "\"a",        "{\"a\"}",  "{a:1}",       "[1,]",
                           "{\"a\":1,}", "'a'",      "[1]//",       "\xEF\xBB\xBF{}",
                           "\"a\nb\"",   "\"\\x\"",  "\"\\u12g4\"", "]",
                           "{]"}) {
    CAPTURE(text);
    auto error = error_of(text);
    REQUIRE(error.has_value());
    CHECK(error->code() == ErrorCode::malformed_message);
  }
  CHECK(parse_json(" \r\n\t null \n").is_null());
}

TEST_CASE("what is larger than a limit is told apart from what is broken") {
  JsonLimits small{20, 5, 64};
  CHECK(error_of("\"" + std::string(30, 'a') + "\"", small)->code() == ErrorCode::limit_exceeded);
  CHECK(error_of("[\"123456\"]", small)->code() == ErrorCode::limit_exceeded);
  CHECK(error_of("{\"123456\":1}", small)->code() == ErrorCode::limit_exceeded);
  CHECK(error_of("[123456]", small)->code() == ErrorCode::limit_exceeded);
  CHECK_FALSE(error_of("[\"12345\"]", small).has_value());
}

TEST_CASE("text is written with the shortest escapes, the same on both sides") {
  std::string controls;
  for (char c = 1; c < 0x20; ++c) controls += c;
  CHECK(json_string(controls) ==
        R"("\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f)"
        R"(\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b)"
        R"(\u001c\u001d\u001e\u001f")");
  CHECK(json_string("\"\\/\x7F\xC3\xA9") == "\"\\\"\\\\/\x7F\xC3\xA9\"");
  CHECK(parse_json(json_string(controls)).text() == controls);
}

TEST_CASE("canonical JSON sorts keys by bytes and leaves arrays and digits alone") {
  Json json = parse_json(R"({"b":[3,1.0],"a":{"z":null,"B":true,"é":"x"}, "aa":-0})");
  CHECK(canonical_json(json) == R"({"a":{"B":true,"z":null,"é":"x"},"aa":-0,"b":[3,1.0]})");
  CHECK(canonical_json(parse_json("1")) != canonical_json(parse_json("1.0")));
  CHECK(canonical_json(parse_json("1")) != canonical_json(parse_json("\"1\"")));
}
