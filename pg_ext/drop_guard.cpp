// Event triggers: what DROP may do to objects and to the extension.
//
// The extension goes only when no object is enabled. That must be told before the command runs
// (ddl_command_start): a sql_drop trigger of an extension is gone itself by then. CASCADE would
// otherwise take triggers and defaults away and leave tables with NOT NULL columns that nothing
// fills.
#include <cstring>
#include <string>
#include <vector>

#include "pg_ext/catalog.h"
#include "pg_ext/eligibility.h"
#include "pg_ext/history_index.h"
#include "pg_ext/pg.h"
#include "pg_ext/shape.h"
#include "pg_ext/spi.h"

namespace objectos::server {

namespace {

constexpr const char* extension_name = "objectos_sync";

bool names(const List* objects, const char* wanted) {
  ListCell* cell;
  foreach (cell, objects)
    if (std::strcmp(strVal(lfirst(cell)), wanted) == 0) return true;
  return false;
}

// DROP EXTENSION itself, DROP SCHEMA … CASCADE of the schema it is in, DROP OWNED BY its owner.
// Runs guarded.
bool drops_extension(const Node* statement, Oid owner, const char* schema) {
  if (IsA(statement, DropOwnedStmt)) {
    ListCell* cell;
    foreach (cell, reinterpret_cast<const DropOwnedStmt*>(statement)->roles)
      if (get_rolespec_oid(lfirst_node(RoleSpec, cell), true) == owner) return true;
    return false;
  }
  if (!IsA(statement, DropStmt)) return false;
  const auto* drop = reinterpret_cast<const DropStmt*>(statement);
  if (drop->removeType == OBJECT_EXTENSION) return names(drop->objects, extension_name);
  if (drop->removeType != OBJECT_SCHEMA || drop->behavior != DROP_CASCADE) return false;
  return names(drop->objects, schema);
}

void refuse_while_enabled() {
  const std::string calls = as_owner([&] {
    return with_spi([&](Spi& spi) {
      return spi
          .execute(
              "SELECT string_agg(format('SELECT sync_disable(%L);',"
              " format('%I.%I', n.nspname, c.relname)), ' ' ORDER BY o.object)"
              " FROM objectos_sync.objects o JOIN pg_class c ON c.oid = o.relid"
              " JOIN pg_namespace n ON n.oid = c.relnamespace")
          .text_or(0, 0, "");
    });
  });
  if (!calls.empty())
    throw ProtocolError(
        ErrorCode::objects_enabled, "cannot drop extension objectos_sync while objects are enabled",
        "Their tables would keep columns that nothing fills any more.", "Run first: " + calls);
}

void require_event_trigger(FunctionCall call, const char* name) {
  if (!CALLED_AS_EVENT_TRIGGER(call))
    throw SyncError("39P03", std::string(name) + " is called by an event trigger only");
}

void keep_our_columns(Spi& spi) {
  const Rows dropped = spi.execute(
      "SELECT d.address_names[3], format('%I.%I', d.address_names[1], d.address_names[2])"
      " FROM pg_event_trigger_dropped_objects() d"
      " JOIN objectos_sync.objects o ON o.relid = d.objid"
      " WHERE d.classid = 'pg_class'::regclass AND d.objsubid > 0"
      " AND d.address_names[3] IN ('_version', '_modified_at', '_modified_by')"
      " AND EXISTS (SELECT FROM pg_class c WHERE c.oid = o.relid) LIMIT 1");
  if (dropped.empty()) return;
  const std::string table = dropped.text_or(0, 1, "");
  throw ProtocolError(ErrorCode::objects_enabled,
                      "cannot drop column " + dropped.text_or(0, 0, "") + " of " + table +
                          " while it is enabled for sync",
                      {}, "Run first: SELECT sync_disable(" + quote_literal(table) + ");");
}

// A trigger of ours that is dropped by itself would leave writes that nobody hears of.
void keep_our_triggers(Spi& spi) {
  const Rows dropped = spi.execute(
      "SELECT d.address_names[3], format('%I.%I', n.nspname, c.relname),"
      " (SELECT format('%I.%I', rn.nspname, r.relname) FROM pg_class r"
      "  JOIN pg_namespace rn ON rn.oid = r.relnamespace"
      "  WHERE r.oid = COALESCE(pg_partition_root(c.oid), c.oid))"
      " FROM pg_event_trigger_dropped_objects() d"
      " JOIN pg_namespace n ON n.nspname = d.address_names[1]"
      " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = d.address_names[2]"
      " WHERE d.classid = 'pg_trigger'::regclass AND d.address_names[3] ~ '^~objectos_sync_'"
      " AND (EXISTS (SELECT FROM objectos_sync.objects o WHERE o.relid = c.oid) OR EXISTS"
      " (SELECT FROM objectos_sync.partitions p"
      "   WHERE p.relid = c.oid AND p.root = pg_partition_root(c.oid))) LIMIT 1");
  if (dropped.empty()) return;
  throw ProtocolError(
      ErrorCode::objects_enabled,
      "cannot drop trigger " + quote_identifier(dropped.text_or(0, 0, "")) + " of " +
          dropped.text_or(0, 1, "") + " while it is enabled for sync",
      {}, "Run first: SELECT sync_disable(" + quote_literal(dropped.text_or(0, 2, "")) + ");");
}

// Enabled tables that lost a column or a partition with another command than ALTER TABLE.
std::vector<Oid> shortened_tables(Spi& spi) {
  const Rows rows = spi.execute(
      "SELECT DISTINCT o.relid FROM pg_event_trigger_dropped_objects() d"
      " LEFT JOIN objectos_sync.partitions p ON p.relid = d.objid"
      " JOIN objectos_sync.shapes o ON o.relid IN (d.objid, p.root)"
      " WHERE d.classid = 'pg_class'::regclass AND (d.objsubid > 0 OR p.relid IS NOT NULL)"
      " AND EXISTS (SELECT FROM pg_class c WHERE c.oid = o.relid)");
  return rows.oids();
}

// The log stays, as after sync_disable().
void forget_dropped_tables(Spi& spi) {
  const Rows gone = spi.execute(
      "DELETE FROM objectos_sync.objects o USING pg_event_trigger_dropped_objects() d"
      " WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND o.relid = d.objid"
      " RETURNING o.object");
  for (std::size_t row = 0; row < gone.size(); ++row) {
    const Params object = {Param::text(gone.text(row, 0))};
    spi.execute("DELETE FROM objectos_sync.field_clocks WHERE object = $1", object);
    spi.execute("DELETE FROM objectos_sync.text_ops WHERE object = $1", object);
    // Ended ones, too: another table may get the object's name, and other readers.
    spi.execute("DELETE FROM objectos_sync.conflicts WHERE object = $1", object);
    keep_history_index(spi, gone.text_or(row, 0, ""), false);
  }
  spi.execute(
      "DELETE FROM objectos_sync.shapes s USING pg_event_trigger_dropped_objects() d"
      " WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND s.relid = d.objid");
  spi.execute(
      "DELETE FROM objectos_sync.partitions p"
      " WHERE NOT EXISTS (SELECT FROM objectos_sync.objects o WHERE o.relid = p.root)"
      " AND EXISTS (SELECT FROM pg_event_trigger_dropped_objects() d WHERE d.objid = p.root)");
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(guard_extension) {
  require_event_trigger(call, "guard_extension()");
  const Oid owner = extension_owner();
  const std::string schema = function_schema();
  const char* schema_name = schema.c_str();
  const bool dropped = pg_call([&] {
    const auto* event = reinterpret_cast<const EventTriggerData*>(call->context);
    return drops_extension(event->parsetree, owner, schema_name);
  });
  if (dropped) refuse_while_enabled();
  return null_result(call);
}

OBJECTOS_FUNCTION(forget_dropped) {
  require_event_trigger(call, "forget_dropped()");
  with_spi([&](Spi& spi) {
    const std::vector<Oid> shortened = as_owner([&] {
      forget_dropped_tables(spi);
      keep_our_columns(spi);
      keep_our_triggers(spi);
      return shortened_tables(spi);
    });
    for (const Oid relid : shortened) follow_object(spi, relid);
    reshape_users_of_types(spi,
                           "SELECT classid, objid FROM pg_event_trigger_dropped_objects()"
                           " WHERE classid = 'pg_class'::regclass AND objsubid > 0");
  });
  return null_result(call);
}
