#include "pg_ext/eligibility.h"

#include <array>
#include <string_view>

#include "pg_ext/catalog.h"
#include "pg_ext/pg.h"
#include "protocol/limits.h"

namespace objectos::server {

namespace {

constexpr int attributes_max = 1600;  // MaxHeapAttributeNumber
constexpr int attributes_ours = 3;

[[noreturn]] void refuse_table(const TableFacts& table, const std::string& why,
                               const std::string& hint, const std::string& detail = {}) {
  throw ProtocolError(
      ErrorCode::object_not_supported,
      (table.enabled ? "cannot do that while sync is enabled for " : "cannot enable sync for ") +
          table.qualified + ": " + why,
      detail, hint);
}

[[noreturn]] void refuse_option(const std::string& message, const std::string& hint,
                                const std::string& detail = {}) {
  throw ProtocolError(ErrorCode::invalid_option, message, detail, hint);
}

void check_owner(Spi& spi, Oid relid) {
  const Rows found = spi.execute(
      "SELECT pg_catalog.pg_has_role(relowner, 'USAGE'), relname, relkind"
      " FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) $1::pg_catalog.oid",
      {Param::int8(relid)});
  if (found.empty())
    throw SyncError("42P01", "there is no table with oid " + std::to_string(relid));
  if (!found.boolean(0, 0))
    throw SyncError("42501", "must be owner of table " + found.text_or(0, 1, ""), "",
                    "Ask the table's owner to call it.");
}

// The kinds of relation that are no plain table.
void check_relation_kind(const TableFacts& table) {
  switch (table.kind) {
    case 'r':
    case 'p':
      break;
    case 'v':
    case 'm':
      refuse_table(table, "it is a view", "Enable the tables that it reads.");
    case 'f':
      refuse_table(table, "it is a foreign table", "Enable it on the server that holds its data.");
    default:
      refuse_table(table, "it is not a table", "Name a table.");
  }
}

void check_storage(const TableFacts& table) {
  if (table.is_system) refuse_table(table, "it is a system catalog", "Name a table of your own.");
  if (!table.extension.empty())
    refuse_table(table, "it belongs to extension " + table.extension,
                 "Copy what you need to a table of your own.");
  if (table.persistence == 't')
    refuse_table(table, "it is a temporary table", "Only this session can see it: create a table.");
  if (table.persistence == 'u')
    refuse_table(table, "it is an unlogged table",
                 "A crash would empty it without a trace: ALTER TABLE … SET LOGGED first.");
  if (table.is_partition)
    refuse_table(table, "it is a partition",
                 "Enable the partitioned table it belongs to, at the top.");
  if (table.is_child || (table.is_parent && !table.is_partitioned()))
    refuse_table(table,
                 table.is_child ? "it inherits from another table" : "other tables inherit from it",
                 "A key is unique in one table only: end the inheritance first.");
  if (table.is_typed)
    refuse_table(table, "it is a typed table, which takes no further columns",
                 "ALTER TABLE … NOT OF first.");
  if (!table.enabled && table.attributes > attributes_max - attributes_ours)
    refuse_table(table, "it has more than 1597 columns",
                 "Sync adds three, and a table has room for 1600, dropped ones counted.",
                 "It uses " + std::to_string(table.attributes) + " of them.");
}

void check_columns(Spi& spi, const TableFacts& table) {
  const Rows ours = spi.execute(
      "SELECT attname FROM pg_catalog.pg_attribute"
      " WHERE attrelid OPERATOR(pg_catalog.=) $1::pg_catalog.oid"
      " AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped"
      " AND pg_catalog.lower(attname::text COLLATE \"C\") = ANY"
      " (ARRAY['_version', '_modified_at', '_modified_by', '_synced'])"
      " AND NOT ($2 AND attname::text OPERATOR(pg_catalog.=) ANY"
      " (ARRAY['_version', '_modified_at', '_modified_by'])) ORDER BY attnum",
      {Param::int8(table.relid), Param::boolean(table.enabled)});
  if (!ours.empty())
    refuse_table(table, "it has a column " + quote_identifier(ours.text_or(0, 0, "")),
                 "Sync needs that name: rename the column.");
  const Rows twice = spi.execute(
      "SELECT pg_catalog.min(attname::text), pg_catalog.max(attname::text)"
      " FROM pg_catalog.pg_attribute WHERE attrelid OPERATOR(pg_catalog.=) $1::pg_catalog.oid"
      " AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped"
      " GROUP BY pg_catalog.lower(attname::text COLLATE \"C\")"
      " HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 LIMIT 1",
      {Param::int8(table.relid)});
  if (!twice.empty())
    refuse_table(table,
                 "its columns " + quote_identifier(twice.text_or(0, 0, "")) + " and " +
                     quote_identifier(twice.text_or(0, 1, "")) + " differ by case only",
                 "Clients keep rows in SQLite, where they are one name: rename one of them.");
}

}  // namespace

Rows key_columns(Spi& spi, Oid relid) {
  return spi.execute(
      "SELECT a.attname, a.atttypid, a.attgenerated OPERATOR(pg_catalog.<>) '',"
      " pg_catalog.format_type(a.atttypid, a.atttypmod)"
      " FROM pg_catalog.pg_index i"
      " CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::smallint[]) WITH ORDINALITY k(attnum, place)"
      " JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid"
      " AND a.attnum OPERATOR(pg_catalog.=) k.attnum"
      " WHERE i.indrelid OPERATOR(pg_catalog.=) $1::pg_catalog.oid AND i.indisprimary"
      " AND k.place OPERATOR(pg_catalog.<=) i.indnkeyatts ORDER BY k.place",
      {Param::int8(relid)});
}

namespace {

void check_key(Spi& spi, const TableFacts& table) {
  const Rows key = key_columns(spi, table.relid);
  if (key.empty())
    refuse_table(
        table, "it has no primary key",
        "Records are named by it: ALTER TABLE " + table.qualified + " ADD PRIMARY KEY (…).");
  for (std::size_t i = 0; i < key.size(); ++i) {
    const std::string column = quote_identifier(key.text_or(i, 0, ""));
    const ValueKind kind = kind_of_type(static_cast<Oid>(key.int8(i, 1).value_or(0)));
    if (kind == ValueKind::json || kind == ValueKind::array)
      refuse_table(table, "its key column " + column + " has type " + key.text_or(i, 3, ""),
                   "Equal values of this type have several texts, so they cannot name a record.");
    if (key.boolean(i, 2))
      refuse_table(table, "its key column " + column + " is generated",
                   "A client must be able to choose the key of a record that it creates.");
  }
}

// Somebody may have renamed or retyped what sync put there.
void check_ours(Spi& spi, const TableFacts& table) {
  const Rows ours = spi.execute(
      "SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute a"
      " WHERE a.attrelid OPERATOR(pg_catalog.=) $1::pg_catalog.oid AND NOT a.attisdropped"
      " AND a.attnotnull AND a.atthasdef AND (a.attname::text, a.atttypid) IN"
      " (('_version', 'pg_catalog.int8'::pg_catalog.regtype),"
      " ('_modified_at', 'pg_catalog.timestamptz'::pg_catalog.regtype),"
      " ('_modified_by', 'pg_catalog.text'::pg_catalog.regtype))",
      {Param::int8(table.relid)});
  if (ours.int8(0, 0) != attributes_ours)
    refuse_table(table, "its columns _version, _modified_at and _modified_by belong to sync",
                 "Run first: SELECT sync_disable(" + quote_literal(table.qualified) + ");");
}

void check_partitions(Spi& spi, const TableFacts& table) {
  const Rows tree = spi.execute(
      "SELECT relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid)"
      " WHERE level OPERATOR(pg_catalog.>) 0",
      {Param::int8(table.relid)});
  for (std::size_t row = 0; row < tree.size(); ++row)
    check_partition(read_table(spi, static_cast<Oid>(tree.int8(row, 0).value_or(0))));
}

}  // namespace

TableFacts read_table(Spi& spi, Oid relid) {
  const Rows row = spi.execute(
      "SELECT n.nspname, c.relname, c.relkind, c.relpersistence, c.relispartition,"
      " c.reloftype OPERATOR(pg_catalog.<>) 0,"
      " EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid OPERATOR(pg_catalog.=) "
      "c.oid),"
      " EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent OPERATOR(pg_catalog.=) "
      "c.oid),"
      " c.oid OPERATOR(pg_catalog.<) 16384::pg_catalog.oid, e.extname, c.relnatts"
      " FROM pg_catalog.pg_class c"
      " JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
      " LEFT JOIN pg_catalog.pg_depend d ON d.objid OPERATOR(pg_catalog.=) c.oid"
      " AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass"
      " AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass"
      " AND d.deptype OPERATOR(pg_catalog.=) 'e'"
      " LEFT JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid"
      " WHERE c.oid OPERATOR(pg_catalog.=) $1::pg_catalog.oid",
      {Param::int8(relid)});
  if (row.empty()) throw SyncError("42P01", "there is no table with oid " + std::to_string(relid));
  TableFacts table;
  table.relid = relid;
  table.schema = row.text_or(0, 0, "");
  table.table = row.text_or(0, 1, "");
  table.qualified = quote_identifier(table.schema) + "." + quote_identifier(table.table);
  table.kind = row.text_or(0, 2, "r")[0];
  table.persistence = row.text_or(0, 3, "p")[0];
  table.is_partition = row.boolean(0, 4);
  table.is_typed = row.boolean(0, 5);
  table.is_child = row.boolean(0, 6);
  table.is_parent = row.boolean(0, 7);
  table.is_system = row.boolean(0, 8);
  table.extension = row.text_or(0, 9, "");
  table.attributes = static_cast<int>(row.int8(0, 10).value_or(0));
  table.enabled = as_owner([&] {
    return !spi.execute("SELECT FROM objectos_sync.objects WHERE relid = $1::pg_catalog.oid",
                        {Param::int8(relid)})
                .empty();
  });
  return table;
}

void check_partition(const TableFacts& partition) {
  if (partition.enabled)
    refuse_table(partition, "it is an object of its own, which cannot become a partition",
                 "Run first: SELECT sync_disable(" + quote_literal(partition.qualified) + ");");
  if (partition.kind == 'f')
    refuse_table(partition, "it is a foreign table", "What others write to it is not seen here.");
  if (partition.persistence != 'p')
    refuse_table(partition, "it is a temporary or unlogged table",
                 "Every partition of a synced table must be logged.");
  if (partition.attributes > attributes_max)
    refuse_table(partition, "it has more than 1597 columns",
                 "Sync adds three, and a table has room for 1600, dropped ones counted.");
}

TableFacts lock_own_table(Spi& spi, Oid relid) {
  check_owner(spi, relid);
  // By oid, so that a rename cannot put another table in its place; only relations have row locks
  // to wait for.
  pg_call([&] { LockRelationOid(relid, AccessExclusiveLock); });
  check_owner(spi, relid);
  return read_table(spi, relid);
}

void check_table(Spi& spi, const TableFacts& table) {
  check_relation_kind(table);
  check_storage(table);
  if (table.is_partitioned()) check_partitions(spi, table);
  check_columns(spi, table);
  check_key(spi, table);
  if (table.enabled) check_ours(spi, table);
}

std::string checked_object_name(Spi& spi, const TableFacts& table, const EnableOptions& options) {
  const std::string hint = "Give it another name: sync_enable(…, object => 'name').";
  const std::string name = options.object             ? *options.object
                           : table.schema == "public" ? table.table
                                                      : table.schema + "." + table.table;
  if (name.empty()) refuse_option("an object's name must not be empty", hint);
  if (name.size() > limits::name_bytes_max)
    refuse_option("an object's name may have at most " + std::to_string(limits::name_bytes_max) +
                      " bytes, this one has " + std::to_string(name.size()),
                  hint);
  const std::string lower = as_owner([&] {
    return spi.execute("SELECT lower($1 COLLATE \"C\")", {Param::text(name)}).text_or(0, 0, "");
  });
  if (name.front() == '_' || lower.starts_with("sqlite_"))
    refuse_option("clients cannot have a table named \"" + name + "\"", hint,
                  "Names that begin with _ or sqlite_ are taken by the client's own tables.");
  const auto other = as_owner([&] {
    const Rows rows = spi.execute(
        "SELECT object FROM objectos_sync.objects WHERE lower(object COLLATE \"C\") = $1",
        {Param::text(lower)});
    return rows.empty() ? std::optional<std::string>() : rows.text(0, 0);
  });
  if (other)
    refuse_option("there is an object named \"" + *other + "\" already", hint,
                  "Clients keep objects in SQLite, where names do not differ by case.");
  return name;
}

std::string function_schema() {
  return as_owner([] {
    return with_spi([](Spi& spi) {
      return spi
          .execute(
              "SELECT n.nspname FROM pg_extension e"
              " JOIN pg_namespace n ON n.oid = e.extnamespace"
              " WHERE e.extname = 'objectos_sync'")
          .text_or(0, 0, "public");
    });
  });
}

}  // namespace objectos::server
