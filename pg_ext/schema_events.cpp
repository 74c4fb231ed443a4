// Event triggers that follow what DDL does to enabled tables. They run within the command's
// transaction, as its user.
#include <string>
#include <vector>

#include "pg_ext/commit_signal.h"
#include "pg_ext/eligibility.h"
#include "pg_ext/partitions.h"
#include "pg_ext/shape.h"

#include "pg_ext/pg.h"

extern "C" {
#include "commands/tablecmds.h"
}

namespace objectos::server {

namespace {

void require_event(FunctionCall call, const char* name) {
  if (!CALLED_AS_EVENT_TRIGGER(call))
    throw SyncError("39P03", std::string(name) + " is called by an event trigger only");
}

const Node* statement_of(FunctionCall call) {
  return reinterpret_cast<const EventTriggerData*>(call->context)->parsetree;
}

// Enabled tables (settled ones, restored_objects.h) that the command named, or a partition of them,
// old or new.
std::vector<Oid> changed_objects(Spi& spi) {
  return as_owner([&] {
    return spi
        .execute(
            "SELECT DISTINCT o.relid FROM pg_event_trigger_ddl_commands() c"
            " LEFT JOIN objectos_sync.partitions p ON p.relid = c.objid"
            " LEFT JOIN pg_inherits h ON h.inhrelid = c.objid"
            " JOIN objectos_sync.shapes o ON o.relid IN (c.objid, p.root, h.inhparent,"
            "  pg_partition_root(c.objid::regclass)) WHERE c.classid = 'pg_class'::regclass")
        .oids();
  });
}

// ALTER TYPE … RENAME VALUE, ADD, DROP or ALTER ATTRIBUTE, and ALTER TABLE where a table's row type
// is that of a column, change the text of values that are there.
bool may_change_values(const Node* statement) {
  if (IsA(statement, AlterEnumStmt))
    return reinterpret_cast<const AlterEnumStmt*>(statement)->oldVal != nullptr;
  return IsA(statement, AlterTableStmt);
}

struct Attachment {
  Oid root, partition;
};

constexpr int attachments_max = 16;  // a statement of ALTER TABLE has one; more cannot be written

struct Attachments {
  int count = 0;
  Attachment pairs[attachments_max];
};

// Runs guarded.
Attachments attachments_of(const Node* node) {
  Attachments found;
  if (!IsA(node, AlterTableStmt)) return found;
  const auto* statement = reinterpret_cast<const AlterTableStmt*>(node);
  ListCell* cell;
  foreach (cell, statement->cmds) {
    const auto* command = lfirst_node(AlterTableCmd, cell);
    if (command->subtype != AT_AttachPartition || found.count == attachments_max) continue;
    const auto* partition = reinterpret_cast<const PartitionCmd*>(command->def);
    const Oid root = RangeVarGetRelid(statement->relation, NoLock, true);
    const Oid relid = RangeVarGetRelid(partition->name, NoLock, true);
    if (OidIsValid(root) && OidIsValid(relid)) found.pairs[found.count++] = {root, relid};
  }
  return found;
}

// An enabled table that becomes a partition would be written through a table that has no triggers.
void refuse_enabled(Spi& spi, Oid relid) {
  const TableFacts table = read_table(spi, relid);
  if (table.enabled) check_partition(table);
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(prepare_attach) {
  require_event(call, "prepare_attach()");
  const Node* const statement = statement_of(call);
  const Attachments found = pg_call([&] { return attachments_of(statement); });
  if (found.count == 0) return null_result(call);
  with_spi([&](Spi& spi) {
    for (int i = 0; i < found.count; ++i) {
      if (enabled_root(spi, found.pairs[i].root) != 0)
        prepare_partition(spi, found.pairs[i].partition);
      else
        refuse_enabled(spi, found.pairs[i].partition);
    }
  });
  return null_result(call);
}

OBJECTOS_FUNCTION(note_rewrite) {
  require_event(call, "note_rewrite()");
  struct Rewrite {
    Oid relid;
    int reason;
  };
  const Rewrite rewrite = pg_call([] {
    LOCAL_FCINFO(info, 0);
    InitFunctionCallInfoData(*info, nullptr, 0, InvalidOid, nullptr, nullptr);
    return Rewrite{DatumGetObjectId(pg_event_trigger_table_rewrite_oid(info)),
                   DatumGetInt32(pg_event_trigger_table_rewrite_reason(info))};
  });
  if ((rewrite.reason & (AT_REWRITE_DEFAULT_VAL | AT_REWRITE_COLUMN_REWRITE)) == 0)
    return null_result(call);
  with_spi([&](Spi& spi) {
    if (const Oid root = enabled_root(spi, rewrite.relid)) reshape(spi, root);
  });
  return null_result(call);
}

OBJECTOS_FUNCTION(follow_schema) {
  require_event(call, "follow_schema()");
  const bool values = may_change_values(statement_of(call));
  with_spi([&](Spi& spi) {
    if (values)
      reshape_users_of_types(spi, "SELECT classid, objid FROM pg_event_trigger_ddl_commands()");
    for (const Oid relid : changed_objects(spi)) follow_object(spi, relid);
  });
  return null_result(call);
}

OBJECTOS_FUNCTION(tell_schema) {
  require_event(call, "tell_schema()");
  signal_at_commit();
  return null_result(call);
}
