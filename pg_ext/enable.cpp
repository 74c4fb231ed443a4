// sync_enable, sync_disable, sync_objects, and what happens when tables or the extension are
// dropped.
//
// DDL runs as the caller, who must own the table; only the row in objectos_sync.objects is written
// as the extension's owner. Columns are added with constant defaults, which rewrites nothing, and
// the real defaults set afterwards.
#include "pg_ext/enable.h"

#include <string>

#include "pg_ext/catalog.h"
#include "pg_ext/spi.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// The schema the extension's functions live in, quoted.
std::string function_schema() {
  return as_owner([&] {
    return with_spi([&](Spi& spi) {
      return spi
          .execute(
              "SELECT quote_ident(n.nspname) FROM pg_extension e"
              " JOIN pg_namespace n ON n.oid = e.extnamespace"
              " WHERE e.extname = 'objectos_sync'")
          .text_or(0, 0, "public");
    });
  });
}

bool is_enabled(Oid relid) {
  return as_owner([&] {
    return with_spi([&](Spi& spi) {
      return !spi.execute("SELECT FROM objectos_sync.objects WHERE relid = $1::oid",
                          {Param::int8(relid)})
                  .empty();
    });
  });
}

std::string object_name(const EnableRequest& request) {
  if (!request.object.empty()) return request.object;
  const char* const table = pg_call([&] { return get_rel_name(request.relid); });
  const char* const schema =
      pg_call([&] { return get_namespace_name(get_rel_namespace(request.relid)); });
  return std::string(schema) == "public" ? table : std::string(schema) + "." + table;
}

void add_columns(Spi& spi, const std::string& table) {
  const std::string version =
      spi.execute_once(
             "SELECT pg_catalog.nextval('objectos_sync.version_seq'::pg_catalog.regclass)")
          .text_or(0, 0, "1");
  const std::string user =
      spi.execute_once("SELECT pg_catalog.quote_literal(CURRENT_USER)").text_or(0, 0, "''");
  const std::string now = spi.execute_once("SELECT pg_catalog.quote_literal(pg_catalog.now())")
                              .text_or(0, 0, "'-infinity'");
  spi.execute_once("ALTER TABLE " + table +
                   " ADD COLUMN _version pg_catalog.int8 NOT NULL DEFAULT " + version +
                   ", ADD COLUMN _modified_at pg_catalog.timestamptz NOT NULL DEFAULT " + now +
                   ", ADD COLUMN _modified_by pg_catalog.text NOT NULL DEFAULT " + user);
  spi.execute_once("ALTER TABLE " + table +
                   " ALTER COLUMN _version SET DEFAULT"
                   " pg_catalog.nextval('objectos_sync.version_seq'::pg_catalog.regclass),"
                   " ALTER COLUMN _modified_at SET DEFAULT pg_catalog.now(),"
                   " ALTER COLUMN _modified_by SET DEFAULT " +
                   function_schema() + ".sync_user_id()");
}

void create_trigger(Spi& spi, const char* name, const std::string& events) {
  const std::string function = std::string(name) == "stamp" ? "stamp" : "capture";
  spi.execute_once("CREATE TRIGGER \"" + std::string(trigger_prefix) + name + "\" " + events +
                   " EXECUTE FUNCTION objectos_sync." + function + "()");
}

void add_triggers(Spi& spi, const std::string& table) {
  const std::string on = " ON " + table;
  const std::string old_rows = " OLD TABLE AS objectos_sync_old";
  const std::string new_rows = " NEW TABLE AS objectos_sync_new";
  const std::string statement = " FOR EACH STATEMENT";
  create_trigger(spi, "stamp", "BEFORE UPDATE" + on + " FOR EACH ROW");
  create_trigger(spi, "insert", "AFTER INSERT" + on + " REFERENCING" + new_rows + statement);
  create_trigger(spi, "update",
                 "AFTER UPDATE" + on + " REFERENCING" + old_rows + new_rows + statement);
  create_trigger(spi, "delete", "AFTER DELETE" + on + " REFERENCING" + old_rows + statement);
  create_trigger(spi, "truncate", "AFTER TRUNCATE" + on + statement);
}

void remember(const EnableRequest& request, const std::string& object) {
  as_owner([&] {
    with_spi([&](Spi& spi) {
      const Rows rows = spi.execute(
          "INSERT INTO objectos_sync.objects (relid, object, strategy, on_conflict, deletes, "
          "fields)"
          " VALUES ($1::oid, $2, $3, $4, $5, $6) ON CONFLICT (object) DO NOTHING RETURNING 1",
          {Param::int8(request.relid), Param::text(object), Param::text(request.strategy),
           Param::text(request.on_conflict), Param::text(request.deletes),
           Param::jsonb(request.fields)});
      if (rows.empty())
        throw SyncError("OS011", "an object named \"" + object + "\" is enabled already", "",
                        "Give another name in the argument object.");
    });
  });
}

std::string option(FunctionCall call, int index, const char* otherwise) {
  return optional_text_argument(call, index).value_or(otherwise);
}

Oid table_argument(FunctionCall call) {
  if (argument_is_null(call, 0))
    throw SyncError("OS011", "table_name must not be null", "", "Name the table to sync.");
  return oid_argument(call, 0);
}

// Rows about an object that mean nothing once it is gone. The log and the verdicts stay.
void forget(Spi& spi, const std::string& which) {
  spi.execute(
      "DELETE FROM objectos_sync.field_clocks WHERE object IN"
      " (SELECT object FROM objectos_sync.objects WHERE " +
      which + ")");
  spi.execute(
      "DELETE FROM objectos_sync.conflicts WHERE object IN"
      " (SELECT object FROM objectos_sync.objects WHERE " +
      which + ")");
  spi.execute("DELETE FROM objectos_sync.objects WHERE " + which);
}

}  // namespace

OBJECTOS_FUNCTION(sync_enable) {
  EnableRequest request;
  request.relid = table_argument(call);
  request.strategy = option(call, 1, "merge");
  request.fields = argument_is_null(call, 2) ? "{}" : argument_as_text(call, 2, JSONBOID);
  request.on_conflict = option(call, 3, "lww");
  request.deletes = option(call, 4, "deletion_wins");
  request.object = option(call, 5, "");
  const std::string table = qualified_name(request.relid);
  if (is_enabled(request.relid))
    throw SyncError("OS011", "table " + table + " is enabled already", "",
                    "Run sync_disable first to enable it with other options.");
  check_table(request.relid, table);
  check_options(request);
  const std::string object = object_name(request);
  with_spi([&](Spi& spi) {
    add_columns(spi, table);
    add_triggers(spi, table);
  });
  remember(request, object);
  return text_result(object);
}

OBJECTOS_FUNCTION(sync_disable) {
  const Oid relid = oid_argument(call, 0);
  const std::string table = qualified_name(relid);
  if (!is_enabled(relid))
    throw SyncError("OS004", "table " + table + " is not enabled", "",
                    "SELECT * FROM sync_objects() lists the enabled tables.");
  check_owner(relid, table);
  with_spi([&](Spi& spi) {
    for (const char* name : {"stamp", "insert", "update", "delete", "truncate"})
      spi.execute_once("DROP TRIGGER IF EXISTS \"" + std::string(trigger_prefix) + name + "\" ON " +
                       table);
    spi.execute_once("ALTER TABLE " + table +
                     " DROP COLUMN _version, DROP COLUMN _modified_at, DROP COLUMN _modified_by");
  });
  as_owner([&] {
    with_spi([&](Spi& spi) { forget(spi, "relid = " + std::to_string(relid) + "::oid"); });
  });
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_objects) {
  RowWriter writer(call);
  as_owner([&] {
    with_spi([&](Spi& spi) {
      const Rows rows = spi.execute(
          "SELECT o.object, o.relid, o.strategy, o.on_conflict, o.deletes, o.fields,"
          " (SELECT array_agg(a.attname::text ORDER BY k.place)"
          "  FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, place), "
          "  pg_attribute a WHERE i.indrelid = o.relid AND i.indisprimary"
          "  AND a.attrelid = o.relid AND a.attnum = k.attnum AND k.place <= i.indnkeyatts),"
          " o.enabled_at FROM objectos_sync.objects o ORDER BY o.object");
      for (std::size_t row = 0; row < rows.size(); ++row) {
        for (int column = 0; column < 8; ++column) {
          bool is_null = false;
          const Datum value = rows.datum(row, column, &is_null);
          writer.datum(value, is_null);
        }
        writer.end_row();
      }
    });
  });
  return null_result(call);
}

// ddl_command_start, DROP EXTENSION: refuses while objects are enabled, with and without CASCADE.
OBJECTOS_FUNCTION(guard_extension) {
  if (!CALLED_AS_EVENT_TRIGGER(call))
    throw SyncError("39P03", "guard_extension() was not called by an event trigger");
  const bool ours = pg_call([&] {
    const auto* const event = reinterpret_cast<const EventTriggerData*>(call->context);
    if (!IsA(event->parsetree, DropStmt)) return false;
    const auto* const drop = reinterpret_cast<const DropStmt*>(event->parsetree);
    if (drop->removeType != OBJECT_EXTENSION) return false;
    ListCell* cell;
    foreach (cell, drop->objects)
      if (strcmp(strVal(lfirst(cell)), "objectos_sync") == 0) return true;
    return false;
  });
  if (!ours) return null_result(call);
  const std::string calls = as_owner([&] {
    return with_spi([&](Spi& spi) {
      return spi
          .execute(
              "SELECT string_agg(format('SELECT sync_disable(%L);', relid::text), ' '"
              " ORDER BY object) FROM objectos_sync.objects")
          .text_or(0, 0, "");
    });
  });
  if (!calls.empty())
    throw SyncError("OS015", "extension objectos_sync cannot be dropped while objects are enabled",
                    "Dropping it would leave columns and lose changes that clients wait for.",
                    "Run first: " + calls);
  return null_result(call);
}

// sql_drop: tables that are gone leave the list of objects.
OBJECTOS_FUNCTION(forget_dropped) {
  if (!CALLED_AS_EVENT_TRIGGER(call))
    throw SyncError("39P03", "forget_dropped() was not called by an event trigger");
  as_owner([&] {
    with_spi([&](Spi& spi) {
      const std::string gone = "NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = objects.relid)";
      if (!spi.execute("SELECT FROM objectos_sync.objects WHERE " + gone + " LIMIT 1").empty())
        forget(spi, gone);
    });
  });
  return null_result(call);
}

}  // namespace objectos::server
