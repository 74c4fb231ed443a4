// The keys of every message, pinned: another client library relies on exactly these.
#include <doctest/doctest.h>

#include <string>

#include "protocol/messages.h"

using namespace objectos;

namespace {

const char* const kId = "0a1b2c3d-0000-4000-8000-00000000000f";

Mutation full_mutation() {
  Mutation m;
  m.id = kId;
  m.object = "contacts";
  m.record_id = "c1";
  m.operation = Operation::update;
  m.data = parse_json(R"({"phone":"2"})");
  m.original = parse_json(R"({"phone":"1"})");
  m.timestamp = "2024-01-01T12:00:00Z";
  m.timestamp_us = 1'704'110'400'000'000;
  m.version = 6;
  m.client_sequence = 7;
  m.group = "g";
  m.user = "u1";
  m.device = "phone";
  m.undo_of = "0a1b2c3d-0000-4000-8000-000000000001";
  return m;
}

const char* const kMutation =
    R"({"id":"0a1b2c3d-0000-4000-8000-00000000000f","object":"contacts","record_id":"c1",)"
    R"("operation":"update","data":{"phone":"2"},"original":{"phone":"1"},)"
    R"("timestamp":"2024-01-01T12:00:00Z","version":6,"client_sequence":7,"group":"g","user":"u1",)"
    R"("device":"phone","undo_of":"0a1b2c3d-0000-4000-8000-000000000001"})";

}  // namespace

TEST_CASE("a mutation has exactly its documented keys, and optional ones only when set") {
  CHECK(write_json(encode_mutation(full_mutation())) == kMutation);
  CHECK(write_json(encode_mutation(decode_mutation(parse_json(kMutation)))) == kMutation);
  Mutation least;
  least.id = kId;
  least.object = "o";
  least.operation = Operation::remove;
  CHECK(write_json(encode_mutation(least)) ==
        R"({"id":"0a1b2c3d-0000-4000-8000-00000000000f","object":"o","record_id":"",)"
        R"("operation":"delete"})");
}

TEST_CASE("a pulled mutation also has sequence and tag, and passes over newer keys") {
  Json json = parse_json(kMutation);
  json.set("sequence", Json::integer(9));
  json.set("tag", Json::string("t"));
  std::string text = write_json(json);
  json.set("of_a_newer_server", Json::boolean(true));
  Mutation mutation = decode_pulled_mutation(json);
  CHECK(mutation.sequence == 9);
  CHECK(mutation.tag == "t");
  CHECK(mutation.timestamp_us == 1'704'110'400'000'000);
  CHECK(write_json(encode_mutation(mutation)) == text);
}

TEST_CASE("a push request has the article's keys and confirmed") {
  std::string text =
      encode_push_request("tablet-1", "2024-01-01T12:00:00Z", "os1.x", 5, {full_mutation()});
  CHECK(text == R"({"client_id":"tablet-1","last_sync":"2024-01-01T12:00:00Z","mutations":[)" +
                    std::string(kMutation) + R"(],"checkpoint":"os1.x","confirmed":5})");
  PushRequest request = decode_push_request(text);
  CHECK(request.client_id == "tablet-1");
  CHECK(request.last_sync == "2024-01-01T12:00:00Z");
  CHECK(request.checkpoint == "os1.x");
  CHECK(request.confirmed == 5);
  REQUIRE(request.entries.size() == 1);
  CHECK(request.entries[0].mutation.has_value());
  CHECK(request.entries[0].canonical == canonical_mutation(full_mutation()));
  CHECK(encode_push_request("c", "", "0", {}, {}) ==
        R"({"client_id":"c","last_sync":null,"mutations":[],"checkpoint":"0"})");
  CHECK(encode_push({full_mutation()}) == "[" + std::string(kMutation) + "]");
}

TEST_CASE("an ack has client_id, last_sync, checkpoint, confirmed") {
  std::string text =
      R"({"client_id":"c","last_sync":"2024-01-01T12:00:00Z","checkpoint":"os1.x","confirmed":5})";
  Ack ack = decode_ack(text);
  CHECK(ack.confirmed == 5);
  CHECK(encode_ack(ack) == text);
  CHECK(encode_ack({"c", "", "0", {}}) == R"({"client_id":"c","last_sync":null,"checkpoint":"0"})");
}

TEST_CASE("a conflict has exactly its documented keys") {
  std::string text =
      R"({"mutation_id":"m","reason":"concurrent_update","server_version":6,"client_version":5,)"
      R"("resolution":"manual","conflict_id":"k","base":{"email":"a"},)"
      R"("conflicts":[{"field":"email","client_value":"c","server_value":null,)"
      R"("resolution":"manual"}],"object":"contacts","record_id":"c1","status":"open"})";
  Conflict conflict = decode_conflict(parse_json(text));
  REQUIRE(conflict.conflicts.size() == 1);
  CHECK(conflict.conflicts[0].server_value.is_null());
  CHECK(write_json(encode_conflict(conflict)) == text);
  Conflict least;
  least.mutation_id = "m";
  least.reason = "deleted";
  CHECK(write_json(encode_conflict(least)) ==
        R"({"mutation_id":"m","reason":"deleted","server_version":null,"client_version":null,)"
        R"("resolution":null,"conflict_id":null,"base":null,"conflicts":[]})");
}

TEST_CASE("an acknowledgement says whole always and absorb only when true") {
  std::string text = R"({"id":"m","object":"o","record_id":"","operation":"insert","version":3,)"
                     R"("client_sequence":4,"status":"applied","whole":true,"absorb":true})";
  Acknowledgement acknowledgement = decode_acknowledgement(parse_json(text));
  CHECK(acknowledgement.absorb);
  CHECK(write_json(encode_acknowledgement(acknowledgement)) == text);
  acknowledgement.absorb = false;
  CHECK(encode_acknowledgement(acknowledgement).find("absorb") == nullptr);
}

TEST_CASE("a verdict has all its keys, with null for what is not said") {
  std::string text =
      R"({"mutation_id":"m","status":"rejected","duplicate":true,"version":1,"sequence":2,)"
      R"("reason":"constraint_violation","resolution":"server_wins","server_version":3,)"
      R"("client_version":4,"detail":{"sqlstate":"23505"}})";
  CHECK(write_json(encode_verdict(decode_verdict(parse_json(text)))) == text);
  Verdict least;
  least.mutation_id = "m";
  least.status = "applied";
  CHECK(write_json(encode_verdict(least)) ==
        R"({"mutation_id":"m","status":"applied","duplicate":false,"version":null,)"
        R"("sequence":null,"reason":null,"resolution":null,"server_version":null,)"
        R"("client_version":null,"detail":null})");
}

TEST_CASE("a pull response always has the article's four keys, and ours when there is something") {
  PullResponse least;
  least.checkpoint = "os1.x";
  CHECK(encode_pull_response(least) ==
        R"({"mutations":[],"conflicts":[],"checkpoint":"os1.x","has_more":false})");
  std::string text =
      R"({"mutations":[{"id":null,"object":"o","record_id":"1","operation":"insert",)"
      R"("data":{"a":1.00},"version":3}],"conflicts":[],"checkpoint":"os1.x","has_more":true,)"
      R"("removals":[{"tag":"t"}],"acknowledgements":[{"id":"m","object":"o","record_id":"1",)"
      R"("operation":"update","version":null,"client_sequence":4,"status":"merged",)"
      R"("whole":false}],"schema":{"protocol":1},"rereads":[{"object":"o"}],)"
      R"("truncates":[{"object":"o","version":2}]})";
  CHECK(encode_pull_response(decode_pull_response(text)) == text);
}
