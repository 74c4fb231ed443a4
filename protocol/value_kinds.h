// The one table of value kinds: what a column's values look like in JSON, and how the client's
// SQLite declares the column. sync_schema() names the kind; both sides read this table.
#pragma once

#include <optional>
#include <string_view>

namespace objectos {

enum class ValueKind {
  boolean,  // true / false
  integer,  // number
  real,     // shortest round-trip number, or "NaN", "Infinity", "-Infinity" (PostgreSQL's floats)
  numeric,  // number with all its digits, or those strings
  text,     // string: text types, and every other type by its text output
  json,     // string that holds the JSON text
  bytes,    // string "\x0aff"
  array,    // JSON array of element forms, or the array literal as a string
};

inline constexpr int value_kind_count = 8;

// "boolean", "integer", "float", "numeric", "text", "json", "bytes", "array".
const char* to_string(ValueKind kind) noexcept;
std::optional<ValueKind> parse_value_kind(std::string_view name) noexcept;

// The kind of a PostgreSQL base type by its pg_type.typname ("int4", "varchar", "jsonb"). Arrays
// are told by the catalog (typelem), not here; domains by their base type. What the table does not
// know is text.
ValueKind kind_of_pg_type(std::string_view typname) noexcept;

// The declared SQLite type of a column. `typname` chooses the integer's width (int2, int4, int8,
// oid; either pg_type.typname or format_type's spelling). Never "INTEGER", so that a key is no
// alias of the rowid. A float key column is TEXT holding the JSON form.
const char* sqlite_type(ValueKind kind, std::string_view typname, bool is_key) noexcept;

}  // namespace objectos
