// What the caller can see, as it is now: the objects, their description, and a fingerprint of each
// view. A fingerprint changes when the set of rows or columns the caller may read can have changed:
// key, columns readable, row security, the policies on the table, the roles the caller is a member
// of.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pg_ext/catalog.h"

namespace objectos::server {

struct ObjectView {
  ObjectInfo info;
  std::uint64_t fingerprint = 0;
  bool modified_at_readable = false;
  bool modified_by_readable = false;
};

struct View {
  std::vector<ObjectView> objects;  // visible ones, by name
  std::string schema_json;          // what sync_schema() says
  std::uint64_t schema_fingerprint = 0;

  const ObjectView* find(const std::string& object) const;
};

// Locks every visible object ACCESS SHARE and requires that S sees its present storage: TRUNCATE
// and rewriting ALTERs are not MVCC-safe. Otherwise 40001: begin a new round.
View open_view(const std::string& epoch);

// The same without locks, for sync_schema().
View describe_view(const std::string& epoch);

}  // namespace objectos::server
