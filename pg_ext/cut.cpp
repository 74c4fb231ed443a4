#include "pg_ext/cut.h"

#include <vector>

#include "pg_ext/boundary.h"
#include "protocol/errors.h"

#include "pg_ext/pg.h"

extern "C" {
#include "access/timeline.h"
#include "access/xlog.h"
#include "storage/proc.h"
}

namespace objectos::server {
namespace {

struct CachedCut {
  bool valid = false;
  LocalTransactionId transaction = InvalidLocalTransactionId;
  TransactionId xmin = InvalidTransactionId;
  TransactionId xmax = InvalidTransactionId;
  Cut cut;
};

CachedCut& cached_cut() {
  static CachedCut cache;
  return cache;
}

// A 32-bit xid of the snapshot, which is less than 2^31 older than `next`.
std::uint64_t widen(TransactionId xid, FullTransactionId next) {
  std::uint64_t epoch = EpochFromFullTransactionId(next);
  if (xid > XidFromFullTransactionId(next)) --epoch;
  return (epoch << 32) | xid;
}

struct SnapshotFacts {
  FullTransactionId next;
  Snapshot snapshot;
  TimeLineID timeline;
  XLogRecPtr flushed;
};

SnapshotFacts read_facts() {
  return pg_call([] {
    SnapshotFacts facts{};
    facts.snapshot = GetActiveSnapshot();
    facts.next = ReadNextFullTransactionId();
#if PG_VERSION_NUM >= 150000
    facts.flushed = GetFlushRecPtr(nullptr);
    facts.timeline = GetWALInsertionTimeLine();
#else
    facts.flushed = GetFlushRecPtr();
    facts.timeline = ThisTimeLineID;
#endif
    return facts;
  });
}

}  // namespace

void throw_resync(const std::string& why) {
  throw ProtocolError(ErrorCode::resync_required, "the checkpoint is not of this server's history",
                      why, "Sync anew from checkpoint '0'; queued local changes are kept.");
}

void require_cut_possible() {
  struct State {
    bool recovery;
    bool wrote;
  };
  const State state = pg_call([] {
    const bool recovery =
        RecoveryInProgress() || (ActiveSnapshotSet() && GetActiveSnapshot()->takenDuringRecovery);
    return State{recovery, TransactionIdIsValid(GetTopTransactionIdIfAny())};
  });
  if (state.recovery) {
    throw ProtocolError(ErrorCode::in_recovery, "cannot pull from a server in recovery", "",
                        "Connect to the primary server.");
  }
  if (state.wrote) {
    throw ProtocolError(ErrorCode::pull_in_write_transaction,
                        "cannot pull in a transaction that has written", "",
                        "Commit first, then pull in a transaction of its own.");
  }
}

const Cut& current_cut() {
  const SnapshotFacts facts = read_facts();
#if PG_VERSION_NUM >= 170000
  const LocalTransactionId transaction = MyProc->vxid.lxid;
#else
  const LocalTransactionId transaction = MyProc->lxid;
#endif
  CachedCut& cache = cached_cut();
  if (cache.valid && IsolationUsesXactSnapshot() && cache.transaction == transaction &&
      cache.xmin == facts.snapshot->xmin && cache.xmax == facts.snapshot->xmax) {
    return cache.cut;
  }
  cache.valid = false;
  cache.cut = Cut{};
  cache.cut.timeline = facts.timeline;
  cache.cut.lsn = facts.flushed;
  for (std::uint32_t i = 0; i < facts.snapshot->xcnt; ++i) {
    cache.cut.inflight.add(widen(facts.snapshot->xip[i], facts.next));
  }
  const std::uint64_t next = U64FromFullTransactionId(facts.next);
  const std::uint64_t xmax = widen(facts.snapshot->xmax, facts.next);
  cache.cut.xmax = xmax;
  if (xmax < next) cache.cut.inflight.add(xmax, next - 1);
  cache.transaction = transaction;
  cache.xmin = facts.snapshot->xmin;
  cache.xmax = facts.snapshot->xmax;
  cache.valid = true;
  return cache.cut;
}

Cut cut_of_writer() {
  Cut cut = current_cut();
  const std::uint64_t own =
      pg_call([] { return U64FromFullTransactionId(GetTopFullTransactionIdIfAny()); });
  if (own != 0) cut.inflight.add(own);
  return cut;
}

void require_own_history(const Checkpoint& checkpoint, const std::string& epoch) {
  if (checkpoint.epoch != epoch) {
    throw_resync("its epoch is " + checkpoint.epoch + ", the server's is " + epoch);
  }
  const SnapshotFacts facts = read_facts();
  if (checkpoint.timeline == facts.timeline) {
    if (checkpoint.lsn > facts.flushed) throw_resync("it is ahead of the server's WAL");
    return;
  }
  const XLogRecPtr switched = pg_call([&] {
    ListCell* cell;
    foreach (cell, readTimeLineHistory(facts.timeline)) {
      auto* entry = static_cast<TimeLineHistoryEntry*>(lfirst(cell));
      if (entry->tli == checkpoint.timeline) return entry->end;
    }
    return static_cast<XLogRecPtr>(InvalidXLogRecPtr);
  });
  if (switched == InvalidXLogRecPtr || checkpoint.lsn > switched) {
    throw_resync("its place on timeline " + std::to_string(checkpoint.timeline) +
                 " was abandoned by a failover or restore");
  }
}

}  // namespace objectos::server
