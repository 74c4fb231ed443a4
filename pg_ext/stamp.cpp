// BEFORE UPDATE FOR EACH ROW: stamps version, time and author. A no-op update keeps all three as
// they were, so capture sees nothing; it still counts as updated.
#include "pg_ext/catalog.h"
#include "pg_ext/identity.h"
#include "pg_ext/pg.h"

using namespace objectos::server;

namespace {

// Kept for the life of the trigger's FmgrInfo, that is one statement. The user is asked for again
// when the current role is another than at the last row.
struct Stamp {
  Oid version_sequence;
  Oid role;
  Datum user;  // text
  int version, modified_at, modified_by;
  Datum* values;  // room for one row
  bool* nulls;
};

// Runs inside a guard.
Stamp* new_stamp(const TriggerData* trigger, FmgrInfo* info, Oid version_sequence) {
  const TupleDesc shape = trigger->tg_relation->rd_att;
  auto* stamp = static_cast<Stamp*>(MemoryContextAllocZero(info->fn_mcxt, sizeof(Stamp)));
  stamp->version_sequence = version_sequence;
  stamp->version = SPI_fnumber(shape, "_version");
  stamp->modified_at = SPI_fnumber(shape, "_modified_at");
  stamp->modified_by = SPI_fnumber(shape, "_modified_by");
  const auto columns = static_cast<Size>(shape->natts);
  stamp->values = static_cast<Datum*>(MemoryContextAlloc(info->fn_mcxt, sizeof(Datum) * columns));
  stamp->nulls = static_cast<bool*>(MemoryContextAlloc(info->fn_mcxt, sizeof(bool) * columns));
  return stamp;
}

bool is_ours(const Stamp& stamp, int attnum) {
  return attnum == stamp.version || attnum == stamp.modified_at || attnum == stamp.modified_by;
}

// Whether the user's own columns differ. Generated ones are not computed yet in a BEFORE trigger.
bool changed(TupleDesc shape, const Stamp& stamp, const TupleTableSlot* before,
             const TupleTableSlot* after) {
  for (int i = 0; i < shape->natts; ++i) {
    const Form_pg_attribute attribute = TupleDescAttr(shape, i);
    if (attribute->attisdropped || attribute->attgenerated || is_ours(stamp, i + 1)) continue;
    if (before->tts_isnull[i] != after->tts_isnull[i]) return true;
    if (before->tts_isnull[i]) continue;
    if (!datum_image_eq(before->tts_values[i], after->tts_values[i], attribute->attbyval,
                        attribute->attlen))
      return true;
  }
  return false;
}

// Runs inside a guard. Both slots hold their rows taken apart, once for all columns.
HeapTuple stamped(TriggerData* trigger, Stamp& stamp) {
  const TupleDesc shape = trigger->tg_relation->rd_att;
  const HeapTuple given = trigger->tg_newtuple;
  TupleTableSlot *before = trigger->tg_trigslot, *after = trigger->tg_newslot;
  slot_getallattrs(before);
  slot_getallattrs(after);
  const auto columns = static_cast<Size>(shape->natts);
  memcpy(stamp.values, after->tts_values, sizeof(Datum) * columns);
  memcpy(stamp.nulls, after->tts_isnull, sizeof(bool) * columns);
  const int ours[3] = {stamp.version - 1, stamp.modified_at - 1, stamp.modified_by - 1};
  if (changed(shape, stamp, before, after)) {
    stamp.values[ours[0]] = Int64GetDatum(nextval_internal(stamp.version_sequence, false));
    stamp.values[ours[1]] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
    stamp.values[ours[2]] = stamp.user;
    for (const int i : ours) stamp.nulls[i] = false;
  } else {
    for (const int i : ours) {
      stamp.values[i] = before->tts_values[i];
      stamp.nulls[i] = before->tts_isnull[i];
    }
  }
  const HeapTuple made = heap_form_tuple(shape, stamp.values, stamp.nulls);
  made->t_data->t_ctid = given->t_data->t_ctid;
  made->t_self = given->t_self;
  made->t_tableOid = given->t_tableOid;
  return made;
}

void set_user(Stamp& stamp, FmgrInfo* info) {
  const std::string user = current_user_id();
  const char* text = user.c_str();
  pg_call([&] {
    const MemoryContext before = MemoryContextSwitchTo(info->fn_mcxt);
    stamp.user = CStringGetTextDatum(text);
    MemoryContextSwitchTo(before);
    stamp.role = GetUserId();
  });
}

}  // namespace

OBJECTOS_FUNCTION(stamp) {
  auto* trigger = reinterpret_cast<TriggerData*>(call->context);
  if (!CALLED_AS_TRIGGER(call) || !TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ||
      !TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
    throw SyncError("39P01", "objectos_sync.stamp() is a BEFORE UPDATE row trigger");
  FmgrInfo* const info = call->flinfo;
  if (info->fn_extra == nullptr) {
    const Oid version_sequence = internal_relation("version_seq");
    info->fn_extra = pg_call([&] { return new_stamp(trigger, info, version_sequence); });
  }
  auto& stamp = *static_cast<Stamp*>(info->fn_extra);
  if (stamp.version <= 0 || stamp.modified_at <= 0 || stamp.modified_by <= 0)
    return PointerGetDatum(trigger->tg_newtuple);
  if (stamp.role != GetUserId()) set_user(stamp, info);
  return pg_call([&] { return PointerGetDatum(stamped(trigger, stamp)); });
}
