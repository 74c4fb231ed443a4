// Signed mutations that somebody has had their hands on. OBJECTOS_FLIPS says of how many mutations
// every bit is flipped (2; the long run takes 1,000), OBJECTOS_SEED what they hold.
#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "engine/signer.h"
#include "protocol/json.h"
#include "tests/e2e/signed_world.h"

using namespace e2e;
using namespace objectos;

namespace {

int number_in(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoi(text) : otherwise;
}

// A client of Ada's that is all its own program.
class Client {
 public:
  Client() : connection_(PQconnectdb(world.conninfo().c_str())) {
    REQUIRE(PQstatus(connection_) == CONNECTION_OK);
    Options options;
    options.key_file = world.key_file("ada").first;
    signer_ = RequestSigner::of(options);
    epoch_ = world.server.exec("SELECT epoch FROM objectos_sync.state");
  }
  ~Client() { PQfinish(connection_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  std::string seal(const std::string& payload) const {
    return signer_->seal(payload, epoch_, "phone");
  }

  // The verdict's status, or the SQLSTATE.
  std::string push(const std::string& envelope) {
    const std::string mutations = "[" + envelope + "]";
    const char* const values[] = {mutations.c_str()};
    PGresult* result = PQexecParams(connection_, "SELECT status FROM sync_push('phone', $1::json)",
                                    1, nullptr, values, nullptr, nullptr, 0);
    std::string answer;
    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
      answer = PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "nothing";
    } else {
      const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      answer = state != nullptr ? state : "no connection";
    }
    PQclear(result);
    return answer;
  }

  SignedWorld world;

 private:
  PGconn* connection_;
  std::shared_ptr<const RequestSigner> signer_;
  std::string epoch_;
};

std::string payload_of(int number, const std::string& body) {
  char id[40];
  std::snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", number);
  return std::string("{\"id\":\"") + id + "\",\"object\":\"diary\",\"record_id\":\"" +
         std::to_string(number) +
         "\",\"operation\":\"insert\",\"data\":{\"body\":" + json_string(body) +
         ",\"n\":1},\"client_sequence\":" + std::to_string(number) + "}";
}

const std::vector<std::string> awkward = {
    "",
    " ",
    "\"\\/\b\f\n\r\t",
    "\x01\x02\x1f\x7f",
    "ä€𝄞\u200b\ufeff\u2028",
    "{\"key_id\":\"x\",\"signature\":\"y\",\"payload\":\"z\"}",
    "\\u0000 \\ud800 %s $1 ' '' \" ; --",
    std::string(300'000, 'x'),
    "null",
    "e\u0301 against \u00e9",
};

}  // namespace

TEST_CASE("a signed mutation with one bit flipped is never taken, whichever bit it is") {
  const int count = number_in("OBJECTOS_FLIPS", 2), seed = number_in("OBJECTOS_SEED", 1);
  MESSAGE("OBJECTOS_FLIPS=" << count << " OBJECTOS_SEED=" << seed);
  Client client;
  std::mt19937 random(static_cast<unsigned>(seed));
  long flips = 0;
  for (int number = 1; number <= count; ++number) {
    std::string body;
    for (int i = 0; i < 12; ++i) body += awkward[2 + random() % 3];
    const std::string envelope = client.seal(payload_of(number, body.substr(0, random() % 24)));
    for (std::size_t bit = 0; bit < envelope.size() * 8; ++bit, ++flips) {
      std::string flipped = envelope;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      if (flipped[bit / 8] == '\0') continue;  // the end of a text for libpq
      const std::string answer = client.push(flipped);
      if (answer.size() == 5 && answer != "08006") continue;
      FAIL("mutation " << number << ", bit " << bit << ": " << answer << "\n" << flipped);
    }
    REQUIRE(client.push(envelope) == "applied");
  }
  MESSAGE(flips << " flips");
  CHECK(client.world.server.exec("SELECT count(*) FROM diary") == std::to_string(count));
}

TEST_CASE("another text of the same mutation is another message") {
  Client client;
  const std::string payload = payload_of(1, "a/b é");
  const std::string envelope = client.seal(payload);
  const Json parsed = parse_json(envelope);
  const auto with_payload = [&](const std::string& other) {
    return "{\"key_id\":" + json_string(parsed.find("key_id")->text()) +
           ",\"signature\":" + json_string(parsed.find("signature")->text()) +
           ",\"payload\":" + json_string(other) + "}";
  };
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = payload;
    REQUIRE(text.find(from) != std::string::npos);
    return text.replace(text.find(from), from.size(), to);
  };
  const std::vector<std::string> others = {
      payload + " ",
      "\n" + payload,
      replaced("\"n\":1", "\"n\": 1"),
      replaced("\"n\":1", "\"n\":1.0"),
      replaced("\"n\":1", "\"n\":1e0"),
      replaced("\"n\":1", "\"n\":\"1\""),
      replaced("\"n\":1", "\"n\":1,\"n\":1"),
      replaced("\"n\":1", "\"n\":2,\"n\":1"),
      replaced("a/b", "a\\/b"),
      replaced("a/b", "\\u0061/b"),
      replaced("é", "\\u00e9"),
      replaced("é", "\\u00E9"),
      replaced("é", "e\u0301"),
      replaced("\"object\":\"diary\",\"record_id\":\"1\"",
               "\"record_id\":\"1\",\"object\":\"diary\""),
      replaced("00000000-0000-4000-8000-000000000001", "00000000000040008000000000000001"),
      replaced("\"operation\":\"insert\"", "\"operation\":\"insert\",\"group\":null"),
      write_json(parse_json(payload)) + "\t",
      canonical_json(parse_json(payload)),
  };
  for (const std::string& other : others) {
    CHECK(other != payload);
    CHECK_MESSAGE(client.push(with_payload(other)) == "OS016", other);
  }
  CHECK(client.push(with_payload(payload)) == "applied");
}

TEST_CASE("honest mutations with awkward content are all taken, and audited") {
  Client client;
  int number = 0;
  for (const std::string& body : awkward) {
    const std::string payload = payload_of(++number, body);
    CHECK_MESSAGE(client.push(client.seal(payload)) == "applied", body.substr(0, 80));
    CHECK(client.push(client.seal(payload)) == "applied");
  }
  // The client's own escapes are not the only ones that can be signed.
  for (const char* body : {"\"\\u00e9\\/\\ud834\\udd1e\"", "\"\\u0041\\u000a\""}) {
    std::string payload = payload_of(++number, "HERE");
    payload.replace(payload.find("\"HERE\""), 6, body);
    CHECK(client.push(client.seal(" " + payload + "\n")) == "applied");
  }
  CHECK(client.world.server.exec("SELECT count(*) FROM diary") == std::to_string(number));
  // Enabling the object is a row of the log, too.
  CHECK(client.world.server.exec("SELECT string_agg(detail, '') FROM sync_audit()") ==
        std::to_string(number) +
            " signed mutations, 0 findings; 1 unsigned writes are outside of it");
}
