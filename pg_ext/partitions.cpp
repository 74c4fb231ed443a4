#include "pg_ext/partitions.h"

#include <algorithm>
#include <vector>

#include "pg_ext/table_setup.h"

namespace objectos::server {

namespace {

// No rows were ever in it: a detached or attached one leaves and brings nothing.
bool has_rows(Spi& spi, Oid relid) {
  return spi
      .execute(
          "SELECT COALESCE(pg_catalog.pg_relation_size($1::pg_catalog.oid::pg_catalog.regclass), 0)"
          " OPERATOR(pg_catalog.>) 0",
          {Param::int8(relid)})
      .boolean(0, 0);
}

bool welcome(Spi& spi, const TableFacts& root, Oid relid) {
  const TableFacts partition = read_table(spi, relid);
  check_partition(partition);
  add_statement_triggers(spi, partition.qualified);
  settle_roles(spi, relid, partition.qualified);
  as_owner([&] {
    spi.execute(
        "INSERT INTO objectos_sync.partitions VALUES ($1::pg_catalog.oid, $2::pg_catalog.oid)",
        {Param::int8(relid), Param::int8(root.relid)});
  });
  return !partition.is_partitioned() && has_rows(spi, relid);
}

bool part_with(Spi& spi, Oid relid) {
  as_owner([&] {
    spi.execute("DELETE FROM objectos_sync.partitions WHERE relid = $1::pg_catalog.oid",
                {Param::int8(relid)});
  });
  const bool exists = !spi.execute(
                              "SELECT FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=)"
                              " $1::pg_catalog.oid",
                              {Param::int8(relid)})
                           .empty();
  if (!exists) return true;
  const TableFacts table = read_table(spi, relid);
  drop_triggers(spi, relid, table.qualified);
  drop_columns(spi, relid, table.qualified);
  return !table.is_partitioned() && has_rows(spi, relid);
}

}  // namespace

bool follow_partitions(Spi& spi, const TableFacts& root) {
  const std::string tree =
      "SELECT t.relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid) t"
      " WHERE t.level OPERATOR(pg_catalog.>) 0";
  const Params of_root = {Param::int8(root.relid)};
  const std::vector<Oid> present = spi.execute(tree + " ORDER BY t.level", of_root).oids();
  const std::vector<Oid> known = as_owner([&] {
    return spi
        .execute("SELECT relid FROM objectos_sync.partitions WHERE root = $1::pg_catalog.oid",
                 of_root)
        .oids();
  });
  for (const Oid relid : known)
    if (std::find(present.begin(), present.end(), relid) != present.end())
      settle_roles(spi, relid, read_table(spi, relid).qualified);
  bool rows_moved = false;
  for (const Oid relid : present)
    if (std::find(known.begin(), known.end(), relid) == known.end())
      rows_moved |= welcome(spi, root, relid);
  for (const Oid relid : known)
    if (std::find(present.begin(), present.end(), relid) == present.end())
      rows_moved |= part_with(spi, relid);
  return rows_moved;
}

void prepare_partition(Spi& spi, Oid relid) {
  const TableFacts table = read_table(spi, relid);
  check_partition(table);
  const bool has_them =
      spi.execute(
             "SELECT pg_catalog.count(*) OPERATOR(pg_catalog.=) 3 FROM pg_catalog.pg_attribute"
             " WHERE attrelid OPERATOR(pg_catalog.=) $1::pg_catalog.oid AND NOT attisdropped"
             " AND attname::text OPERATOR(pg_catalog.=) ANY"
             " (ARRAY['_version', '_modified_at', '_modified_by'])",
             {Param::int8(relid)})
          .boolean(0, 0);
  if (has_them)
    set_defaults(spi, table.qualified);
  else
    add_columns(spi, table.qualified);
}

}  // namespace objectos::server
