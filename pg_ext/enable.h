// What sync_enable() checks before it touches a table.
#pragma once

#include <string>

#include "pg_ext/boundary.h"

namespace objectos::server {

inline constexpr const char* trigger_prefix = "~objectos_sync_";  // sorts after other triggers

struct EnableRequest {
  Oid relid = 0;
  std::string strategy;
  std::string on_conflict;
  std::string deletes;
  std::string fields;  // jsonb text
  std::string object;  // empty: from the table's name
};

// Throws OS011 for an option that is not one, naming it and what is allowed.
void check_options(const EnableRequest& request);
// Throws 42501 unless the caller owns the table.
void check_owner(Oid relid, const std::string& qualified);
// As check_owner, and throws OS008 for a table that cannot be synced.
// `qualified` is its quoted name, for messages.
void check_table(Oid relid, const std::string& qualified);
// Schema-qualified and quoted; throws 42P01 when there is no such relation.
std::string qualified_name(Oid relid);

}  // namespace objectos::server
