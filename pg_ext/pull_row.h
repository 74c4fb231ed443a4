// One row of a pull's answer (the columns of sync_pull), as a value.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/checkpoint.h"
#include "protocol/sha256.h"

namespace objectos::server {

struct PullRow {
  std::string kind;
  std::optional<std::int64_t> sequence;
  std::optional<std::string> id;
  std::optional<std::string> object;
  std::optional<std::string> record_id;
  std::optional<std::string> operation;
  std::optional<std::string> data;  // JSON
  std::optional<std::int64_t> version;
  std::optional<std::int64_t> timestamp;  // timestamptz
  std::optional<std::string> user_id;
  std::optional<std::string> tag;
  std::optional<std::string> checkpoint;
  std::optional<bool> has_more;
};

using PullRows = std::vector<PullRow>;

// Who pulls, and what the server remembers of it.
struct PullClient {
  std::string client_id;
  std::int64_t confirmed = 0;  // as it says itself
  std::string epoch;
  std::shared_ptr<const HmacSha256> tags;  // keyed with the server's secret
  std::optional<Checkpoint> low_water;
  bool known = false;
  std::int64_t high_water = 0;
  std::int64_t confirmed_before = 0;
  std::optional<std::string> device;
  std::optional<std::string> subscription, subscription_columns;  // as stored, jsonb text
};

// Names a record under row security without saying which: HMAC-SHA256, first 16 bytes, hex.
std::string record_tag(const PullClient& client, const std::string& object,
                       const std::string& record_id);

}  // namespace objectos::server
