#include "pg_ext/sequence_block.h"

#include "pg_ext/pg.h"

extern "C" {
#include "catalog/pg_sequence.h"
#include "common/int.h"
}

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

// A sequence's one row, under its buffer's lock. Guarded code only.
class SequencePage {
 public:
  explicit SequencePage(Relation sequence) : sequence_(sequence), buffer_(ReadBuffer(sequence, 0)) {
    LockBuffer(buffer_, BUFFER_LOCK_EXCLUSIVE);
    const Page page = BufferGetPage(buffer_);
    const ItemId item = PageGetItemId(page, FirstOffsetNumber);
    tuple_ = HeapTupleData{};
    tuple_.t_data = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
    tuple_.t_len = ItemIdGetLength(item);
    state_ = reinterpret_cast<Form_pg_sequence_data>(GETSTRUCT(&tuple_));
  }
  std::int64_t last_value() const { return state_->last_value; }
  bool is_called() const { return state_->is_called; }
  void store(std::int64_t last_value) {
    // PostgreSQL's macros increment a volatile, which C++20 deprecates.
    CritSectionCount = CritSectionCount + 1;
    MarkBufferDirty(buffer_);
    state_->last_value = last_value;
    state_->is_called = true;
    state_->log_cnt = 0;
    log_sequence(sequence_, buffer_, tuple_);
    CritSectionCount = CritSectionCount - 1;
  }
  void release() { UnlockReleaseBuffer(buffer_); }

 private:
  Relation sequence_;
  Buffer buffer_;
  HeapTupleData tuple_;
  Form_pg_sequence_data state_;
};

struct Definition {
  std::int64_t step, lowest, highest;
  bool cycles;
};

Definition definition_of(Oid sequence) {
  const HeapTuple tuple = SearchSysCache1(SEQRELID, ObjectIdGetDatum(sequence));
  if (!HeapTupleIsValid(tuple)) return {0, 0, 0, false};  // no sequence: nothing is left
  const auto form = reinterpret_cast<Form_pg_sequence>(GETSTRUCT(tuple));
  const Definition found{form->seqincrement, form->seqmin, form->seqmax, form->seqcycle};
  ReleaseSysCache(tuple);
  return found;
}

// How many of `count` values lie between `from`, that one included, and the end in the direction
// of `step`.
std::int64_t values_left(std::int64_t from, const Definition& limits, std::int64_t count) {
  if (from < limits.lowest || from > limits.highest) return 0;
  const auto room = limits.step > 0 ? static_cast<unsigned __int128>(limits.highest) - from
                                    : static_cast<unsigned __int128>(from) - limits.lowest;
  const auto stride = static_cast<unsigned __int128>(
      limits.step > 0 ? static_cast<__int128>(limits.step) : -static_cast<__int128>(limits.step));
  const unsigned __int128 left = room / stride + 1;
  return left < static_cast<unsigned __int128>(count) ? static_cast<std::int64_t>(left) : count;
}

}  // namespace

std::int64_t draw_sequence_block(Oid sequence_relid, std::int64_t count) {
  const Relation sequence = relation_open(sequence_relid, RowExclusiveLock);
  SequencePage page(sequence);
  const std::int64_t first = page.last_value() + (page.is_called() ? 1 : 0);
  if (count > PG_INT64_MAX - first) {
    page.release();
    throw SyncError("2200H", "a sequence of objectos_sync has reached its end");
  }
  page.store(first + count - 1);
  page.release();
  relation_close(sequence, NoLock);
  return first;
}

namespace {

// count -1: the sequence cycles.
SequenceBlock draw(Oid sequence_relid, std::int64_t count, std::int64_t lowest,
                   std::int64_t highest) {
  PreventCommandIfReadOnly("sync_reserve_ids()");
  GetTopTransactionId();  // a commit without one would not wait for the sequence's WAL
  ForceSyncCommit();      // a crash must not give the block away again
  const Relation sequence = relation_open(sequence_relid, RowExclusiveLock);
  Definition limits = definition_of(sequence_relid);
  SequenceBlock block;
  block.step = limits.step;
  block.count = limits.cycles ? -1 : 0;
  if (!limits.cycles && limits.step != 0) {
    limits.lowest = Max(limits.lowest, lowest);
    limits.highest = Min(limits.highest, highest);
    SequencePage page(sequence);
    block.first = page.last_value();
    const bool overflows =
        page.is_called() && pg_add_s64_overflow(page.last_value(), limits.step, &block.first);
    if (!overflows) block.count = values_left(block.first, limits, count);
    block.last = block.first + (block.count - 1) * block.step;
    if (block.count > 0) page.store(block.last);
    page.release();
  }
  relation_close(sequence, NoLock);
  return block;
}

}  // namespace

SequenceBlock draw_user_sequence(Oid sequence, std::int64_t count, std::int64_t lowest,
                                 std::int64_t highest) {
  const SequenceBlock block = pg_call([&] { return draw(sequence, count, lowest, highest); });
  if (block.count >= 0) return block;
  throw ProtocolError(ErrorCode::object_not_supported,
                      "the key's sequence cycles: its numbers come again", {},
                      "ALTER SEQUENCE … NO CYCLE.");
}

}  // namespace objectos::server
