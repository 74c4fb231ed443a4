// Conflicts that a person decides: rows of `conflicts`, and a log row each time one opens or ends.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg_ext/push_item.h"

namespace objectos::server {

std::string new_uuid();  // version 4, from the server's strong random source

void open_conflicts(const std::string& client_id, const std::vector<OpenedConflict>& conflicts);

struct ConflictRow {
  std::string conflict_id;
  std::string mutation_id;
  std::string client_id;
  std::string object;
  std::string record_id;
  std::string reason;
  Json base, client, server;  // objects, per colliding field
  std::optional<std::int64_t> client_version;
  std::optional<std::int64_t> server_version;
  std::string status;
  std::string opened_at;
};

// The conflict, locked until the transaction ends; nothing if there is none.
std::optional<ConflictRow> lock_conflict(const std::string& conflict_id);

// All of them, oldest first.
std::vector<ConflictRow> all_conflicts();

// Ends one that needs no decision any more, unless somebody holds it to resolve it.
void end_moot_conflict(const std::string& conflict_id, const std::string& resolution,
                       const std::string& user);

void end_conflict(const ConflictRow& conflict, const std::string& resolution,
                  const std::string& resolved_by);

}  // namespace objectos::server
