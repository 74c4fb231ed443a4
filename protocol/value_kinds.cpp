#include "protocol/value_kinds.h"

namespace objectos {

namespace {

struct KindRow {
  ValueKind kind;
  const char* name;
  const char* sqlite;
};

constexpr KindRow kinds[value_kind_count] = {
    {ValueKind::boolean, "boolean", "BOOLEAN"}, {ValueKind::integer, "integer", "BIGINT"},
    {ValueKind::real, "float", "REAL"},         {ValueKind::numeric, "numeric", "TEXT"},
    {ValueKind::text, "text", "TEXT"},          {ValueKind::json, "json", "TEXT"},
    {ValueKind::bytes, "bytes", "BLOB"},        {ValueKind::array, "array", "TEXT"},
};

struct TypeRow {
  std::string_view typname;
  ValueKind kind;
};

constexpr TypeRow types[] = {
    {"bool", ValueKind::boolean}, {"int2", ValueKind::integer},    {"int4", ValueKind::integer},
    {"int8", ValueKind::integer}, {"oid", ValueKind::integer},     {"float4", ValueKind::real},
    {"float8", ValueKind::real},  {"numeric", ValueKind::numeric}, {"json", ValueKind::json},
    {"jsonb", ValueKind::json},   {"bytea", ValueKind::bytes},
};

}  // namespace

const char* to_string(ValueKind kind) noexcept {
  return kinds[static_cast<int>(kind)].name;
}

std::optional<ValueKind> parse_value_kind(std::string_view name) noexcept {
  for (const KindRow& row : kinds) {
    if (name == row.name) return row.kind;
  }
  return std::nullopt;
}

ValueKind kind_of_pg_type(std::string_view typname) noexcept {
  for (const TypeRow& row : types) {
    if (typname == row.typname) return row.kind;
  }
  return ValueKind::text;
}

const char* sqlite_type(ValueKind kind, std::string_view typname, bool is_key) noexcept {
  if (kind == ValueKind::real && is_key) return "TEXT";
  if (kind == ValueKind::integer) {
    if (typname == "int2" || typname == "smallint") return "SMALLINT";
    if (typname == "int4" || typname == "integer") return "INT";
  }
  return kinds[static_cast<int>(kind)].sqlite;
}

}  // namespace objectos
