// BEFORE UPDATE FOR EACH ROW: stamps version, time and author. A no-op update keeps all three as
// they were, so capture sees nothing; it still counts as updated.
#include "pg_ext/catalog.h"
#include "pg_ext/identity.h"
#include "pg_ext/pg.h"

using namespace objectos::server;

namespace {

// Kept for the life of the trigger's FmgrInfo, that is one statement.
struct StampColumns {
  int version, modified_at, modified_by;
};

const StampColumns* stamp_columns(TriggerData* trigger, FmgrInfo* info) {
  if (info->fn_extra == nullptr) {
    const TupleDesc shape = trigger->tg_relation->rd_att;
    auto* columns =
        static_cast<StampColumns*>(MemoryContextAllocZero(info->fn_mcxt, sizeof(StampColumns)));
    columns->version = SPI_fnumber(shape, "_version");
    columns->modified_at = SPI_fnumber(shape, "_modified_at");
    columns->modified_by = SPI_fnumber(shape, "_modified_by");
    info->fn_extra = columns;
  }
  return static_cast<const StampColumns*>(info->fn_extra);
}

bool is_ours(const StampColumns& columns, int attnum) {
  return attnum == columns.version || attnum == columns.modified_at ||
         attnum == columns.modified_by;
}

// Whether the user's own columns differ. Generated ones are not computed yet in a BEFORE trigger.
bool changed(TupleDesc shape, const StampColumns& columns, HeapTuple before, HeapTuple after) {
  for (int attnum = 1; attnum <= shape->natts; ++attnum) {
    const Form_pg_attribute attribute = TupleDescAttr(shape, attnum - 1);
    if (attribute->attisdropped || attribute->attgenerated || is_ours(columns, attnum)) continue;
    bool null_before, null_after;
    const Datum old_value = heap_getattr(before, attnum, shape, &null_before);
    const Datum new_value = heap_getattr(after, attnum, shape, &null_after);
    if (null_before != null_after) return true;
    if (null_before) continue;
    if (!datum_image_eq(old_value, new_value, attribute->attbyval, attribute->attlen)) return true;
  }
  return false;
}

HeapTuple stamped(TriggerData* trigger, FmgrInfo* info, Oid version_sequence, const char* user) {
  const StampColumns& columns = *stamp_columns(trigger, info);
  const TupleDesc shape = trigger->tg_relation->rd_att;
  if (columns.version <= 0 || columns.modified_at <= 0 || columns.modified_by <= 0)
    return trigger->tg_newtuple;
  int attnums[3] = {columns.version, columns.modified_at, columns.modified_by};
  Datum values[3];
  bool nulls[3] = {false, false, false};
  if (changed(shape, columns, trigger->tg_trigtuple, trigger->tg_newtuple)) {
    values[0] = Int64GetDatum(nextval_internal(version_sequence, false));
    values[1] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
    values[2] = CStringGetTextDatum(user);
  } else {
    for (int i = 0; i < 3; ++i)
      values[i] = heap_getattr(trigger->tg_trigtuple, attnums[i], shape, &nulls[i]);
  }
  return heap_modify_tuple_by_cols(trigger->tg_newtuple, shape, 3, attnums, values, nulls);
}

}  // namespace

OBJECTOS_FUNCTION(stamp) {
  auto* trigger = reinterpret_cast<TriggerData*>(call->context);
  if (!CALLED_AS_TRIGGER(call) || !TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ||
      !TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
    throw SyncError("39P01", "objectos_sync.stamp() is a BEFORE UPDATE row trigger");
  const Oid version_sequence = internal_relation("version_seq");
  const std::string user = current_user_id();
  const char* user_text = user.c_str();
  return pg_call(
      [&] { return PointerGetDatum(stamped(trigger, call->flinfo, version_sequence, user_text)); });
}
