// The push of a live connection: one round trip for a queue that is short.
//
// What is frozen is on the disk before its first byte is sent, here as in every push. The verdicts
// need not be: the server keeps them until they are confirmed, and an acknowledgement waits for the
// disk first.
#include "engine/sync_session.h"
#include "engine/unhurried.h"
#include "fault_point.h"
#include "objectos/error.h"

namespace objectos {

namespace {

// More is better sent in frames, batch by batch.
constexpr std::size_t kLightBytes = 64 << 10;

}  // namespace

bool SyncSession::push_lightly() {
  const StoreCounters counters = database_.counters();
  progress_.push_total = counters.pending + counters.in_flight;
  enter(Phase::pushing);
  Judged judged;
  judged.batch = next_batch(0);
  if (judged.batch.empty()) return true;
  const bool all = judged.batch.back().client_sequence >= counters.highest_client_sequence;
  const std::string mutations = LocalDatabase::batch_json(judged.batch);
  // What the server certainly did not take is written anew for the server as it is then.
  const auto not_taken = [&] {
    if (counters.in_flight == 0) database_.thaw(judged.batch);
    return false;
  };
  if (!all || mutations.size() > kLightBytes) return not_taken();
  const SyncState state = database_.state();
  fault_point("push_before_send");
  std::vector<VerdictRow> rows;
  try {
    with_serialization_retries(events_, [&] {
      rows = transport_.push_greeted({state.client_id, counters.highest_client_sequence,
                                      state.epoch, schema_fingerprint(state.schema), mutations});
    });
  } catch (const Error& error) {
    if (error.error_class() == ErrorClass::transient) throw;
    return false;  // a run() meets it again, and knows what to do
  }
  fault_point("push_answered");
  if (rows.empty()) return not_taken();
  judged.verdicts = verdicts_of(rows, judged.batch);
  SyncResult result;
  {
    const Unhurried unhurried(database_);
    settle(judged, result);
  }
  renew_leases(transport_, database_, limits_.lease_block, events_);
  enter(Phase::idle);
  return true;
}

}  // namespace objectos
