#include "pg_ext/bulk_insert.h"

#include <algorithm>
#include <new>
#include <string>

#include "pg_ext/catalog.h"
#include "protocol/signed_payload.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

TupleTableSlot* slot_at(void* slot) {
  return static_cast<TupleTableSlot*>(slot);
}

// Of the usual form, 8-4-4-4-12 digits in lower case; others are left to the input function.
std::optional<std::string> uuid_bytes(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  char digits[32];
  char* next = digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return std::nullopt;
    if (!dash) *next++ = text[i];
  }
  return bytes_of_hex({digits, sizeof digits});
}

}  // namespace

BulkInsert::BulkInsert(const char* table) {
  const Oid relid = internal_relation(table);
  pg_call([&] {
    context_ =
        AllocSetContextCreate(CurrentMemoryContext, "objectos_sync bulk", ALLOCSET_DEFAULT_SIZES);
    row_context_ = AllocSetContextCreate(static_cast<MemoryContext>(context_),
                                         "objectos_sync bulk rows", ALLOCSET_DEFAULT_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(static_cast<MemoryContext>(context_));
    const Relation relation = table_open(relid, RowExclusiveLock);
    relation_ = relation;
    state_ = CreateExecutorState();
    ResultRelInfo* const result = makeNode(ResultRelInfo);
    result_ = result;
    InitResultRelInfo(result, relation, 0, nullptr, 0);
    ExecOpenIndices(result, false);
    MemoryContextSwitchTo(before);
  });
}

void BulkInsert::add(std::uintptr_t value, bool is_null) {
  if (column_ == 0) {
    if (count_ == batch_rows) flush();
    if (count_ == slots_made_) {
      pg_call([&] {
        const MemoryContext before = MemoryContextSwitchTo(static_cast<MemoryContext>(context_));
        slots_[slots_made_] = table_slot_create(static_cast<Relation>(relation_), nullptr);
        MemoryContextSwitchTo(before);
      });
      ++slots_made_;
    }
  }
  TupleTableSlot* const slot = slot_at(slots_[count_]);
  slot->tts_values[column_] = value;
  slot->tts_isnull[column_++] = is_null;
}

char* BulkInsert::room(std::size_t bytes) {
  constexpr std::size_t block_bytes = 64 << 10;
  const std::size_t taken = MAXALIGN(bytes);
  if (taken > block_left_) {
    blocks_.emplace_back(std::max(taken, block_bytes));
    block_left_ = std::max(taken, block_bytes);
  }
  // From the block's end to its beginning; a block's size is a multiple of the alignment.
  block_left_ -= taken;
  return blocks_.back().data() + block_left_;
}

BulkInsert& BulkInsert::null() {
  add(0, true);
  return *this;
}

// A full batch is written before its successor's first value is made: the values of both would
// share what the flush empties.
BulkInsert& BulkInsert::text(std::string_view bytes) {
  if (column_ == 0 && count_ == batch_rows) flush();
  if (bytes.size() > MaxAllocSize - VARHDRSZ) throw std::bad_alloc();
  char* const copy = room(VARHDRSZ + bytes.size());
  SET_VARSIZE(copy, VARHDRSZ + bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy + VARHDRSZ);
  add(PointerGetDatum(copy), false);
  return *this;
}

BulkInsert& BulkInsert::text_or_null(std::string_view bytes) {
  return bytes.empty() ? null() : text(bytes);
}

BulkInsert& BulkInsert::int8(std::optional<std::int64_t> value) {
  add(value ? Int64GetDatum(*value) : 0, !value);
  return *this;
}

BulkInsert& BulkInsert::int2(std::int16_t value) {
  add(Int16GetDatum(value), false);
  return *this;
}

BulkInsert& BulkInsert::input(std::string_view text) {
  if (column_ == 0 && count_ == batch_rows) flush();
  const Oid type =
      TupleDescAttr(RelationGetDescr(static_cast<Relation>(relation_)), column_)->atttypid;
  if (type == UUIDOID) {
    if (const auto bytes = uuid_bytes(text)) {
      char* const copy = room(UUID_LEN);
      std::copy(bytes->begin(), bytes->end(), copy);
      add(PointerGetDatum(copy), false);
      return *this;
    }
  }
  const std::string copy(text);
  const char* const raw = copy.c_str();
  add(pg_call([&] {
        const MemoryContext before =
            MemoryContextSwitchTo(static_cast<MemoryContext>(row_context_));
        Oid function, parameter;
        getTypeInputInfo(type, &function, &parameter);
        const Datum value = OidInputFunctionCall(function, const_cast<char*>(raw), parameter, -1);
        MemoryContextSwitchTo(before);
        return value;
      }),
      false);
  return *this;
}

void BulkInsert::end_row() {
  column_ = 0;
  ++count_;
}

void BulkInsert::flush() {
  if (count_ == 0) return;
  pg_call([&] {
    auto* const relation = static_cast<Relation>(relation_);
    auto* const state = static_cast<EState*>(state_);
    auto* const result = static_cast<ResultRelInfo*>(result_);
    auto** const slots = reinterpret_cast<TupleTableSlot**>(slots_);
    const MemoryContext before = MemoryContextSwitchTo(static_cast<MemoryContext>(row_context_));
    CHECK_FOR_INTERRUPTS();
    for (int i = 0; i < count_; ++i) ExecStoreVirtualTuple(slots[i]);
    table_multi_insert(relation, slots, count_, GetCurrentCommandId(true), 0, nullptr);
    MemoryContextSwitchTo(static_cast<MemoryContext>(context_));
    for (int i = 0; i < count_; ++i) {
      slots[i]->tts_tableOid = RelationGetRelid(relation);
      ResetPerTupleExprContext(state);
      list_free(insert_index_tuples(result, slots[i], state));
    }
    for (int i = 0; i < count_; ++i) ExecClearTuple(slots[i]);
    MemoryContextSwitchTo(before);
    MemoryContextReset(static_cast<MemoryContext>(row_context_));
  });
  count_ = 0;
  blocks_.clear();
  block_left_ = 0;
}

void BulkInsert::finish() {
  flush();
  pg_call([&] {
    for (int i = 0; i < slots_made_; ++i) ExecDropSingleTupleTableSlot(slot_at(slots_[i]));
    ExecCloseIndices(static_cast<ResultRelInfo*>(result_));
    FreeExecutorState(static_cast<EState*>(state_));
    table_close(static_cast<Relation>(relation_), NoLock);
    MemoryContextDelete(static_cast<MemoryContext>(context_));
  });
}

}  // namespace objectos::server
