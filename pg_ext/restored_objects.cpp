#include "pg_ext/restored_objects.h"

#include <string>
#include <vector>

#include "pg_ext/history_index.h"
#include "pg_ext/shape.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// The table $1 and its partitions at every level; without the locks of pg_partition_tree().
constexpr const char* tree_sql =
    "WITH RECURSIVE tree(relid) AS (SELECT $1::oid"
    " UNION ALL SELECT h.inhrelid FROM tree t JOIN pg_inherits h ON h.inhparent = t.relid) ";

// By relid: sessions that restore side by side do not wait for each other in a circle.
std::vector<Oid> unsettled_objects(Spi& spi) {
  const Rows rows = spi.execute(
      "SELECT o.relid::oid FROM objectos_sync.objects o WHERE NOT EXISTS"
      " (SELECT FROM objectos_sync.shapes s WHERE s.relid = o.relid) ORDER BY o.relid::oid");
  std::vector<Oid> oids;
  for (std::size_t row = 0; row < rows.size(); ++row)
    oids.push_back(static_cast<Oid>(rows.int8(row, 0).value_or(0)));
  return oids;
}

// table_setup.cpp makes these triggers.
bool is_whole(Spi& spi, Oid relid) {
  return spi
      .execute(std::string(tree_sql) +
                   "SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = $1::oid AND indisprimary)"
                   " AND NOT EXISTS (SELECT FROM tree CROSS JOIN (VALUES ('insert', false),"
                   "  ('update', false), ('delete', false), ('truncate', true), ('stamp', true),"
                   "  ('row', true)) n(name, own_role)"
                   " LEFT JOIN pg_trigger g ON g.tgrelid = tree.relid"
                   "  AND g.tgname::text = '~objectos_sync_' || n.name"
                   " WHERE g.oid IS NULL OR (n.own_role AND g.tgenabled = 'O'))",
               {Param::int8(relid)})
      .boolean(0, 0);
}

// The log is the restored database's own: no row of it is older than the shape.
void settle(Spi& spi, Oid relid) {
  spi.execute(std::string(tree_sql) +
                  "INSERT INTO objectos_sync.partitions"
                  " SELECT relid, $1::oid FROM tree WHERE relid <> $1::oid ON CONFLICT DO NOTHING",
              {Param::int8(relid)});
  spi.execute(std::string("INSERT INTO objectos_sync.shapes VALUES ($1::oid, ") + column_names_sql +
                  ", $2, 0, 0) ON CONFLICT DO NOTHING",
              {Param::int8(relid), Param::text(read_shape(spi, relid).text())});
  const Rows object =
      spi.execute("SELECT object, history FROM objectos_sync.objects WHERE relid = $1::oid",
                  {Param::int8(relid)});
  keep_history_index(spi, object.text_or(0, 0, ""), object.boolean(0, 1));
}

}  // namespace

void settle_restored(Spi& spi) {
  as_owner([&] {
    for (const Oid relid : unsettled_objects(spi))
      if (is_whole(spi, relid)) settle(spi, relid);
  });
}

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(settle_restored) {
  with_spi([](Spi& spi) { settle_restored(spi); });
  return null_result(call);
}

// A read-only transaction changes no table but temporary ones.
OBJECTOS_FUNCTION(settle_before) {
  if (!CALLED_AS_EVENT_TRIGGER(call))
    throw SyncError("39P03", "settle_before() is called by an event trigger only");
  if (!pg_call([] { return XactReadOnly; })) with_spi([](Spi& spi) { settle_restored(spi); });
  return null_result(call);
}
