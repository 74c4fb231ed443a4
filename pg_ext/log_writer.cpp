#include "pg_ext/log_writer.h"

#include <cstring>

#include "pg_ext/catalog.h"
#include "pg_ext/commit_signal.h"
#include "pg_ext/pg.h"
#include "pg_ext/sequence_block.h"

namespace objectos::server {

namespace {

// The columns of objectos_sync.mutations, in order.
enum LogColumn {
  log_sequence,
  log_xid,
  log_id,
  log_client_id,
  log_client_sequence,
  log_user_id,
  log_device,
  log_object,
  log_record_id,
  log_operation,
  log_data,
  log_original,
  log_version,
  log_timestamp,
  log_exact,
  log_batch_end,
  log_columns
};

constexpr int ids_drawn = 64;

void set_text(TupleTableSlot* slot, LogColumn column, std::string_view text) {
  slot->tts_values[column] =
      PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
}

void set_optional(TupleTableSlot* slot, LogColumn column, const std::string* text) {
  slot->tts_isnull[column] = text == nullptr;
  if (text != nullptr) set_text(slot, column, *text);
}

}  // namespace

LogWriter::LogWriter() {
  pg_call([&] {
    context_ =
        AllocSetContextCreate(CurrentMemoryContext, "objectos_sync log", ALLOCSET_DEFAULT_SIZES);
    row_context_ = AllocSetContextCreate(static_cast<MemoryContext>(context_),
                                         "objectos_sync log rows", ALLOCSET_DEFAULT_SIZES);
  });
}

// Runs inside a guard. The index on sequence alone is ours to fill; the executor passes it by.
void LogWriter::sort_indexes(void* opened) {
  auto* const result = static_cast<ResultRelInfo*>(opened);
  for (int i = 0; i < result->ri_NumIndices; ++i) {
    const Relation index = result->ri_IndexRelationDescs[i];
    IndexInfo* const info = result->ri_IndexRelationInfo[i];
    const char* const name = RelationGetRelationName(index);
    if (std::strcmp(name, "mutations_sequence") == 0 && info->ii_ReadyForInserts &&
        info->ii_NumIndexAttrs == 1 && info->ii_IndexAttrNumbers[0] == log_sequence + 1 &&
        info->ii_Predicate == NIL && !info->ii_Unique) {
      by_sequence_ = index;
      by_sequence_info_ = info;
      info->ii_ReadyForInserts = false;
    } else if (std::strcmp(name, "mutations_batches") != 0 &&
               std::strcmp(name, "mutations_deletes") != 0 &&
               std::strcmp(name, "mutations_client") != 0) {
      other_indexes_ = true;
    }
  }
}

void LogWriter::open() {
  signal_at_commit();
  const Oid log = internal_relation("mutations");
  sequence_relid_ = internal_relation("mutation_sequence");
  pg_call([&] {
    const MemoryContext before = MemoryContextSwitchTo(static_cast<MemoryContext>(context_));
    xid_ = U64FromFullTransactionId(GetTopFullTransactionId());
    ForceSyncCommit();
    Relation relation = table_open(log, RowExclusiveLock);
    relation_ = relation;
    EState* const state = CreateExecutorState();
    state_ = state;
    ResultRelInfo* const result = makeNode(ResultRelInfo);
    result_ = result;
    InitResultRelInfo(result, relation, 0, nullptr, 0);
    ExecOpenIndices(result, false);
    sort_indexes(result);
    bulk_ = GetBulkInsertState();
    // It comes with a ring of few buffers, whose reuse would make this backend flush WAL and write
    // pages itself in the middle of the statement. Pulls read these pages next: they may stay.
    auto* const bulk = static_cast<BulkInsertState>(bulk_);
    FreeAccessStrategy(bulk->strategy);
    bulk->strategy = nullptr;
    slots_ = palloc0(sizeof(TupleTableSlot*) * log_batch_rows);
    MemoryContextSwitchTo(before);
  });
  open_ = true;
}

void LogWriter::make_room() {
  if (!open_) open();
  if (count_ == log_batch_rows) flush();
}

// Runs inside a guard.
void LogWriter::set_id(void* to, std::string_view text) {
  auto* const id = static_cast<pg_uuid_t*>(to);
  if (!text.empty()) {
    char copy[64];
    const std::size_t size = text.size() < sizeof copy ? text.size() : sizeof copy - 1;
    std::memcpy(copy, text.data(), size);
    copy[size] = '\0';
    *id = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(copy)));
    return;
  }
  // Drawn ahead for all the statements of the process: one draw costs as much as a small write.
  static unsigned char random[ids_drawn * UUID_LEN];
  static int random_left = 0;
  if (random_left == 0) {
    while (!pg_strong_random(random, sizeof random))
      DirectFunctionCall1(gen_random_uuid, 0);  // tries again, and raises the error
    random_left = ids_drawn;
  }
  std::memcpy(id->data, random + --random_left * UUID_LEN, UUID_LEN);
  id->data[6] = (id->data[6] & 0x0f) | 0x40;  // version 4
  id->data[8] = (id->data[8] & 0x3f) | 0x80;  // RFC 4122
}

// Runs inside a guard. A statement's rows are numbered when all of them have been changed, so it is
// all one for their order whether their numbers are drawn one by one or together. What is left over
// is never given to anybody.
std::int64_t LogWriter::next_sequence() {
  if (drawn_left_ == 0) {
    const std::int64_t wanted = Min(expected_, std::int64_t{log_batch_rows});
    if (wanted <= 1) return nextval_internal(sequence_relid_, false);
    next_drawn_ = draw_sequence_block(sequence_relid_, wanted);
    drawn_left_ = wanted;
    expected_ -= wanted;
  }
  --drawn_left_;
  return next_drawn_++;
}

std::int64_t LogWriter::add(const LogRow& row) {
  make_room();
  return pg_call([&] {
    auto** const slots = static_cast<TupleTableSlot**>(slots_);
    const MemoryContext before = MemoryContextSwitchTo(static_cast<MemoryContext>(context_));
    if (count_ == slots_made_)
      slots[slots_made_++] = table_slot_create(static_cast<Relation>(relation_), nullptr);
    MemoryContextSwitchTo(static_cast<MemoryContext>(row_context_));
    TupleTableSlot* const slot = slots[count_];
    ExecClearTuple(slot);
    std::memset(slot->tts_isnull, 0, sizeof(bool) * log_columns);
    const std::int64_t number = next_sequence();
    slot->tts_values[log_sequence] = Int64GetDatum(number);
    slot->tts_values[log_xid] = UInt64GetDatum(xid_);
    auto* const id = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
    set_id(id, row.id);
    slot->tts_values[log_id] = UUIDPGetDatum(id);
    set_optional(slot, log_client_id, row.client_id);
    slot->tts_isnull[log_client_sequence] = row.client_sequence == nullptr;
    if (row.client_sequence != nullptr)
      slot->tts_values[log_client_sequence] = Int64GetDatum(*row.client_sequence);
    set_optional(slot, log_user_id, row.user_id);
    set_optional(slot, log_device, row.device);
    set_text(slot, log_object, row.object);
    set_text(slot, log_record_id, row.record_id);
    set_text(slot, log_operation, row.operation);
    slot->tts_isnull[log_data] = row.data == 0;
    slot->tts_values[log_data] = row.data;
    slot->tts_isnull[log_original] = row.original == 0;
    slot->tts_values[log_original] = row.original;
    slot->tts_isnull[log_version] = row.version == nullptr;
    if (row.version != nullptr) slot->tts_values[log_version] = Int64GetDatum(*row.version);
    slot->tts_values[log_timestamp] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
    slot->tts_values[log_exact] = BoolGetDatum(row.exact);
    slot->tts_isnull[log_batch_end] = true;
    is_delete_[count_] = std::strcmp(row.operation, "delete") == 0;
    sequences_[count_] = number;
    ++count_;
    MemoryContextSwitchTo(before);
    return number;
  });
}

// The index entries of the batch. One index has every row: its entries go straight in, as TOAST's
// do. The others hold few rows, which the executor would find out row by row.
void LogWriter::index_batch() {
  auto* const relation = static_cast<Relation>(relation_);
  auto* const state = static_cast<EState*>(state_);
  auto* const result = static_cast<ResultRelInfo*>(result_);
  auto** const slots = static_cast<TupleTableSlot**>(slots_);
  auto* const by_sequence = static_cast<Relation>(by_sequence_);
  for (int i = 0; i < count_; ++i) {
    slots[i]->tts_tableOid = RelationGetRelid(relation);
    if (by_sequence != nullptr) {
      Datum sequence = Int64GetDatum(sequences_[i]);
      bool is_null = false;
      index_insert(by_sequence, &sequence, &is_null, &slots[i]->tts_tid, relation, UNIQUE_CHECK_NO,
                   false, static_cast<IndexInfo*>(by_sequence_info_));
    }
    const bool numbered = !slots[i]->tts_isnull[log_client_sequence];  // has a client's index entry
    if (i > 0 && !is_delete_[i] && !numbered && !other_indexes_) continue;
    ResetPerTupleExprContext(state);
    list_free(insert_index_tuples(result, slots[i], state));
  }
}

namespace {

constexpr int rows_that_fill_pages = 100;
constexpr Size roomy_page = BLCKSZ / 2;

// Runs inside a guard. Many rows go to new pages, unless pages were emptied by pruning. Left to
// itself the heap would look for room for one row at a time, and find it at the end of every older
// page: one row each, the whole page read, dirtied and written to the WAL for it.
int insert_options(Relation log, int rows) {
  if (rows < rows_that_fill_pages) return 0;
  if (GetPageWithFreeSpace(log, roomy_page) != InvalidBlockNumber) return 0;
  return TABLE_INSERT_SKIP_FSM;
}

}  // namespace

void LogWriter::flush() {
  if (count_ == 0) return;
  inject_fault("log_flush");
  pg_call([&] {
    auto* const relation = static_cast<Relation>(relation_);
    auto** const slots = static_cast<TupleTableSlot**>(slots_);
    const MemoryContext before = MemoryContextSwitchTo(static_cast<MemoryContext>(row_context_));
    CHECK_FOR_INTERRUPTS();
    slots[0]->tts_isnull[log_batch_end] = false;
    slots[0]->tts_values[log_batch_end] = Int64GetDatum(sequences_[count_ - 1]);
    for (int i = 0; i < count_; ++i) ExecStoreVirtualTuple(slots[i]);
    table_multi_insert(relation, slots, count_, GetCurrentCommandId(true),
                       insert_options(relation, count_), static_cast<BulkInsertState>(bulk_));
    MemoryContextSwitchTo(static_cast<MemoryContext>(context_));
    index_batch();
    for (int i = 0; i < count_; ++i) ExecClearTuple(slots[i]);
    MemoryContextSwitchTo(before);
    MemoryContextReset(static_cast<MemoryContext>(row_context_));
  });
  count_ = 0;
}

void LogWriter::finish() {
  if (open_) flush();
  pg_call([&] {
    if (open_) {
      auto** const slots = static_cast<TupleTableSlot**>(slots_);
      for (int i = 0; i < slots_made_; ++i) ExecDropSingleTupleTableSlot(slots[i]);
      FreeBulkInsertState(static_cast<BulkInsertState>(bulk_));
      ExecCloseIndices(static_cast<ResultRelInfo*>(result_));
      FreeExecutorState(static_cast<EState*>(state_));
      table_close(static_cast<Relation>(relation_), NoLock);
    }
    MemoryContextDelete(static_cast<MemoryContext>(context_));
  });
  open_ = false;
}

namespace {

Datum jsonb_of(LogWriter& writer, const std::string& text) {
  if (text.empty()) return 0;
  return pg_call([&] {
    const MemoryContext before =
        MemoryContextSwitchTo(static_cast<MemoryContext>(writer.row_context()));
    const Datum value = DirectFunctionCall1(jsonb_in, CStringGetDatum(text.c_str()));
    MemoryContextSwitchTo(before);
    return value;
  });
}

template <typename Value>
const Value* pointer_to(const std::optional<Value>& value) {
  return value ? &*value : nullptr;
}

}  // namespace

std::vector<std::int64_t> write_log(const std::vector<LogEntry>& entries) {
  std::vector<std::int64_t> sequences;
  LogWriter writer;
  for (const LogEntry& entry : entries) {
    writer.make_room();
    LogRow row;
    if (entry.mutation_id) row.id = *entry.mutation_id;
    row.client_id = pointer_to(entry.client_id);
    row.client_sequence = pointer_to(entry.client_sequence);
    row.user_id = &entry.user_id;
    row.device = pointer_to(entry.device);
    row.object = entry.object;
    row.record_id = entry.record_id;
    row.operation = entry.operation;
    row.data = jsonb_of(writer, entry.data);
    row.original = jsonb_of(writer, entry.original);
    row.version = pointer_to(entry.version);
    row.exact = entry.exact;
    sequences.push_back(writer.add(row));
  }
  writer.finish();
  return sequences;
}

}  // namespace objectos::server
