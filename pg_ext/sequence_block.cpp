#include "pg_ext/sequence_block.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// As the WAL record of nextval() does, this one replaces the page. log_cnt 0 makes the next
// nextval() write a record of its own, so a crash gives no number away twice.
void log_sequence(Relation sequence, Buffer buffer, const HeapTupleData& tuple) {
  if (!RelationNeedsWAL(sequence)) return;
  xl_seq_rec record = sequence_record(sequence);
  XLogBeginInsert();
  XLogRegisterBuffer(0, buffer, REGBUF_WILL_INIT);
  XLogRegisterData(reinterpret_cast<char*>(&record), sizeof record);
  XLogRegisterData(reinterpret_cast<char*>(tuple.t_data), tuple.t_len);
  const XLogRecPtr end = XLogInsert(RM_SEQ_ID, XLOG_SEQ_LOG);  // PageSetLSN() asks twice
  PageSetLSN(BufferGetPage(buffer), end);
}

}  // namespace

std::int64_t draw_sequence_block(Oid sequence_relid, std::int64_t count) {
  const Relation sequence = relation_open(sequence_relid, RowExclusiveLock);
  const Buffer buffer = ReadBuffer(sequence, 0);
  LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
  const Page page = BufferGetPage(buffer);
  const ItemId item = PageGetItemId(page, FirstOffsetNumber);
  HeapTupleData tuple{};
  tuple.t_data = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
  tuple.t_len = ItemIdGetLength(item);
  auto* const state = reinterpret_cast<Form_pg_sequence_data>(GETSTRUCT(&tuple));
  const std::int64_t first = state->last_value + (state->is_called ? 1 : 0);
  if (count > PG_INT64_MAX - first) {
    UnlockReleaseBuffer(buffer);
    throw SyncError("2200H", "a sequence of objectos_sync has reached its end");
  }
  // PostgreSQL's macros increment a volatile, which C++20 deprecates.
  CritSectionCount = CritSectionCount + 1;
  MarkBufferDirty(buffer);
  state->last_value = first + count - 1;
  state->is_called = true;
  state->log_cnt = 0;
  log_sequence(sequence, buffer, tuple);
  CritSectionCount = CritSectionCount - 1;
  UnlockReleaseBuffer(buffer);
  relation_close(sequence, NoLock);
  return first;
}

}  // namespace objectos::server
