// The grammar of filters and the form of subscriptions: what is taken, and what is refused how.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "protocol/errors.h"
#include "protocol/filter.h"
#include "protocol/limits.h"
#include "tests/protocol/refusal.h"

using namespace objectos;

namespace {

// The expression as the parser understood it, written anew.
std::string read(const std::string& expression) {
  return filter_text(parse_filter(expression));
}

void check_refused(const std::string& expression, const std::string& detail) {
  CAPTURE(expression.substr(0, 200));
  const ProtocolError error = refusal([&] { parse_filter(expression); });
  CHECK(std::string(error.sqlstate()) == "OS019");
  CHECK_MESSAGE(error.detail().find(detail) != std::string::npos, error.detail());
  CHECK_FALSE(error.hint().empty());
}

void check_subscription_refused(const std::string& json, const std::string& text) {
  CAPTURE(json);
  const ProtocolError error = refusal([&] { parse_subscription(parse_json(json)); });
  CHECK(std::string(error.sqlstate()) == "OS019");
  CHECK_MESSAGE((error.message() + " " + error.detail()).find(text) != std::string::npos,
                error.message(), " ", error.detail());
  CHECK_FALSE(error.hint().empty());
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("a filter expression is read as it would be in SQL") {
  struct Case {
    const char* expression;
    const char* meaning;
  };
  static const Case cases[] = {
      {"owner = 'ada'", "\"owner\" = 'ada'"},
      {"Owner='ada'", "\"owner\" = 'ada'"},
      {"\"Owner\" = 'ada'", "\"Owner\" = 'ada'"},
      {"\"a\"\"b\" = 'it''s'", "\"a\"\"b\" = 'it''s'"},
      {"größe = 'ö'", "\"größe\" = 'ö'"},
      {"a <> 1", "\"a\" <> '1'"},
      {"a != 1", "\"a\" <> '1'"},
      {"a < -1.5e3", "\"a\" < '-1.5e3'"},
      {"a<=.5", "\"a\" <= '.5'"},
      {"a > +1.", "\"a\" > '+1.'"},
      {"a >= TRUE", "\"a\" >= 'true'"},
      {"a = $user", "\"a\" = $user"},
      {"a IN ($client, $device, 'x')", "\"a\" IN ($client, $device, 'x')"},
      {"a in (1)", "\"a\" = '1'"},
      {"a is null", "\"a\" IS NULL"},
      {"a IS NOT NULL", "\"a\" IS NOT NULL"},
      {"a = 1 OR b = 2 AND c = 3", "\"a\" = '1' OR (\"b\" = '2' AND \"c\" = '3')"},
      {"(a = 1 OR b = 2) AND c = 3", "(\"a\" = '1' OR \"b\" = '2') AND \"c\" = '3'"},
      {"((a = 1))", "\"a\" = '1'"},
      {"owner = $user AND (stage IN ('a','b') OR private IS NULL)",
       "\"owner\" = $user AND (\"stage\" IN ('a', 'b') OR \"private\" IS NULL)"},
      {" a\n=\t1 ", "\"a\" = '1'"},
      {"\"null\" = ''", "\"null\" = ''"},
      {"a = '$user'", "\"a\" = '$user'"},
      {"a = '); DROP TABLE contacts; --'", "\"a\" = '); DROP TABLE contacts; --'"},
  };
  for (const Case& one : cases) {
    CAPTURE(one.expression);
    CHECK(read(one.expression) == one.meaning);
    CHECK(parse_filter(one.meaning) == parse_filter(one.expression));
  }
}

TEST_CASE("what is no filter expression is refused with the place and what was expected there") {
  struct Case {
    const char* expression;
    const char* detail;
  };
  static const Case cases[] = {
      {"", "At character 1: a column was expected"},
      {"   ", "a column was expected"},
      {"a", "At character 2: =, <>, <, <=, >, >=, IN or IS was expected"},
      {"a =", "At character 4: a value was expected"},
      {"= 1", "a column was expected"},
      {"1 = a", "a column was expected"},
      {"a = b", "a value was expected, not a column"},
      {"a = NULL", "write IS NULL"},
      {"a IN (1, NULL)", "write IS NULL"},
      {"a IN ()", "a value was expected"},
      {"a IN 1", "\"(\" was expected"},
      {"a IN (1", "\")\" was expected"},
      {"a IS 1", "NULL was expected"},
      {"a IS NOT", "NULL was expected"},
      {"a = 1 b = 2", "AND, OR or the end was expected"},
      {"a = 1 AND", "a column was expected"},
      {"AND a = 1", "a column was expected, not the word and"},
      {"(a = 1", "\")\" was expected"},
      {"a = 1)", "AND, OR or the end was expected"},
      {"NOT a = 1", "not the word not"},
      {"a LIKE 'x'", "IN or IS was expected"},
      {"a = 'x", "At character 5: a quote that is not closed"},
      {"\"a = 1", "a quote that is not closed"},
      {"\"\" = 1", "a column's name is empty"},
      {"a = 1x", "not a number"},
      {"a = -", "not a number"},
      {"a = 1e", "not a number"},
      {"a = $", "$user, $client, $device"},
      {"a = $password", "$user, $client, $device"},
      {"a = now()", "not a column"},
      {"a = 1; DELETE FROM a", "\";\" has no place in a filter"},
      {"a = 'x' || 'y'", "\"|\" has no place in a filter"},
      {"a::text = 'x'", "\":\" has no place in a filter"},
      {"a = (1)", "a value was expected"},
      {"a -- b", "not a number"},
  };
  for (const Case& one : cases) check_refused(one.expression, one.detail);
}

TEST_CASE("a filter beyond a limit is refused") {
  const std::size_t deep = limits::filter_depth_max;
  CHECK(read(repeated("(", deep) + "a = 1" + repeated(")", deep)) == "\"a\" = '1'");
  check_refused(repeated("(", deep + 1) + "a = 1" + repeated(")", deep + 1), "parentheses");
  check_refused(repeated("(", 30'000), "parentheses");
  const std::size_t terms = limits::filter_terms_max;
  CHECK(parse_filter("a IN (1" + repeated(",1", terms - 2) + ")").values.size() == terms - 1);
  check_refused("a IN (1" + repeated(",1", terms - 1) + ")", "1000 tests and values");
  check_refused("a = 1" + repeated(" OR a = 1", terms / 2), "1000 tests and values");
  check_refused("a = '" + repeated("x", limits::filter_bytes_max) + "'", "bytes");
}

TEST_CASE("the article's form means equality of every column named") {
  const auto meaning = [](const std::string& json) {
    const auto filter = filter_from_json(parse_json(json), "contacts");
    return filter ? filter_text(*filter) : "all";
  };
  CHECK(meaning("{}") == "all");
  CHECK(meaning(R"({"owner":"ada"})") == "\"owner\" = 'ada'");
  CHECK(meaning(R"({"owner":"$user"})") == "\"owner\" = $user");
  CHECK(meaning(R"({"owner":"$$user"})") == "\"owner\" = '$user'");
  CHECK(meaning(R"({"Owner":1.50,"b":true})") == "\"Owner\" = '1.50' AND \"b\" = 'true'");
  CHECK(meaning(R"({"a":["x","$user",3]})") == "\"a\" IN ('x', $user, '3')");
  CHECK(meaning(R"({"a":null})") == "\"a\" IS NULL");
  CHECK(meaning(R"({"a":[null]})") == "\"a\" IS NULL");
  CHECK(meaning(R"({"a":["x",null],"b":2})") == "(\"a\" = 'x' OR \"a\" IS NULL) AND \"b\" = '2'");
  CHECK(meaning(R"("a < 3")") == "\"a\" < '3'");
}

TEST_CASE("a subscription names its objects, and null or {} is everything") {
  const auto of = [](const std::string& json) { return parse_subscription(parse_json(json)); };
  CHECK_FALSE(of("null"));
  CHECK_FALSE(of("{}"));
  CHECK(of(R"({"objects":[]})")->empty());
  const auto two = of(R"({"objects":["a","b"],"filters":{"b":{"owner":"$user"}}})");
  REQUIRE(two->size() == 2);
  CHECK((*two)[0] == ObjectSubscription{"a", std::nullopt});
  CHECK((*two)[1] == ObjectSubscription{"b", parse_filter("owner = $user")});
  CHECK_FALSE((*of(R"({"objects":["a"],"filters":{"a":{}}})"))[0].filter);
  CHECK(of(R"({"objects":["a"],"filters":null})")->size() == 1);
}

TEST_CASE("what is no subscription is refused") {
  check_subscription_refused("[]", "JSON object");
  check_subscription_refused("\"contacts\"", "JSON object");
  check_subscription_refused(R"({"filters":{}})", "no list of objects");
  check_subscription_refused(R"({"objects":"a"})", "no list of objects");
  check_subscription_refused(R"({"objects":[1]})", "no string");
  check_subscription_refused(R"({"objects":["a","a"]})", "named twice");
  check_subscription_refused(R"({"objects":["a"],"filter":{}})", "no member \"filter\"");
  check_subscription_refused(R"({"objects":["a"],"filters":[]})", "\"filters\"");
  check_subscription_refused(R"({"objects":["a"],"filters":{"b":{}}})", "not subscribed to");
  check_subscription_refused(R"({"objects":["a"],"filters":{"a":1}})", "neither");
  check_subscription_refused(R"({"objects":["a"],"filters":{"a":null}})", "neither");
  check_subscription_refused(R"({"objects":["a"],"filters":{"a":{"x":[]}}})", "list of values");
  check_subscription_refused(R"({"objects":["a"],"filters":{"a":{"x":{}}}})", "column x");
  check_subscription_refused(R"({"objects":["a"],"filters":{"a":{"x":[[1]]}}})", "column x");
  check_subscription_refused(R"({"objects":["a"],"filters":{"a":{"x":"$me"}}})", "$me");
  check_subscription_refused(R"({"objects":["a"],"filters":{"a":""}})", "a column was expected");
  check_subscription_refused(R"({"objects":["a"],"filters":{"a":{"x":[1)" +
                                 repeated(",1", limits::filter_terms_max) + "]}}}",
                             "1000 tests and values");
  check_subscription_refused(
      R"({"objects":[")" + repeated("x", limits::subscription_bytes_max) + "\"]}", "bytes");
}
