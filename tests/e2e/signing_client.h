// A client of Ada's that is all its own program: it signs whatever text it is given, and sends
// whatever it likes.
#pragma once

#include <doctest/doctest.h>
#include <libpq-fe.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "engine/signer.h"
#include "protocol/json.h"
#include "tests/e2e/signed_world.h"

namespace e2e {

struct Signed {
  std::string key_id, signature, payload;
  explicit Signed(const std::string& envelope) {
    const objectos::Json json = objectos::parse_json(envelope);
    key_id = json.find("key_id")->text();
    signature = json.find("signature")->text();
    payload = json.find("payload")->text();
  }
  std::string text() const {
    return "{\"key_id\":" + objectos::json_string(key_id) +
           ",\"signature\":" + objectos::json_string(signature) +
           ",\"payload\":" + objectos::json_string(payload) + "}";
  }
};

class SigningClient {
 public:
  SigningClient() : connection_(PQconnectdb(world.conninfo().c_str())) {
    REQUIRE(PQstatus(connection_) == CONNECTION_OK);
    objectos::Options options;
    std::tie(options.key_file, key_id) = world.key_file("ada");
    signer_ = objectos::RequestSigner::of(options);
    epoch_ = world.server.exec("SELECT epoch FROM objectos_sync.state");
  }
  ~SigningClient() { PQfinish(connection_); }
  SigningClient(const SigningClient&) = delete;
  SigningClient& operator=(const SigningClient&) = delete;

  std::string seal(const std::string& payload, const std::string& client = "phone") const {
    return signer_->seal(payload, epoch_, client);
  }

  // The verdicts' statuses, or the SQLSTATE.
  std::vector<std::string> push_all(const std::string& mutations,
                                    const std::string& client = "phone") {
    const char* const values[] = {client.c_str(), mutations.c_str()};
    PGresult* result = PQexecParams(connection_, "SELECT status FROM sync_push($1, $2::json)", 2,
                                    nullptr, values, nullptr, nullptr, 0);
    std::vector<std::string> answer;
    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
      for (int i = 0; i < PQntuples(result); ++i) answer.push_back(PQgetvalue(result, i, 0));
    } else {
      const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      answer.push_back(state != nullptr ? state : "no connection");
    }
    PQclear(result);
    return answer;
  }
  // Of one.
  std::string push(const std::string& envelope, const std::string& client = "phone") {
    const std::vector<std::string> answers = push_all("[" + envelope + "]", client);
    return answers.size() == 1 ? answers[0] : std::to_string(answers.size()) + " answers";
  }

  SignedWorld world;
  std::string key_id;

 private:
  PGconn* connection_;
  std::shared_ptr<const objectos::RequestSigner> signer_;
  std::string epoch_;
};

inline std::string diary_id(std::uint64_t number) {
  char id[40];
  std::snprintf(id, sizeof id, "00000000-0000-4000-8000-%012llu",
                static_cast<unsigned long long>(number));
  return id;
}

// Inserts a page of the diary, the number's own.
inline std::string diary_page(std::uint64_t number, const std::string& body) {
  return "{\"id\":\"" + diary_id(number) + "\",\"object\":\"diary\",\"record_id\":\"" +
         std::to_string(number) +
         "\",\"operation\":\"insert\",\"data\":{\"body\":" + objectos::json_string(body) +
         ",\"n\":1},\"client_sequence\":" + std::to_string(number) + "}";
}

// Contents that encoders and decoders are known to stumble over.
inline const std::vector<std::string>& awkward_texts() {
  static const std::vector<std::string> texts = {
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
  return texts;
}

}  // namespace e2e
