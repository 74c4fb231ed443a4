// sync_enable(): puts our columns and triggers on a table and the object into
// objectos_sync.objects.
//
// All DDL runs as the caller, who must own the table; only the rows in objects and shapes are
// written as the extension's owner. The table is locked ACCESS EXCLUSIVE, but for catalog changes
// only: no row is read or written, because the columns come with constants. So all rows that are
// there share one version, drawn once; pulls re-read the object whole.
#include "pg_ext/catalog.h"
#include "pg_ext/eligibility.h"
#include "pg_ext/enable_options.h"
#include "pg_ext/history_index.h"
#include "pg_ext/pg.h"
#include "pg_ext/shape.h"
#include "pg_ext/spi.h"
#include "pg_ext/table_setup.h"

namespace objectos::server {

namespace {

// `before`: a version below that of the rows that are there, from which on their texts are known.
void remember_object(Spi& spi, const TableFacts& table, const std::string& name,
                     const EnableOptions& options, std::int64_t before) {
  as_owner([&] {
    spi.execute(
        "WITH shape AS (INSERT INTO objectos_sync.shapes VALUES ($1::pg_catalog.oid, '{}', '', 0, "
        "0, DEFAULT, $8))"
        "INSERT INTO objectos_sync.objects"
        " (relid, object, strategy, on_conflict, deletes, fields, history, enabled_at)"
        " VALUES ($1::pg_catalog.oid, $2, $3, $4, $5, $6, $7, clock_timestamp())",
        {Param::int8(table.relid), Param::text(name), Param::text(options.strategy),
         Param::text(options.on_conflict), Param::text(options.deletes),
         Param::jsonb(options.fields), Param::boolean(options.history), Param::int8(before)});
  });
}

// Triggers in all sessions look at the options anew.
void tell_triggers(Spi& spi, Oid relid) {
  std::vector<Oid> tables = spi.execute(
                                   "SELECT relid FROM objectos_sync.partitions WHERE root ="
                                   " $1::pg_catalog.oid",
                                   {Param::int8(relid)})
                                .oids();
  tables.push_back(relid);
  for (const Oid table : tables) pg_call([&] { CacheInvalidateRelcacheByRelid(table); });
}

// Called again for an enabled table: the options are what this call says. The name stays, for a
// renamed object would be another one to clients.
std::string change_options(Spi& spi, const TableFacts& table, const EnableOptions& options) {
  const std::string name = as_owner([&] {
    // What becomes of texts is logged from now on.
    spi.execute(
        "UPDATE objectos_sync.shapes s SET texts_from = pg_catalog.nextval("
        "'objectos_sync.version_seq') FROM objectos_sync.objects o WHERE s.relid = o.relid"
        " AND o.relid = $1::pg_catalog.oid AND (o.strategy, o.fields) IS DISTINCT FROM ($2, $3)",
        {Param::int8(table.relid), Param::text(options.strategy), Param::jsonb(options.fields)});
    tell_triggers(spi, table.relid);
    return spi
        .execute(
            "UPDATE objectos_sync.objects SET strategy = $2, on_conflict = $3, deletes = $4,"
            " fields = $5, history = $6 WHERE relid = $1::pg_catalog.oid RETURNING object",
            {Param::int8(table.relid), Param::text(options.strategy),
             Param::text(options.on_conflict), Param::text(options.deletes),
             Param::jsonb(options.fields), Param::boolean(options.history)})
        .text_or(0, 0, "");
  });
  if (options.object && *options.object != name)
    throw ProtocolError(ErrorCode::invalid_option,
                        table.qualified + " is enabled as object \"" + name + "\" already", {},
                        "Clients know it by that name: sync_disable() it first to have another.");
  keep_history_index(spi, name, options.history);
  return name;
}

std::string option_argument(FunctionCall call, int index, const char* name) {
  if (argument_is_null(call, index))
    throw ProtocolError(ErrorCode::invalid_option,
                        std::string("the option ") + name + " must not be null", {},
                        "Leave it out to have its default.");
  if (index == 2) return argument_as_text(call, index, JSONBOID);
  return text_argument(call, index);
}

Oid table_argument(FunctionCall call) {
  if (argument_is_null(call, 0)) throw SyncError("22004", "table_name must not be null");
  return oid_argument(call, 0);
}

std::string enable(Oid relid, const EnableOptions& options) {
  return with_spi([&](Spi& spi) {
    const TableFacts table = lock_own_table(spi, relid);
    check_table(spi, table);
    check_options(spi, table, options);
    if (table.enabled) return change_options(spi, table, options);
    const std::string name = checked_object_name(spi, table, options);
    const Oid versions = internal_relation("version_seq");
    const std::int64_t before = pg_call([&] { return nextval_internal(versions, false); });
    add_columns(spi, table.qualified);
    add_row_triggers(spi, table.qualified);
    add_statement_triggers(spi, table.qualified);
    inject_fault("enable");
    remember_object(spi, table, name, options, before);
    follow_object(spi, table.relid);
    keep_history_index(spi, name, options.history);
    return name;
  });
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_enable) {
  const Oid relid = table_argument(call);
  EnableOptions options;
  options.strategy = option_argument(call, 1, "strategy");
  options.fields = option_argument(call, 2, "fields");
  options.on_conflict = option_argument(call, 3, "on_conflict");
  options.deletes = option_argument(call, 4, "deletes");
  options.object = optional_text_argument(call, 5);
  if (argument_is_null(call, 6)) option_argument(call, 6, "history");
  options.history = boolean_argument(call, 6);
  return text_result(enable(relid, options));
}
