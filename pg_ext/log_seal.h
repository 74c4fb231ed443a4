// The seal of a log row: a MAC over what a signed mutation made of the log, under a key that is
// derived from the secret in objectos_sync.state. Who can write the log, but not read the secret,
// cannot make one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pg_ext/boundary.h"
#include "protocol/sha256.h"

namespace objectos::server {

struct SealedRow {
  std::string_view mutation_id;
  std::string_view client_id;
  std::int64_t client_sequence = 0;
  std::string_view user_id;
  std::string_view object;
  std::string_view record_id;
  std::string_view operation;
  std::int64_t version = 0;
  bool exact = false;
  Datum data = 0;      // jsonb; 0 is NULL
  Datum original = 0;  // jsonb; 0 is NULL
};

// What seals, by the secret in objectos_sync.state.
HmacSha256 log_sealer(std::string_view server_secret);

std::string seal_of(const HmacSha256& sealer, const SealedRow& row);  // 32 bytes

}  // namespace objectos::server
