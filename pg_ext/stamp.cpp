// BEFORE UPDATE FOR EACH ROW: stamps version, time and author. A no-op update keeps all three as
// they were, so capture sees nothing; it still counts as updated.
#include "pg_ext/catalog.h"
#include "pg_ext/identity.h"
#include "pg_ext/sequence_block.h"

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
  bool ours_are_there;  // the three, of the types that sync_enable() gives: anybody may name this
                        // trigger's function for a table of theirs
  bool adjacent;        // the three stand side by side, in this order
  Datum* values;        // room for one row
  bool* nulls;
  Datum ours[3];  // what this row gets
  bool ours_null[3];
  int64 stamped;       // rows so far
  int64 next_version;  // drawn ahead: the first,
  int64 drawn;         // and how many
};

constexpr int64 rows_drawn_singly = 64;
constexpr int64 versions_drawn_max = 1000;

// Runs inside a guard.
Stamp* new_stamp(const TriggerData* trigger, FmgrInfo* info, Oid version_sequence) {
  const TupleDesc shape = trigger->tg_relation->rd_att;
  auto* stamp = static_cast<Stamp*>(MemoryContextAllocZero(info->fn_mcxt, sizeof(Stamp)));
  stamp->version_sequence = version_sequence;
  stamp->version = SPI_fnumber(shape, "_version");
  stamp->modified_at = SPI_fnumber(shape, "_modified_at");
  stamp->modified_by = SPI_fnumber(shape, "_modified_by");
  stamp->ours_are_there = stamp->version > 0 && stamp->modified_at > 0 && stamp->modified_by > 0 &&
                          SPI_gettypeid(shape, stamp->version) == INT8OID &&
                          SPI_gettypeid(shape, stamp->modified_at) == TIMESTAMPTZOID &&
                          SPI_gettypeid(shape, stamp->modified_by) == TEXTOID;
  stamp->adjacent = stamp->ours_are_there && stamp->modified_at == stamp->version + 1 &&
                    stamp->modified_by == stamp->version + 2;
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

// A version above the row's own. A statement that goes on and on draws as many ahead as it has
// stamped already. They are drawn before the rows they go to are locked, so somebody may have given
// such a row a higher one since: then the rest is thrown away.
int64 next_version(Stamp& stamp, int64 present) {
  if (stamp.drawn == 0 || stamp.next_version <= present) {
    const int64 wanted =
        stamp.stamped < rows_drawn_singly ? 1 : Min(stamp.stamped, versions_drawn_max);
    if (wanted == 1) return nextval_internal(stamp.version_sequence, false);
    GetTopFullTransactionId();
    stamp.next_version = draw_sequence_block(stamp.version_sequence, wanted);
    stamp.drawn = wanted;
  }
  --stamp.drawn;
  return stamp.next_version++;
}

void set_stamp(Stamp& stamp, const TupleTableSlot* before, const TupleTableSlot* after) {
  const int at[3] = {stamp.version - 1, stamp.modified_at - 1, stamp.modified_by - 1};
  if (changed(after->tts_tupleDescriptor, stamp, before, after)) {
    const int64 present = before->tts_isnull[at[0]] ? 0 : DatumGetInt64(before->tts_values[at[0]]);
    stamp.ours[0] = Int64GetDatum(next_version(stamp, present));
    stamp.ours[1] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
    stamp.ours[2] = stamp.user;
    for (bool& null : stamp.ours_null) null = false;
    ++stamp.stamped;
    return;
  }
  for (int i = 0; i < 3; ++i) {
    stamp.ours[i] = before->tts_values[at[i]];
    stamp.ours_null[i] = before->tts_isnull[at[i]];
  }
}

// Whether the new row is the slot's own copy, so that nobody else sees what is written into it.
bool is_private(const TriggerData* trigger) {
  TupleTableSlot* const slot = trigger->tg_newslot;
  return TTS_SHOULDFREE(slot) &&
         (slot->tts_ops == &TTSOpsHeapTuple || slot->tts_ops == &TTSOpsBufferHeapTuple) &&
         reinterpret_cast<HeapTupleTableSlot*>(slot)->tuple == trigger->tg_newtuple;
}

// Writes the stamp into the row where it stands, if it fits there: three columns side by side, none
// of them null, and a user name as long as the one that is there. Two of eight bytes, aligned to
// eight, are followed by a text without a gap. Spares the row two copies.
bool stamp_in_place(const TriggerData* trigger, const Stamp& stamp) {
  TupleTableSlot* const after = trigger->tg_newslot;
  const int at = stamp.version - 1;
  if (!stamp.adjacent || !is_private(trigger)) return false;
  for (int i = 0; i < 3; ++i)
    if (after->tts_isnull[at + i] || stamp.ours_null[i]) return false;
  auto* const user = static_cast<char*>(DatumGetPointer(after->tts_values[at + 2]));
  auto* const given = static_cast<char*>(DatumGetPointer(stamp.ours[2]));
  const auto* const row = reinterpret_cast<const char*>(trigger->tg_newtuple->t_data);
  if (user < row || user >= row + trigger->tg_newtuple->t_len) return false;  // a missing value's
  if (VARATT_IS_EXTERNAL(user) || VARATT_IS_COMPRESSED(user) || VARATT_IS_EXTERNAL(given) ||
      VARATT_IS_COMPRESSED(given) || VARSIZE_ANY_EXHDR(user) != VARSIZE_ANY_EXHDR(given))
    return false;
  static_assert(FLOAT8PASSBYVAL, "a version and a time are Datums");
  memcpy(user - 2 * sizeof(int64), &stamp.ours[0], sizeof(int64));
  memcpy(user - sizeof(int64), &stamp.ours[1], sizeof(int64));
  memmove(VARDATA_ANY(user), VARDATA_ANY(given), VARSIZE_ANY_EXHDR(given));
  after->tts_values[at] = stamp.ours[0];
  after->tts_values[at + 1] = stamp.ours[1];
  return true;
}

HeapTuple stamped_copy(const TriggerData* trigger, const Stamp& stamp) {
  const TupleDesc shape = trigger->tg_relation->rd_att;
  const HeapTuple given = trigger->tg_newtuple;
  const TupleTableSlot* const after = trigger->tg_newslot;
  const auto columns = static_cast<Size>(shape->natts);
  memcpy(stamp.values, after->tts_values, sizeof(Datum) * columns);
  memcpy(stamp.nulls, after->tts_isnull, sizeof(bool) * columns);
  const int at[3] = {stamp.version - 1, stamp.modified_at - 1, stamp.modified_by - 1};
  for (int i = 0; i < 3; ++i) {
    stamp.values[at[i]] = stamp.ours[i];
    stamp.nulls[at[i]] = stamp.ours_null[i];
  }
  const HeapTuple made = heap_form_tuple(shape, stamp.values, stamp.nulls);
  made->t_data->t_ctid = given->t_data->t_ctid;
  made->t_self = given->t_self;
  made->t_tableOid = given->t_tableOid;
  return made;
}

// Runs inside a guard. Both slots hold their rows taken apart, once for all columns.
HeapTuple stamped(TriggerData* trigger, Stamp& stamp) {
  slot_getallattrs(trigger->tg_trigslot);
  slot_getallattrs(trigger->tg_newslot);
  set_stamp(stamp, trigger->tg_trigslot, trigger->tg_newslot);
  return stamp_in_place(trigger, stamp) ? trigger->tg_newtuple : stamped_copy(trigger, stamp);
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
  if (!stamp.ours_are_there) return PointerGetDatum(trigger->tg_newtuple);
  if (stamp.role != GetUserId()) set_user(stamp, info);
  return pg_call([&] { return PointerGetDatum(stamped(trigger, stamp)); });
}
