// sync_enable(): puts our columns and triggers on a table and the object into
// objectos_sync.objects.
//
// All DDL runs as the caller, who must own the table; only the row in objects is written as the
// extension's owner. The table is locked ACCESS EXCLUSIVE, but for catalog changes only: no row is
// read or written, because the columns come with constants. So all rows that are there share one
// version, drawn once; pulls re-read the object whole.
#include "pg_ext/eligibility.h"
#include "pg_ext/enable_options.h"
#include "pg_ext/pg.h"
#include "pg_ext/spi.h"

namespace objectos::server {

namespace {

// A default that is not volatile is computed once and kept in the catalog for the rows that are
// there; nextval is volatile and would rewrite the table, so it becomes the default afterwards.
void add_columns(Spi& spi, const TableFacts& table) {
  const std::string version =
      spi.execute("SELECT pg_catalog.nextval('objectos_sync.version_seq'::pg_catalog.regclass)")
          .text_or(0, 0, "");
  spi.execute_once("ALTER TABLE " + table.qualified +
                   " ADD COLUMN _version pg_catalog.int8 NOT NULL DEFAULT " + version +
                   ", ADD COLUMN _modified_at pg_catalog.timestamptz NOT NULL"
                   " DEFAULT pg_catalog.now()"
                   ", ADD COLUMN _modified_by pg_catalog.text NOT NULL DEFAULT " +
                   quote_identifier(function_schema()) + ".sync_user_id()");
  spi.execute_once("ALTER TABLE " + table.qualified +
                   " ALTER COLUMN _version SET DEFAULT"
                   " pg_catalog.nextval('objectos_sync.version_seq'::pg_catalog.regclass)");
}

// Triggers of one event fire in the order of their names: `~` sorts behind letters, so ours see
// what the user's made.
void add_triggers(Spi& spi, const TableFacts& table) {
  const std::string capture = " FOR EACH STATEMENT EXECUTE FUNCTION objectos_sync.capture()";
  const std::string on = " ON " + table.qualified;
  spi.execute_once("CREATE TRIGGER \"~objectos_sync_stamp\" BEFORE UPDATE" + on +
                   " FOR EACH ROW EXECUTE FUNCTION objectos_sync.stamp()");
  spi.execute_once("CREATE TRIGGER \"~objectos_sync_insert\" AFTER INSERT" + on +
                   " REFERENCING NEW TABLE AS objectos_new" + capture);
  spi.execute_once("CREATE TRIGGER \"~objectos_sync_update\" AFTER UPDATE" + on +
                   " REFERENCING OLD TABLE AS objectos_old NEW TABLE AS objectos_new" + capture);
  spi.execute_once("CREATE TRIGGER \"~objectos_sync_delete\" AFTER DELETE" + on +
                   " REFERENCING OLD TABLE AS objectos_old" + capture);
  spi.execute_once("CREATE TRIGGER \"~objectos_sync_truncate\" AFTER TRUNCATE" + on + capture);
}

void remember_object(Spi& spi, const TableFacts& table, const std::string& name,
                     const EnableOptions& options) {
  as_owner([&] {
    spi.execute(
        "INSERT INTO objectos_sync.objects"
        " (relid, object, strategy, on_conflict, deletes, fields, enabled_at)"
        " VALUES ($1::pg_catalog.oid, $2, $3, $4, $5, $6, clock_timestamp())",
        {Param::int8(table.relid), Param::text(name), Param::text(options.strategy),
         Param::text(options.on_conflict), Param::text(options.deletes),
         Param::jsonb(options.fields)});
  });
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
    const std::string name = checked_object_name(spi, table, options);
    add_columns(spi, table);
    add_triggers(spi, table);
    inject_fault("enable");
    remember_object(spi, table, name, options);
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
  return text_result(enable(relid, options));
}
