// sync_disable() and sync_objects().
//
// What disabling removes: our triggers and columns (their slots stay, as with any dropped column),
// the object, its clocks and its open conflicts. What it keeps: the log. Its rows still carry the
// acknowledgements and anchors that clients come back for; and should the table be enabled again,
// they can confuse nobody: a pull re-reads the object whole, since its view fingerprint holds
// reshaped_at, takes values from the rows themselves, and versions come from one sequence, so an
// old deletion never outranks a record that was made after it.
#include "pg_ext/commit_signal.h"
#include "pg_ext/eligibility.h"
#include "pg_ext/history_index.h"
#include "pg_ext/pg.h"
#include "pg_ext/spi.h"
#include "pg_ext/table_setup.h"

namespace objectos::server {

namespace {

void forget_object(Spi& spi, const TableFacts& table) {
  as_owner([&] {
    const Rows gone = spi.execute(
        "DELETE FROM objectos_sync.objects WHERE relid = $1::pg_catalog.oid RETURNING object",
        {Param::int8(table.relid)});
    if (gone.empty())
      throw ProtocolError(ErrorCode::unknown_object, table.qualified + " is not enabled for sync",
                          {}, "SELECT * FROM sync_objects() shows what is.");
    spi.execute("DELETE FROM objectos_sync.shapes WHERE relid = $1::pg_catalog.oid",
                {Param::int8(table.relid)});
    spi.execute("DELETE FROM objectos_sync.partitions WHERE root = $1::pg_catalog.oid",
                {Param::int8(table.relid)});
    const Params object = {Param::text(gone.text(0, 0))};
    spi.execute("DELETE FROM objectos_sync.field_clocks WHERE object = $1", object);
    spi.execute("DELETE FROM objectos_sync.text_ops WHERE object = $1", object);
    // Ended ones, too: another table may get the object's name, and other readers.
    spi.execute("DELETE FROM objectos_sync.conflicts WHERE object = $1", object);
    keep_history_index(spi, gone.text_or(0, 0, ""), false);
  });
}

// The enabled table first: its columns and row triggers go from the partitions with it. What is
// left on a partition is what it had of its own, having been attached.
void take_away(Spi& spi, const TableFacts& table) {
  const Rows partitions = spi.execute(
      "SELECT relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree($1::pg_catalog.oid)"
      " WHERE level OPERATOR(pg_catalog.>) 0 ORDER BY level",
      {Param::int8(table.relid)});
  drop_triggers(spi, table.relid, table.qualified);
  drop_columns(spi, table.relid, table.qualified);
  for (std::size_t row = 0; row < partitions.size(); ++row) {
    const TableFacts partition =
        read_table(spi, static_cast<Oid>(partitions.int8(row, 0).value_or(0)));
    drop_triggers(spi, partition.relid, partition.qualified);
    drop_columns(spi, partition.relid, partition.qualified);
  }
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_disable) {
  const Oid relid = oid_argument(call, 0);
  with_spi([&](Spi& spi) {
    const TableFacts table = lock_own_table(spi, relid);
    // The object goes first: while it is there, its columns are protected.
    forget_object(spi, table);
    take_away(spi, table);
  });
  signal_at_commit();
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_objects) {
  RowWriter writer(call);
  with_spi([&](Spi& spi) {
    const Rows objects = as_owner([&] {
      return spi.execute(
          "SELECT o.object, o.relid, o.strategy, o.on_conflict, o.deletes, o.fields,"
          " ARRAY(SELECT a.attname::text FROM pg_index i"
          "  CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY k(attnum, place)"
          "  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
          "  WHERE i.indrelid = o.relid AND i.indisprimary AND k.place <= i.indnkeyatts"
          "  ORDER BY k.place), o.enabled_at, o.history"
          " FROM objectos_sync.objects o JOIN pg_class c ON c.oid = o.relid ORDER BY o.object",
          {}, Access::read_only);
    });
    for (std::size_t row = 0; row < objects.size(); ++row) {
      for (int column = 0; column < objects.column_count(); ++column) {
        bool null = false;
        const Datum value = objects.datum(row, column, &null);
        writer.datum(value, null);
      }
      writer.end_row();
    }
  });
  return null_result(call);
}
