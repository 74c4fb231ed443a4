// The server's side of a checkpoint: what a snapshot S leaves out, and whether a checkpoint is
// ours.
//
// inflight(S) is S's list of running transactions plus every xid from S's xmax up to the next xid
// read after S was taken: a superset of what S cannot see and what had an xid when S was taken.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/checkpoint.h"

namespace objectos::server {

struct Cut {
  XidRanges inflight;
  std::uint64_t xmax = 0;  // of the snapshot: the first xid it knows nothing of
  std::uint32_t timeline = 0;
  std::uint64_t lsn = 0;  // flushed when the cut was taken
};

// Refuses what has no cut: recovery (OS010), a transaction that has an xid of its own (OS009: its
// snapshot does not list it).
void require_cut_possible();

// The cut of the active snapshot. Under REPEATABLE READ all calls of a transaction share one.
const Cut& current_cut();

// The same, for a transaction that may have written: its own xid, which its snapshot does not list,
// is in flight, too.
Cut cut_of_writer();

// Throws OS001 unless the checkpoint belongs to this epoch and its LSN lies on this server's
// history.
void require_own_history(const Checkpoint& checkpoint, const std::string& epoch);

[[noreturn]] void throw_resync(const std::string& why);

}  // namespace objectos::server
