// Frames and messages as the server makes them, read by the codec that both sides share.
#include "protocol/frame.h"

#include <doctest/doctest.h>

#include <string>

#include "protocol/messages.h"
#include "tests/e2e/support.h"

using namespace e2e;
using objectos::decode_frame;
using objectos::encode_frame;

namespace {

std::string hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

std::string unhex(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  return out;
}

struct World {
  Server server;
  World() {
    server.exec("CREATE TABLE notes (id int PRIMARY KEY, body text)");
    server.exec("SELECT sync_enable('notes', 'manual')");
    server.exec("INSERT INTO notes VALUES (1, 'one'), (2, E'tw\\n\"o\" \\\\ \u00fc')");
  }
  std::string frame(const std::string& call) {
    return decode_frame(unhex(server.exec("SELECT encode(" + call + ", 'hex')")));
  }
  std::string push(const std::string& request) {
    return frame("sync_push_frame('\\x" + hex(encode_frame(request)) + "')");
  }
  // The SQLSTATE and message of a push of these bytes.
  std::string refusal(const std::string& bytes) {
    try {
      server.exec("SELECT sync_push_frame('\\x" + hex(bytes) + "')");
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }
};

constexpr const char* kFirst = "00000000-0000-4000-8000-000000000001";
constexpr const char* kSecond = "00000000-0000-4000-8000-000000000002";

std::string update(const char* id, int number, const std::string& from, const std::string& to,
                   const std::string& version) {
  return std::string("{\"id\":\"") + id + "\",\"object\":\"notes\",\"record_id\":\"1\"," +
         "\"operation\":\"update\",\"data\":{\"body\":\"" + to + "\"},\"original\":{\"body\":\"" +
         from + "\"},\"version\":" + version + ",\"client_sequence\":" + std::to_string(number) +
         "}";
}

std::string request(const std::string& mutation) {
  return "{\"client_id\":\"f\",\"last_sync\":null,\"mutations\":[" + mutation + "]}";
}

}  // namespace

TEST_CASE("a pull in a frame says what the response says, the ids of net effects left out") {
  World world;
  const std::string start =
      world.server.exec("SELECT checkpoint FROM sync_pull('f', '0') WHERE kind = 'checkpoint'");
  world.server.exec("UPDATE notes SET body = 'changed' WHERE id = 1");
  world.server.exec("DELETE FROM notes WHERE id = 2");
  const std::string arguments = "('f', '" + start + "', 100)";
  const auto whole =
      objectos::decode_pull_response(world.server.exec("SELECT sync_pull_response" + arguments));
  const auto framed = objectos::decode_pull_response(world.frame("sync_pull_frame" + arguments));
  REQUIRE(whole.mutations.size() == 2);
  REQUIRE(framed.mutations.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(!whole.mutations[i].id.empty());
    CHECK(framed.mutations[i].id.empty());
    auto without_id = whole.mutations[i];
    without_id.id.clear();
    CHECK(objectos::canonical_mutation(without_id) ==
          objectos::canonical_mutation(framed.mutations[i]));
  }
  CHECK(framed.has_more == whole.has_more);
  CHECK(!framed.checkpoint.empty());
}

TEST_CASE("a first pull in a frame holds schema and rows, quotes and line ends unharmed") {
  World world;
  const auto response = objectos::decode_pull_response(world.frame("sync_pull_frame('f', '0')"));
  CHECK(!response.schema.is_null());
  REQUIRE(response.mutations.size() == 2);
  CHECK(response.mutations[1].data.find("body")->text() == "tw\n\"o\" \\ \u00fc");
  CHECK(response.rereads.items().size() == 2);
}

TEST_CASE(
    "verdicts, acknowledgements and conflicts of a real server are read by the shared codec") {
  World world;
  const std::string version = world.server.exec("SELECT _version FROM notes WHERE id = 1");
  const std::string start =
      world.server.exec("SELECT checkpoint FROM sync_pull('f', '0') WHERE kind = 'checkpoint'");
  const auto first = objectos::decode_push_response(
      world.push(request(update(kFirst, 1, "one", "mine", version))));
  REQUIRE(first.size() == 1);
  CHECK(first[0].status == "applied");
  CHECK(first[0].mutation_id == kFirst);
  world.server.exec("UPDATE notes SET body = 'theirs' WHERE id = 1");
  const auto second = objectos::decode_push_response(world.push(
      request(update(kSecond, 2, "mine", "mine too", std::to_string(*first[0].version)))));
  REQUIRE(second.size() == 1);
  CHECK(second[0].status == "conflict");
  for (const char* function : {"sync_pull_response", "sync_pull_frame"}) {
    CAPTURE(function);
    const std::string call = std::string(function) + "('f', '" + start + "', 100)";
    const auto response = objectos::decode_pull_response(std::string(function) == "sync_pull_frame"
                                                             ? world.frame(call)
                                                             : world.server.exec("SELECT " + call));
    REQUIRE(response.acknowledgements.size() == 1);
    CHECK(response.acknowledgements[0].client_sequence == 1);
    CHECK(response.acknowledgements[0].status == "applied");
    CHECK(response.acknowledgements[0].whole);
    REQUIRE(response.conflicts.size() == 1);
    CHECK(response.conflicts[0].mutation_id == kSecond);
    REQUIRE(response.conflicts[0].conflicts.size() == 1);
    CHECK(response.conflicts[0].conflicts[0].field == "body");
  }
}

TEST_CASE("a push in a frame is a push: sent again, it is answered and not applied") {
  World world;
  const std::string version = world.server.exec("SELECT _version FROM notes WHERE id = 1");
  const std::string message = request(update(kFirst, 1, "one", "once", version));
  const auto first = objectos::decode_push_response(world.push(message));
  const auto again = objectos::decode_push_response(world.push(message));
  REQUIRE(again.size() == 1);
  CHECK(again[0].duplicate);
  CHECK(again[0].version == first[0].version);
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.mutations WHERE id = '" +
                          std::string(kFirst) + "'") == "1");
}

TEST_CASE("bad frames are refused by the server, and nothing of them stays") {
  World world;
  const std::string good =
      encode_frame(request(update(kFirst, 1, "one", "x", world.server.exec("SELECT 1"))));
  const auto says = [](const std::string& refusal, const char* text) {
    return refusal.find(text) != std::string::npos;
  };
  CHECK(says(world.refusal(""), "not a frame"));
  CHECK(says(world.refusal("hello"), "not a frame"));
  CHECK(says(world.refusal(good.substr(0, good.size() - 1)), "not a frame: it is cut off"));
  CHECK(says(world.refusal(good + "x"), "not a frame: something follows its end"));
  std::string newer = good;
  newer[3] = 9;
  CHECK(says(world.refusal(newer), "the frame's version is not known here"));
  CHECK(says(world.refusal(encode_frame(std::string(objectos::limits::request_bytes_max + 1, ' '))),
             "the frame's message is too large"));
  CHECK(says(world.refusal(encode_frame("{\"client_id\":")), "JSON"));
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.verdicts") == "0");
  CHECK(world.server.exec("SELECT body FROM notes WHERE id = 1") == "one");
}
