// An edit of a text field on its way to the server.
#include <doctest/doctest.h>

#include <string>
#include <utility>

#include "protocol/text_edit.h"
#include "tests/protocol/refusal.h"
#include "tests/protocol/text_dice.h"

using namespace objectos;

TEST_CASE("an edit of a text is written once and read as it was") {
  for (const std::string json :
       {R"({"revision":17,"op":[5,"brave ",-3]})", R"({"revision":0,"op":[]})",
        R"({"revision":9000000000,"op":[-3],"null":true})"}) {
    const PushedTextEdit edit = decode_text_edit(parse_json(json));
    CHECK(write_json(encode_text_edit(edit)) == json);
  }
  const PushedTextEdit edit = decode_text_edit(
      parse_json(R"({"revision":3,"op":{"type":"delete","pos":2,"len":4},"null":false})"));
  CHECK(edit == PushedTextEdit{3, op("[2,-4]"), false});
}

TEST_CASE("a malformed edit of a text is refused, and the refusal names the field") {
  const std::pair<const char*, const char*> cases[] = {
      std::pair{R"([5,"x"])", "text edit"},
      std::pair{R"({"op":[]})", "revision"},
      std::pair{R"({"revision":-1,"op":[]})", "revision"},
      std::pair{R"({"revision":1.5,"op":[]})", "revision"},
      std::pair{R"({"revision":1})", "op"},
      std::pair{R"({"revision":1,"op":[],"null":1})", "null"},
      std::pair{R"({"revision":1,"op":[],"side":"left"})", "side"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.first);
    const ProtocolError error = refusal([&] { decode_text_edit(parse_json(one.first)); });
    CHECK(error.code() == ErrorCode::invalid_mutation);
    CHECK(error.field() == one.second);
  }
  for (const char* bad : {R"({"revision":1,"op":[0]})", R"({"revision":1,"op":["x",3]})",
                          R"({"revision":1,"op":["\u0000"]})", R"({"revision":1,"op":["\ud800"]})"})
    refusal([&] { decode_text_edit(parse_json(bad)); });
}
