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

std::string text_of(const TextProgress& progress) {
  return write_json(encode_text_progress(progress));
}

}  // namespace

TEST_CASE("steps are written once and read as they were") {
  const std::string json =
      R"({"since":3,"revision":6,"steps":[{"revision":5,"side":"left","op":["a"]},)"
      R"({"revision":6,"own":"m1","op":[1,-1]}]})";
  const TextProgress progress = decode_text_progress(parse_json(json));
  CHECK(progress.revision == 6);
  REQUIRE(progress.steps->size() == 2);
  CHECK((*progress.steps)[0] == TextStep{3, 5, "", ot::Side::left, op(R"(["a"])")});
  CHECK((*progress.steps)[1] == TextStep{5, 6, "m1", ot::Side::right, op("[1,-1]")});
  CHECK(text_of(progress) == json);
  CHECK(text_of({7, std::nullopt}) == R"({"revision":7})");
  CHECK(text_of({7, std::vector<TextStep>{}}) == R"({"since":7,"revision":7,"steps":[]})");
  for (const char* whole : {R"({"revision":7})", R"({"since":7,"revision":7,"steps":[]})"})
    CHECK(text_of(decode_text_progress(parse_json(whole))) == whole);
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
    const TextProgress progress{8, text_steps({8, history}, "m", 2)};
    REQUIRE(decode_text_progress(parse_json(text_of(progress))) == progress);
  }
}

TEST_CASE("malformed steps are refused, and the refusal names the field") {
  const std::pair<const char*, const char*> cases[] = {
      std::pair{R"([])", "text field"},
      std::pair{R"({})", "revision"},
      std::pair{R"({"revision":-1})", "revision"},
      std::pair{R"({"revision":1,"since":1})", "since"},
      std::pair{R"({"revision":1,"steps":[]})", "since"},
      std::pair{R"({"revision":1,"since":0,"steps":[]})", "revision"},
      std::pair{R"({"revision":1,"since":0,"steps":{}})", "steps"},
      std::pair{R"({"revision":1,"since":0,"steps":[1]})", "step"},
      std::pair{R"({"revision":1,"since":0,"steps":[{"revision":1,"op":[]}]})", "side"},
      std::pair{R"({"revision":1,"since":0,"steps":[{"revision":1,"side":"up","op":[]}]})", "side"},
      std::pair{R"({"revision":1,"since":0,"steps":[{"revision":1,"side":"left"}]})", "op"},
      std::pair{R"({"revision":1,"since":0,"steps":[{"revision":0,"side":"left","op":[]}]})",
                "revision"},
      std::pair{R"({"revision":1,"since":0,"steps":[{"revision":1,"own":"","op":[]}]})", "own"},
      std::pair{
          R"({"revision":1,"since":0,"steps":[{"revision":1,"own":"m","side":"left","op":[]}]})",
          "side"},
      std::pair{R"({"revision":1,"since":0,"steps":[{"revision":1,"own":"m","op":[],"more":1}]})",
                "more"},
      std::pair{R"({"revision":1,"more":1})", "more"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.first);
    const ProtocolError error = refusal([&] { decode_text_progress(parse_json(one.first)); });
    CHECK(error.code() == ErrorCode::invalid_mutation);
    CHECK(error.field() == one.second);
  }
}
