// AFTER triggers that write the log. INSERT, UPDATE and DELETE are captured per statement from the
// transition tables; TRUNCATE is one row. OLD and NEW rows of an update are paired by position (the
// executor fills both tables by one call); a changed key is a delete and an insert.
#include <string>
#include <unordered_set>

#include "pg_ext/json_form.h"
#include "pg_ext/jsonb_form.h"
#include "pg_ext/row_capture.h"
#include "pg_ext/shape.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// A row that moved to another partition whose BEFORE INSERT trigger refused it is in the old table
// only, so places say nothing: new rows are logged whole, and what has no new row as deleted.
void capture_unpaired(Capture& capture, TransitionReader& before, TransitionReader& after) {
  std::unordered_set<std::string> stayed;
  while (after.next()) {
    stayed.insert(capture.record_id(after));
    capture.insert(after, true);
  }
  while (before.next()) {
    if (stayed.count(capture.record_id(before)) == 0) capture.remove(before);
  }
}

void capture_rows(Capture& capture, TransitionReader& before, TransitionReader& after) {
  capture.expect(after.present() ? after.count() : before.count());
  if (before.present() && after.present() && before.count() != after.count()) {
    capture_unpaired(capture, before, after);
    return;
  }
  for (std::uint64_t count = 1;; ++count) {
    const bool old_row = before.present() && before.next();
    const bool new_row = after.present() && after.next();
    if (!old_row && !new_row) return;
    if (before.present() && after.present() && old_row != new_row)
      throw SyncError("OS000", "the transition tables of an update differ in length");
    if (old_row && new_row)
      capture.update(before, after);
    else if (new_row)
      capture.insert(after);
    else
      capture.remove(before);
    if (count % 1000 == 0) check_interrupts();
  }
}

// Whoever may create triggers on the table may name our function with other transition tables.
void require_transition_tables(const TriggerData* trigger) {
  const bool before = trigger->tg_oldtable != nullptr, after = trigger->tg_newtable != nullptr;
  const TriggerEvent event = trigger->tg_event;
  if (before == !TRIGGER_FIRED_BY_INSERT(event) && after == !TRIGGER_FIRED_BY_DELETE(event)) return;
  throw SyncError("39P01", "objectos_sync.capture() needs the transition tables of its event",
                  std::string("Trigger ") + trigger->tg_trigger->tgname + ".",
                  "Drop the trigger: sync_enable() makes all that are needed.");
}

void capture_statement(Capture& capture, const TriggerData* trigger) {
  require_transition_tables(trigger);
  TransitionReader before(trigger->tg_relation, trigger->tg_oldtable);
  TransitionReader after(trigger->tg_relation, trigger->tg_newtable);
  capture_rows(capture, before, after);
  before.close();
  after.close();
}

// Types whose form is built without output functions need no settings pinned.
bool is_direct(const ObjectInfo& object) {
  for (const ColumnInfo& column : object.columns)
    if (!has_direct_form(column.base_type)) return false;
  return true;
}

// One row as a transition table of it.
Tuplestorestate* table_of(HeapTuple row) {
  return pg_call([&] {
    Tuplestorestate* const store = tuplestore_begin_heap(false, false, work_mem);
    tuplestore_puttuple(store, row);
    return store;
  });
}

// A version that came with a row (logical replication, COPY of all columns) may lie ahead of the
// sequence: the record's next one must be higher all the same.
void keep_sequence_ahead(std::int64_t version) {
  const Oid sequence = internal_relation("version_seq");
  if (pg_call([&] { return nextval_internal(sequence, false); }) >= version) return;
  as_owner([&] {
    pg_call([&] {
      LockRelationOid(sequence, ShareUpdateExclusiveLock);
      if (nextval_internal(sequence, false) < version)
        DirectFunctionCall2(setval_oid, ObjectIdGetDatum(sequence), Int64GetDatum(version));
    });
  });
}

// What gets a key that was there is another record: edits of the old one's texts are none of its.
void forget_texts(const ObjectInfo& object) {
  as_owner([&] {
    with_spi([&](Spi& spi) {
      spi.execute(
          "UPDATE objectos_sync.shapes SET texts_from = nextval('objectos_sync.version_seq')"
          " WHERE relid = $1::oid",
          {Param::int8(object.root)});
    });
  });
}

ObjectInfo object_of(const TriggerData* trigger) {
  auto object = object_by_relid(trigger->tg_relation->rd_id);
  if (object) return std::move(*object);
  throw objectos::ProtocolError(
      objectos::ErrorCode::unknown_object, "the table is not enabled for sync",
      RelationGetRelationName(trigger->tg_relation), "Call sync_enable, or drop the trigger.");
}

}  // namespace

// Fires in the role replica only, where statement triggers do not.
OBJECTOS_FUNCTION(capture_row) {
  const auto* const trigger = reinterpret_cast<const TriggerData*>(call->context);
  if (!CALLED_AS_TRIGGER(call) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
      !TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
    throw SyncError("39P01", "objectos_sync.capture_row() is an AFTER row trigger");
  if (SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA) return 0;  // ENABLE TRIGGER ALL
  const ObjectInfo object = object_of(trigger);
  const bool inserted = TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
  const bool updated = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
  Tuplestorestate* const before = inserted ? nullptr : table_of(trigger->tg_trigtuple);
  Tuplestorestate* const after = updated    ? table_of(trigger->tg_newtuple)
                                 : inserted ? table_of(trigger->tg_trigtuple)
                                            : nullptr;
  Capture capture(object);
  TransitionReader old_row(trigger->tg_relation, before), new_row(trigger->tg_relation, after);
  as_pinned([&] { capture_rows(capture, old_row, new_row); });
  old_row.close();
  new_row.close();
  capture.finish();
  if (inserted) {
    const AttrNumber attnum = object.version_attnum;
    keep_sequence_ahead(pg_call([&] {
      bool is_null = false;
      return DatumGetInt64(heap_getattr(trigger->tg_trigtuple, attnum,
                                        RelationGetDescr(trigger->tg_relation), &is_null));
    }));
  }
  pg_call([&] {
    if (before != nullptr) tuplestore_end(before);
    if (after != nullptr) tuplestore_end(after);
  });
  return 0;
}

OBJECTOS_FUNCTION(capture) {
  const auto* const trigger = reinterpret_cast<const TriggerData*>(call->context);
  if (!CALLED_AS_TRIGGER(call) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
      !TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
    throw SyncError("39P01", "objectos_sync.capture() is an AFTER statement trigger");
  inject_fault("capture");
  const ObjectInfo object = object_of(trigger);
  // A truncated partition took some records away: everybody reads the object again. One TRUNCATE of
  // the whole table fires the triggers of the partitions, too.
  if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) && object.relid != object.root) {
    with_spi([&](Spi& spi) { reshape(spi, object.root); });
    return 0;
  }
  Capture capture(object);
  if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
    const Oid sequence = internal_relation("version_seq");
    capture.truncate(pg_call([&] { return nextval_internal(sequence, false); }));
    if (object.has_texts) forget_texts(object);
  } else if (is_direct(object)) {
    capture_statement(capture, trigger);
  } else {
    as_pinned([&] { capture_statement(capture, trigger); });
  }
  capture.finish();
  return 0;  // a trigger's null pointer, not an SQL NULL
}

}  // namespace objectos::server
