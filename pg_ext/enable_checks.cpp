#include "pg_ext/enable.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "pg_ext/spi.h"
#include "protocol/json.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

constexpr std::array<std::string_view, 5> strategies = {"lww", "merge", "server_wins",
                                                        "client_wins", "manual"};
constexpr std::array<std::string_view, 4> conflict_rules = {"lww", "server_wins", "client_wins",
                                                            "manual"};
constexpr std::array<std::string_view, 2> delete_rules = {"deletion_wins", "update_wins"};

template <std::size_t Count>
void check_choice(const char* option, const std::string& value,
                  const std::array<std::string_view, Count>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return;
  std::string list;
  for (const auto& name : allowed) list += (list.empty() ? "" : ", ") + std::string(name);
  throw SyncError("OS011", "invalid " + std::string(option) + " \"" + value + "\"", "",
                  "Use one of: " + list + ".");
}

[[noreturn]] void refuse(const std::string& table, const std::string& why,
                         const std::string& hint) {
  throw SyncError("OS008", "table " + table + " cannot be synced: " + why, "", hint);
}

void check_fields(const EnableRequest& request) {
  const Json fields = parse_json(request.fields);
  if (!fields.is_object())
    throw SyncError("OS011", "fields must be a JSON object", "It is " + request.fields + ".",
                    "Write {\"column\": \"strategy\"}.");
  for (const auto& [name, value] : fields.members()) {
    if (!value.is_string())
      throw SyncError("OS011", "the strategy of field \"" + name + "\" must be a string");
    check_choice(("strategy of field \"" + name + "\"").c_str(), value.text(), strategies);
    const std::string column = name;
    const int attnum = pg_call([&] { return int{get_attnum(request.relid, column.c_str())}; });
    if (attnum <= 0)
      throw SyncError("OS011", "fields names a column that does not exist: \"" + name + "\"", "",
                      "Name columns of the table.");
  }
}

// What pg_class says: one row.
void check_relation(const Rows& rows, const std::string& table) {
  const std::string kind = rows.text_or(0, 0, "");
  if (kind == "p")
    refuse(table, "it is partitioned", "Partitioned tables come in a later release.");
  if (kind != "r") refuse(table, "it is not an ordinary table", "Name an ordinary table.");
  if (rows.boolean(0, 3)) refuse(table, "it belongs to the system", "Name a table of your own.");
  const std::string persistence = rows.text_or(0, 1, "");
  if (persistence == "u")
    refuse(table, "it is UNLOGGED, a crash would empty it", "Run ALTER TABLE … SET LOGGED first.");
  if (persistence == "t")
    refuse(table, "it is a temporary table", "Only permanent tables can be synced.");
  if (rows.boolean(0, 2))
    refuse(table, "it is a partition", "Partitioned tables come in a later release.");
  if (rows.boolean(0, 4))
    refuse(table, "it inherits from a table or has children", "Use tables without inheritance.");
  if (!rows.boolean(0, 5))
    refuse(table, "it has no primary key", "Add a primary key: it names the records.");
  if (const auto column = rows.text(0, 6))
    refuse(table, "it has a column named \"" + *column + "\"", "Rename that column first.");
}

}  // namespace

void check_options(const EnableRequest& request) {
  check_choice("strategy", request.strategy, strategies);
  check_choice("on_conflict", request.on_conflict, conflict_rules);
  check_choice("deletes", request.deletes, delete_rules);
  check_fields(request);
}

void check_owner(Oid relid, const std::string& qualified) {
  const bool owner = pg_call([&] {
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    if (!HeapTupleIsValid(tuple)) return false;
    const Oid held = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return bool{has_privs_of_role(GetUserId(), held)};
  });
  if (!owner)
    throw SyncError("42501", "must be owner of table " + qualified, "",
                    "Only a table's owner may enable or disable sync.");
}

void check_table(Oid relid, const std::string& qualified) {
  check_owner(relid, qualified);
  as_owner([&] {
    with_spi([&](Spi& spi) {
      const Rows rows = spi.execute(
          "SELECT c.relkind::text, c.relpersistence::text, c.relispartition,"
          " c.oid < 16384 OR n.nspname IN ('objectos_sync', 'pg_catalog', 'information_schema'),"
          " EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)),"
          " EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),"
          " (SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid"
          "  AND NOT a.attisdropped AND a.attname IN ('_version', '_modified_at', '_modified_by',"
          "  '_synced') ORDER BY a.attnum LIMIT 1)"
          " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
          " WHERE c.oid = $1::oid",
          {Param::int8(relid)});
      check_relation(rows, qualified);
    });
  });
}

std::string qualified_name(Oid relid) {
  const char* const name = pg_call([&]() -> const char* {
    const char* const table = get_rel_name(relid);
    if (table == nullptr) return nullptr;
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), table);
  });
  if (name == nullptr)
    throw SyncError("42P01", "there is no table with oid " + std::to_string(relid));
  return name;
}

}  // namespace objectos::server
