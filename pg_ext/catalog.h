// What the server knows of an enabled object: its table, key, columns, kinds, and what the caller
// may read of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg_ext/boundary.h"
#include "pg_ext/key_source.h"
#include "protocol/value_kinds.h"

namespace objectos::server {

struct ColumnInfo {
  std::int16_t attnum = 0;
  std::string name;
  std::string quoted;  // quote_identifier(name)
  Oid type = 0;        // as declared
  Oid base_type = 0;   // domains resolved
  std::int32_t typmod = -1;
  Oid collation = 0;
  std::string type_text;  // format_type(type, typmod), schema-qualified where needed
  ValueKind kind = ValueKind::text;
  bool not_null = false;
  bool has_default = false;    // a default, identity or generated expression
  bool generated = false;      // GENERATED ALWAYS AS … STORED
  char identity = '\0';        // 'a' always, 'd' by default
  char array_delimiter = ',';  // between an array's elements; ';' for box
  bool in_key = false;
  KeySource key_source = KeySource::none;  // key columns: what fills them where nothing is given
  Oid sequence = 0;                        // of KeySource::sequence
  bool merges_text = false;                // its edits are merged character by character
  bool by_value = false;  // how datums are held and compared: pg_attribute.attbyval, attlen
  std::int16_t length = 0;
  bool selectable = false;  // the caller holds SELECT on it (of the table or the column)
  std::string equals;       // key columns: the operator, e.g. "OPERATOR(pg_catalog.=)"
};

struct ObjectInfo {
  Oid relid = 0;  // of a partition where it was asked for by the partition's oid
  Oid root = 0;   // the enabled table
  std::string object;
  std::string schema;
  std::string table;
  std::string qualified;            // "schema"."table", quoted
  std::vector<ColumnInfo> columns;  // live user columns by attnum, without ours
  std::vector<std::size_t> key;     // indexes into columns, in key order
  std::int16_t version_attnum = 0;
  std::int16_t modified_at_attnum = 0;
  std::int16_t modified_by_attnum = 0;
  std::string strategy;
  std::string on_conflict;
  std::string deletes;
  std::int64_t reshaped_at = 0;  // objectos_sync.shapes; 0: not settled yet
  std::int64_t rekeyed_at = 0;
  std::int64_t texts_from = 0;  // versions below it say nothing of texts (objectos_sync.shapes)
  bool has_texts = false;       // a column merges its text
  std::string fields_json;      // {"column": "strategy"}
  bool row_security = false;    // row-level security applies to the caller
  bool insertable = false;      // the caller may INSERT into every key column
  bool visible = false;  // the caller may SELECT every key column and _version, and use the schema

  const ColumnInfo* column(std::string_view name) const;
};

// Reads the catalog as it is now. All are nullopt / leave out what is not enabled; `visible` tells
// the caller's rights.
std::optional<ObjectInfo> object_by_name(std::string_view object);
std::optional<ObjectInfo> object_by_relid(Oid relid);  // or a partition's
std::vector<ObjectInfo> all_objects();                 // by name, visible or not

// The object as the caller may read it. One that is hidden is as unknown (OS004) as one that is not
// there.
ObjectInfo readable_object(const std::string& name);
[[noreturn]] void refuse_unknown_object(const std::string& name);

ValueKind kind_of_type(Oid type);  // domains, arrays and enums resolved

// Schema-qualified oid of a table of ours ("mutations", "version_seq", …); cached per backend,
// valid after a re-install.
Oid internal_relation(const char* name);
Oid extension_owner();

}  // namespace objectos::server
