// What the caller can see, as it is now: the objects, their description, and a fingerprint of each
// view. A fingerprint changes when the set of rows or columns the caller may read can have changed:
// key, columns readable, row security, the policies on the table and on the tables that these name,
// the roles the caller is a member of, what the client subscribed to of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pg_ext/catalog.h"
#include "pg_ext/pull_row.h"
#include "pg_ext/spi.h"

namespace objectos::server {

struct ObjectView {
  ObjectInfo info;
  std::uint64_t fingerprint = 0;
  std::string filter;  // which records the client wants, over the table as t; empty: all
  std::vector<std::string> deciding_columns;  // those that the filter asks about
  bool modified_at_readable = false;
  bool modified_by_readable = false;

  // The filter behind a word of SQL, " WHERE " or " AND "; empty without one.
  std::string filter_after(const char* word) const { return filter.empty() ? "" : word + filter; }
  bool decides(const std::string& column) const;
};

struct View {
  std::vector<ObjectView> objects;  // visible ones, by name
  std::string schema_json;          // what sync_schema() says
  std::uint64_t schema_fingerprint = 0;

  const ObjectView* find(const std::string& object) const;
};

// What the client subscribed to of it. Locks every such object ACCESS SHARE and requires that S
// sees its present storage: TRUNCATE and rewriting ALTERs are not MVCC-safe. Otherwise 40001: begin
// a new round.
View open_view(const PullClient& client);

// The same without locks and filters, for sync_hello(); and of everything, for sync_schema().
View describe_view(const PullClient& client);
View describe_everything(const std::string& epoch);

}  // namespace objectos::server
