// Changes of an enabled table: what of them clients must know, and when.
//
// An object's shape is its key, its columns and whether its triggers are on. A change of it is a
// log row of operation `schema`, written under the table's ACCESS EXCLUSIVE lock: rows of that
// object with a lower sequence were logged before the change, those with a higher one after it. Its
// sequence goes into shapes.reshaped_at, which the view fingerprint holds: every client reads the
// object again, and what the log says of the time before is of no use to anybody (rekeyed_at: its
// record ids, too).
#pragma once

#include "pg_ext/spi.h"

namespace objectos::server {

struct Shape {
  std::string key, columns;
  std::string text() const { return key + '|' + columns; }
};
Shape read_shape(Spi& spi, Oid relid);

// Names by attnum, as jsonb, of the table $1.
inline constexpr const char* column_names_sql =
    "(SELECT jsonb_object_agg(a.attnum, a.attname) FROM pg_attribute a"
    " WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped)";

// Brings partitions in step, checks that the table can still be synced (OS008) and logs a changed
// shape. Rights: the caller's for the table.
void follow_object(Spi& spi, Oid relid);

// Logs that the object's rows changed without triggers (a rewrite, a partition with rows attached,
// detached, dropped or truncated).
void reshape(Spi& spi, Oid relid);

// The same for every object with a column whose text holds values of a type that is changed: by
// itself or through arrays, domains, ranges and composites. `changed` is a query for (classid,
// objid) of types and of relations, whose row types are meant.
void reshape_users_of_types(Spi& spi, const std::string& changed);

// The enabled table that a table is, or is a partition of; 0: none.
Oid enabled_root(Spi& spi, Oid relid);

}  // namespace objectos::server
