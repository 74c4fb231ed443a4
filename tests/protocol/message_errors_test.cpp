// What is refused, by which code, and that the error names the mutation and the field.
#include <doctest/doctest.h>

#include <string>

#include "protocol/messages.h"
#include "protocol/record_id.h"
#include "protocol/text_operation_json.h"
#include "tests/protocol/refusal.h"

using namespace objectos;

namespace {

const char* const kId = "0a1b2c3d-0000-4000-8000-00000000000f";

// An update of one field with `more` members behind it.
std::string update_with(const std::string& more) {
  return std::string(R"({"id":")") + kId +
         R"(","object":"o","record_id":"1","operation":"update","data":{"a":1})" +
         (more.empty() ? "" : ",") + more + "}";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

void check_refused(const std::string& mutation, const std::string& field) {
  CAPTURE(mutation.substr(0, 300));
  ProtocolError error = refusal([&] { decode_mutation(parse_json(mutation)); });
  CHECK(std::string(error.sqlstate()) == "OS006");
  CHECK(error.field() == field);
  CHECK(error.message().find("\"" + field + "\"") != std::string::npos);
  CHECK(error.detail().find("field " + field) != std::string::npos);
  if (field != "id") CHECK(error.detail().find(kId) != std::string::npos);
}

}  // namespace

TEST_CASE("a mutation without a required field is refused, naming both") {
  std::string whole = update_with("");
  decode_mutation(parse_json(whole));
  check_refused(replaced(whole, "\"object\":\"o\",", ""), "object");
  check_refused(replaced(whole, "\"record_id\":\"1\",", ""), "record_id");
  check_refused(replaced(whole, "\"operation\":\"update\",", ""), "operation");
  check_refused(replaced(whole, ",\"data\":{\"a\":1}", ""), "data");
  check_refused(replaced(whole, "{\"a\":1}", "null"), "data");
  check_refused(replaced(whole, std::string("\"id\":\"") + kId + "\",", ""), "id");
}

TEST_CASE("a field of the wrong type is refused, naming mutation and field") {
  std::string whole = update_with("");
  check_refused(replaced(whole, "\"o\"", "5"), "object");
  check_refused(replaced(whole, "\"1\"", "1"), "record_id");
  check_refused(replaced(whole, "\"update\"", "\"upsert\""), "operation");
  check_refused(replaced(whole, "\"update\"", "\"UPDATE\""), "operation");
  check_refused(replaced(whole, "{\"a\":1}", "[1]"), "data");
  check_refused(update_with(R"("original":"x")"), "original");
  check_refused(update_with(R"("version":-1)"), "version");
  check_refused(update_with(R"("version":1.5)"), "version");
  check_refused(update_with(R"("version":9223372036854775808)"), "version");
  check_refused(update_with(R"("version":"1")"), "version");
  check_refused(update_with(R"("client_sequence":0)"), "client_sequence");
  check_refused(update_with(R"("client_sequence":true)"), "client_sequence");
  check_refused(update_with(R"("timestamp":"yesterday")"), "timestamp");
  check_refused(update_with(R"("timestamp":1704110400)"), "timestamp");
  check_refused(update_with(R"("group":7)"), "group");
  check_refused(update_with(R"("user":{})"), "user");
  check_refused(update_with(R"("device":")" + std::string(257, 'd') + "\""), "device");
  check_refused(update_with(R"("undo_of":"x")"), "undo_of");
  check_refused(replaced(whole, "\"1\"", "\"" + std::string(40'000, '1') + "\""), "record_id");
}

TEST_CASE("a misspelt key is refused and not lost") {
  check_refused(update_with(R"("orignal":{"a":2})"), "orignal");
  ProtocolError error =
      refusal([] { decode_push_request(R"({"client_id":"c","mutations":[],"chekpoint":"0"})"); });
  CHECK(error.field() == "chekpoint");
}

TEST_CASE("a delete that carries data is refused, and one without is read") {
  std::string removal = replaced(update_with(""), "\"update\"", "\"delete\"");
  check_refused(removal, "data");
  check_refused(replaced(removal, "\"data\":{\"a\":1}", R"("changes":{"a":{"to":1}})"), "changes");
  Mutation mutation = decode_mutation(
      parse_json(replaced(removal, "\"data\":{\"a\":1}", R"("data":null,"original":{"a":1})")));
  CHECK(mutation.operation == Operation::remove);
  CHECK(mutation.data.is_null());
}

TEST_CASE("changes are taken for data and original, and mean the same mutation") {
  std::string with_changes = replaced(update_with(""), R"("data":{"a":1})",
                                      R"("changes":{"a":{"from":null,"to":1},"b":{"to":2}})");
  Mutation mutation = decode_mutation(parse_json(with_changes));
  CHECK(write_json(mutation.data) == R"({"a":1,"b":2})");
  CHECK(write_json(mutation.original) == R"({"a":null})");
  std::string plain =
      replaced(update_with(R"("original":{"a":null})"), R"({"a":1})", R"({"b":2,"a":1})");
  CHECK(canonical_mutation(mutation) == canonical_mutation(decode_mutation(parse_json(plain))));

  check_refused(update_with(R"("changes":{"a":{"to":1}})"), "changes");
  for (const char* wrong : {R"({"a":1})", R"({"a":{"from":1}})", R"({"a":{"to":1,"too":2}})"}) {
    check_refused(replaced(with_changes, R"({"a":{"from":null,"to":1},"b":{"to":2}})", wrong),
                  "changes.a");
  }
}

TEST_CASE("ids are UUIDs in any usual spelling and become lower case") {
  for (const char* text :
       {"0A1B2C3D-0000-4000-8000-00000000000F", "0a1b2c3d00004000800000000000000f",
        "{0a1b2c3d-0000-4000-8000-00000000000f}"}) {
    CHECK(normalize_uuid(text) == kId);
  }
  for (const char* text : {"", "0a1b2c3d-0000-4000-8000-00000000000", "0a1b2c3d_0000-4000-8000-00",
                           "0a1b2c3d-0000-4000-8000-00000000000g", "{0a1b2c3d}",
                           "0a1b2c3d0-000-4000-8000-00000000000f"}) {
    CHECK_MESSAGE(!normalize_uuid(text), text);
  }
}

TEST_CASE("one wrong mutation becomes a rejected entry and the rest of the push goes on") {
  std::string wrong = update_with(R"("version":"x","client_sequence":4)");
  auto entries = decode_push("[" + update_with("") + "," + wrong + "]");
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].mutation.has_value());
  CHECK_FALSE(entries[0].error.has_value());
  CHECK_FALSE(entries[1].mutation.has_value());
  REQUIRE(entries[1].error.has_value());
  CHECK(entries[1].error->field() == "version");
  CHECK(entries[1].id == kId);
  CHECK(entries[1].object == "o");
  CHECK(entries[1].record_id == "1");
  CHECK(entries[1].client_sequence == 4);
  CHECK(entries[1].canonical == canonical_json(parse_json(wrong)));
}

TEST_CASE("a wrong entry carries nothing that has the wrong type or size") {
  std::string wrong = replaced(update_with(R"("client_sequence":-4)"), "\"o\"", "5");
  wrong = replaced(wrong, "\"1\"", "\"" + std::string(40'000, '1') + "\"");
  auto entries = decode_push("[" + wrong + "]");
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].error.has_value());
  CHECK(entries[0].object.empty());
  CHECK(entries[0].record_id.empty());
  CHECK_FALSE(entries[0].client_sequence.has_value());
}

TEST_CASE("a push without usable ids or of another shape is refused as a whole") {
  ProtocolError error =
      refusal([] { decode_push("[" + update_with("") + R"(,{"id":"x","object":"o"}])"); });
  CHECK(error.code() == ErrorCode::invalid_mutation);
  CHECK(error.field() == "id");
  CHECK(error.detail().find("Element 2") != std::string::npos);
  for (const char* text : {"{}", "null", "[1]", "[null]", "[[]]", "[{}]", "\"[]\""}) {
    CAPTURE(text);
    CHECK(refusal([&] { decode_push(text); }).code() == ErrorCode::invalid_mutation);
  }
  CHECK(refusal([] { decode_push("[{"); }).code() == ErrorCode::malformed_message);
  CHECK(decode_push("[]").empty());
}

TEST_CASE("a push of too many mutations is refused by its limit") {
  std::string text = "[";
  for (std::size_t i = 0; i <= limits::mutations_per_push_max; ++i) text += i ? ",{}" : "{}";
  CHECK(refusal([&] { decode_push(text + "]"); }).code() == ErrorCode::limit_exceeded);
}

TEST_CASE("requests name the field they lack") {
  CHECK(refusal([] { decode_push_request("[]"); }).field() == "request");
  CHECK(refusal([] { decode_push_request(R"({"mutations":[]})"); }).field() == "client_id");
  CHECK(refusal([] { decode_push_request(R"({"client_id":"c"})"); }).field() == "mutations");
  CHECK(refusal([] { decode_push_request(R"({"client_id":"c","mutations":{}})"); }).field() ==
        "mutations");
  CHECK(refusal([] { decode_ack("5"); }).field() == "ack");
  CHECK(refusal([] { decode_ack(R"({"client_id":5})"); }).field() == "client_id");
  CHECK(refusal([] { decode_ack(R"({"client_id":"c","confirmed":-1})"); }).field() == "confirmed");
}

TEST_CASE("responses name the field that has the wrong type") {
  CHECK(refusal([] { decode_pull_response("{}"); }).field() == "checkpoint");
  CHECK(refusal([] { decode_pull_response(R"({"checkpoint":"0","mutations":{}})"); }).field() ==
        "mutations");
  CHECK(refusal([] { decode_pull_response(R"({"checkpoint":"0","has_more":"no"})"); }).field() ==
        "has_more");
  CHECK(refusal([] { decode_pull_response(R"({"checkpoint":"0","mutations":[1]})"); }).field() ==
        "mutation");
  ProtocolError error = refusal([] {
    decode_verdict(parse_json(R"({"mutation_id":"m-7","status":"applied","version":"x"})"));
  });
  CHECK(error.field() == "version");
  CHECK(error.detail().find("m-7") != std::string::npos);
  CHECK(refusal([] { decode_conflict(parse_json(R"({"mutation_id":"m"})")); }).field() == "reason");
  CHECK(refusal([] {
          decode_acknowledgement(parse_json(
              R"({"id":"m","object":"o","record_id":"1","operation":"insert","status":"x"})"));
        }).field() == "client_sequence");
}

TEST_CASE("a refusal shows the beginning of what is long, and tears no character") {
  for (std::size_t before = 80; before < 84; ++before) {
    std::string name(before, 'a');
    for (int i = 0; i < 300; ++i) name += "\U0001F600";
    const std::string quoted = "\"" + name + "\"";
    const auto check_whole = [](const auto& call) {
      const ProtocolError error = refusal(call);
      CHECK_MESSAGE(is_valid_utf8(error.message()), error.message());
      CHECK_MESSAGE(is_valid_utf8(error.detail()), error.detail());
      CHECK(error.message().size() + error.detail().size() < 2'000);
    };
    check_whole([&] { decode_mutation(parse_json("{\"id\":" + quoted + "}")); });
    check_whole([&] { decode_mutation(parse_json(update_with(quoted + ":1"))); });
    check_whole([&] { parse_json("{" + quoted + ":1," + quoted + ":2}"); });
    check_whole([&] { parse_text_operation("[[" + quoted + "]]"); });
    check_whole([&] { parse_record_id(name, {ValueKind::integer}); });
  }
}

TEST_CASE("the fingerprint's bytes differ wherever two mutations differ") {
  std::string base = canonical_mutation(decode_mutation(parse_json(update_with(""))));
  for (const std::string& other :
       {update_with(R"("version":1)"), update_with(R"("original":{"a":null})"),
        update_with(R"("timestamp":"2024-01-01T12:00:00Z")"), update_with(R"("group":"")"),
        replaced(update_with(""), "\"a\":1", "\"a\":\"1\""),
        replaced(update_with(""), "\"a\":1", "\"a\":1.0"),
        replaced(update_with(""), "\"a\":1", "\"a\":null"),
        replaced(update_with(""), "\"a\":1", "")}) {
    CHECK_MESSAGE(canonical_mutation(decode_mutation(parse_json(other))) != base, other);
  }
}

TEST_CASE("the fingerprint's bytes are the mutation's canonical JSON") {
  for (const std::string& text :
       {update_with(""),
        update_with(R"("version":1,"client_sequence":7,"group":"g","user":"u","device":"d")"),
        update_with(R"("original":{"b":[{"y":1,"x":2}],"a":null},"timestamp":"2024-01-01T12:00:00Z",
                       "undo_of":"6f9619ff-8b86-4011-b42d-00cf4fc964ff")")}) {
    Mutation mutation = decode_mutation(parse_json(text));
    CHECK(canonical_mutation(mutation) == canonical_json(encode_mutation(mutation)));
    mutation.id.clear();
    mutation.sequence = 5;
    mutation.tag = "t";
    CHECK(canonical_mutation(mutation) == canonical_json(encode_mutation(mutation)));
  }
}
