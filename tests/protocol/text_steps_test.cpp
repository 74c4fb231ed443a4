// The steps of a text field on their way from the server to a client.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "protocol/text_history.h"
#include "protocol/text_steps.h"
#include "tests/protocol/refusal.h"
#include "tests/protocol/text_dice.h"

using namespace objectos;

namespace {

std::string text_of(const std::vector<TextStep>& steps) {
  return write_json(encode_text_steps(steps));
}

}  // namespace

TEST_CASE("steps are written once and read as they were") {
  const std::string json =
      R"({"since":3,"steps":[{"first":4,"revision":5,"side":"left","op":["a"]},)"
      R"({"revision":6,"own":"m1","op":[1,-1]}]})";
  const std::vector<TextStep> steps = decode_text_steps(parse_json(json));
  REQUIRE(steps.size() == 2);
  CHECK(steps[0] == TextStep{3, 5, "", ot::Side::left, op(R"(["a"])"), 4});
  CHECK(steps[1] == TextStep{5, 6, "m1", ot::Side::right, op("[1,-1]"), 0});
  CHECK(text_of(steps) == json);
}

TEST_CASE("what the history tells a client arrives as it was") {
  std::uint32_t seed = text_seed();
  MESSAGE("first seed " << seed);
  for (std::uint32_t i = text_cases(300); i > 0; --i, ++seed) {
    CAPTURE(seed);
    TextDice dice(seed);
    std::string text = dice.text(8);
    std::vector<TextRevision> history;
    for (std::int64_t at = 0; at < 8; ++at) {
      static const char* const clients[] = {"a", "m", "z", ""};
      const std::string client = clients[dice.below(4)];
      history.push_back({at, at + 1, client, client.empty() ? "" : client + std::to_string(at),
                         dice.operation(text)});
      text = ot::apply(text, history.back().operation);
    }
    const auto steps = text_steps({8, history}, "m", 2);
    REQUIRE(decode_text_steps(parse_json(text_of(*steps))) == *steps);
  }
}

TEST_CASE("malformed steps are refused, and the refusal names the field") {
  const std::pair<const char*, const char*> cases[] = {
      std::pair{R"([])", "text field"},
      std::pair{R"({})", "since"},
      std::pair{R"({"since":-1})", "since"},
      std::pair{R"({"since":1})", "steps"},
      std::pair{R"({"since":0,"steps":[]})", "steps"},
      std::pair{R"({"steps":[{"revision":1,"side":"left","op":[]}]})", "since"},
      std::pair{R"({"since":0,"steps":{}})", "steps"},
      std::pair{R"({"since":0,"steps":[1]})", "step"},
      std::pair{R"({"since":0,"steps":[{"revision":1,"op":[]}]})", "side"},
      std::pair{R"({"since":0,"steps":[{"revision":1,"side":"up","op":[]}]})", "side"},
      std::pair{R"({"since":0,"steps":[{"revision":1,"side":"left"}]})", "op"},
      std::pair{R"({"since":0,"steps":[{"revision":0,"side":"left","op":[]}]})", "revision"},
      std::pair{R"({"since":0,"steps":[{"revision":1,"own":"","op":[]}]})", "own"},
      std::pair{R"({"since":0,"steps":[{"revision":1,"own":"m","side":"left","op":[]}]})", "side"},
      std::pair{R"({"since":0,"steps":[{"revision":1,"own":"m","op":[],"more":1}]})", "more"},
      std::pair{R"({"since":1,"steps":[],"more":1})", "more"},
      std::pair{R"({"since":1,"steps":[{"first":1,"revision":3,"side":"left","op":[]}]})", "first"},
      std::pair{R"({"since":1,"steps":[{"first":3,"revision":3,"side":"left","op":[]}]})", "first"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.first);
    const ProtocolError error = refusal([&] { decode_text_steps(parse_json(one.first)); });
    CHECK(error.code() == ErrorCode::invalid_mutation);
    CHECK(error.field() == one.second);
  }
}
