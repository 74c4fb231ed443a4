// Decodes the server's JSON answers. Errors: Error class upgrade, code "unexpected_answer".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/copy_decoder.h"

namespace objectos {

struct HelloAnswer {
  std::string epoch;
  std::string server_time;
  std::string user_id;
  std::optional<std::int64_t> high_water;
  std::string schema;  // fingerprint of sync_schema(); empty: an older server
  // What the server has stored for the client, empty: everything; none: an older server.
  std::optional<std::string> subscription;
};

// Refuses another protocol number with class upgrade, code "OS013".
HelloAnswer parse_hello(const std::string& json);

// A subscription in the form that two of them are compared in; empty for null.
std::string subscription_form(const std::string& json);

// The columns of one snapshot row's query: its `columns`, then _version. `key` names the object's
// key columns.
std::vector<CopyColumn> parse_copy_columns(const std::string& json,
                                           const std::vector<std::string>& key);

}  // namespace objectos
