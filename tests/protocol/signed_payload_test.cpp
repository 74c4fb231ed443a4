#include "protocol/signed_payload.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "protocol/messages.h"

using namespace objectos;

namespace {

const std::string key = "0f8fad5b-d9cb-469f-a165-70867728950e";
const std::string payload =
    R"({"id":"6f1c1c1e-8b0a-4a53-9d0e-0c2c5a3a9b11","object":"o","record_id":"1",)"
    R"("operation":"update","data":{"a":1},"client_sequence":1})";

std::string element(const std::string& text) {
  std::string out;
  append_signed(out, {key, std::string(64, '0'), text});
  return out;
}

}  // namespace

TEST_CASE("the signed bytes are the ones that the header specifies") {
  const Signer signer{"e", "k", "c"};
  const auto field = [](const std::string& text) {
    return std::string(7, '\0') + static_cast<char>(text.size()) + text;
  };
  CHECK(mutation_prefix(signer, 2) + "{}" == field("objectos_sync mutation") + field("1") +
                                                 field("e") + field("k") + field("c") +
                                                 field("{}"));
  CHECK(login_message(signer, "now") == field("objectos_sync login") + field("1") + field("e") +
                                            field("k") + field("c") + field("now"));
}

TEST_CASE("no two lists of fields have the same signed bytes") {
  std::set<std::string> seen;
  const std::string texts[] = {"", "a", "aa", std::string(1, '\0'), std::string(8, '\0'), "1"};
  std::size_t count = 0;
  for (const auto& epoch : texts) {
    for (const auto& id : texts) {
      for (const auto& client : texts) {
        for (const auto& text : texts) {
          seen.insert(mutation_prefix({epoch, id, client}, text.size()) + text);
          seen.insert(login_message({epoch, id, client}, text));
          count += 2;
        }
      }
    }
  }
  CHECK(seen.size() == count);
}

TEST_CASE("hexadecimal text has one spelling for each value") {
  CHECK(hex_text(std::string("\x00\xff\x1a", 3)) == "00ff1a");
  CHECK(bytes_of_hex("00ff1a") == std::string("\x00\xff\x1a", 3));
  for (const char* text : {"0", "0G", "AB", "0x", " 0", "a "}) CHECK_FALSE(bytes_of_hex(text));
}

TEST_CASE("texts are equal when every byte is") {
  CHECK(equal_in_constant_time("", ""));
  CHECK(equal_in_constant_time("abc", "abc"));
  for (const char* other : {"", "ab", "abd", "bbc", "abcd"})
    CHECK_FALSE(equal_in_constant_time("abc", other));
}

TEST_CASE("a key file's text is read, and nothing that only looks like one") {
  const std::string secret(64, 'a');
  const auto read = parse_key(key + ":" + secret + "\n");
  REQUIRE(read);
  CHECK(read->key_id == key);
  CHECK(read->secret == std::string(32, '\xaa'));
  for (const std::string& text :
       {std::string(), key, ":" + secret, key + ":", key + ":" + secret + "00", "x" + key,
        key + ":" + std::string(64, 'A'), key + " :" + secret, " " + key + ":" + secret})
    CHECK_FALSE_MESSAGE(parse_key(text), text);
}

TEST_CASE("every signature of a push is looked at before any payload is parsed") {
  std::size_t asked = 0;
  std::string client;
  const SignatureCheck check = [&](const std::string& client_id, const auto& mutations) {
    asked += mutations.size();
    client = client_id;
    CHECK(mutations[0]->payload == payload);
    CHECK(mutations[1]->payload == "no JSON");
    throw ProtocolError(ErrorCode::authentication_failed, "no");
  };
  try {
    decode_push("[" + element(payload) + "," + element("no JSON") + "]", "c1", check);
    FAIL("was taken");
  } catch (const ProtocolError& error) {
    CHECK(error.code() == ErrorCode::authentication_failed);
  }
  CHECK(asked == 2);
  CHECK(client == "c1");
}

TEST_CASE("a signed mutation says what its payload says, and keeps its bytes") {
  const SignatureCheck check = [](const std::string&, const auto&) {};
  const auto entries = decode_push("[" + element(" " + payload) + "," + payload + "]", "c", check);
  REQUIRE(entries.size() == 2);
  REQUIRE(entries[0].signed_form);
  CHECK(entries[0].signed_form->payload == " " + payload);
  CHECK(entries[0].canonical == entries[1].canonical);
  CHECK_FALSE(entries[1].signed_form);
}

TEST_CASE("a signed mutation is refused where nobody checks, without a number or a part") {
  const auto code_of = [](const std::string& text, const SignatureCheck& check) {
    try {
      decode_push("[" + text + "]", "c", check);
    } catch (const ProtocolError& error) {
      return std::string(error.sqlstate()) + " " + error.field();
    }
    return std::string("taken");
  };
  const SignatureCheck check = [](const std::string&, const auto&) {};
  CHECK(code_of(element(payload), {}) == "OS016 ");
  std::string unnumbered = payload;
  unnumbered.erase(unnumbered.find(",\"client_sequence\""), 20);
  CHECK(code_of(element(unnumbered), check) == "OS006 client_sequence");
  CHECK(code_of(R"({"key_id":"k","payload":"{}"})", check) == "OS006 signature");
  CHECK(code_of(R"({"signature":"s","payload":"{}"})", check) == "OS006 key_id");
  CHECK(code_of(R"({"key_id":"k","signature":"s","payload":{}})", check) == "OS006 payload");
  CHECK(code_of(R"({"key_id":"k","signature":"s","payload":"{}","more":1})", check) ==
        "OS006 more");
  CHECK(code_of(element("{"), check) == "OS005 ");
  CHECK(code_of(element("{}"), check) == "OS006 id");
}
