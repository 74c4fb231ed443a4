#include "protocol/value_kinds.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace objectos;

TEST_CASE("every kind has a name of its own that is read back") {
  std::set<std::string> names;
  for (int i = 0; i < value_kind_count; ++i) {
    auto kind = static_cast<ValueKind>(i);
    names.insert(to_string(kind));
    CHECK(parse_value_kind(to_string(kind)) == kind);
  }
  CHECK(names == std::set<std::string>{"boolean", "integer", "float", "numeric", "text", "json",
                                       "bytes", "array"});
  for (const char* name : {"", "real", "Boolean", "int", "timestamp"}) {
    CHECK_MESSAGE(!parse_value_kind(name), name);
  }
}

TEST_CASE("PostgreSQL's types fall into their kinds, and unknown ones are text") {
  CHECK(kind_of_pg_type("bool") == ValueKind::boolean);
  for (const char* name : {"int2", "int4", "int8", "oid"}) {
    CHECK_MESSAGE(kind_of_pg_type(name) == ValueKind::integer, name);
  }
  CHECK(kind_of_pg_type("float4") == ValueKind::real);
  CHECK(kind_of_pg_type("float8") == ValueKind::real);
  CHECK(kind_of_pg_type("numeric") == ValueKind::numeric);
  CHECK(kind_of_pg_type("json") == ValueKind::json);
  CHECK(kind_of_pg_type("jsonb") == ValueKind::json);
  CHECK(kind_of_pg_type("bytea") == ValueKind::bytes);
  for (const char* name :
       {"text", "varchar",   "bpchar",      "name",     "char",   "uuid",     "date",
        "time", "timestamp", "timestamptz", "interval", "inet",   "money",    "bit",
        "xml",  "tsvector",  "int4range",   "point",    "hstore", "a_domain", ""}) {
    CHECK_MESSAGE(kind_of_pg_type(name) == ValueKind::text, name);
  }
}

TEST_CASE("SQLite's declared type never makes a key an alias of the rowid or loses digits") {
  auto declared = [](ValueKind kind, const char* typname, bool is_key) {
    return std::string(sqlite_type(kind, typname, is_key));
  };
  for (bool is_key : {false, true}) {
    CHECK(declared(ValueKind::boolean, "bool", is_key) == "BOOLEAN");
    CHECK(declared(ValueKind::integer, "int2", is_key) == "SMALLINT");
    CHECK(declared(ValueKind::integer, "smallint", is_key) == "SMALLINT");
    CHECK(declared(ValueKind::integer, "int4", is_key) == "INT");
    CHECK(declared(ValueKind::integer, "integer", is_key) == "INT");
    CHECK(declared(ValueKind::integer, "int8", is_key) == "BIGINT");
    CHECK(declared(ValueKind::integer, "oid", is_key) == "BIGINT");
    CHECK(declared(ValueKind::numeric, "numeric", is_key) == "TEXT");
    CHECK(declared(ValueKind::text, "uuid", is_key) == "TEXT");
    CHECK(declared(ValueKind::json, "jsonb", is_key) == "TEXT");
    CHECK(declared(ValueKind::bytes, "bytea", is_key) == "BLOB");
    CHECK(declared(ValueKind::array, "_int4", is_key) == "TEXT");
  }
  CHECK(declared(ValueKind::real, "float8", false) == "REAL");
  CHECK(declared(ValueKind::real, "float8", true) == "TEXT");
}
