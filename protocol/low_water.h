// Low water: how far the log is pruned, as a checkpoint C of the server's own.
//
// C is a sample: one segment, made like a client's checkpoint, except that every xid from its
// snapshot's xmax on counts as in flight too. Transactions that began after the sample have rows
// beyond its bound only, so this changes nothing of what C has passed; and it lets a younger
// checkpoint, which waits for younger transactions, be compared with C by mere inclusion.
//
// A row may be removed only if C has passed it (!C.is_new). A client's checkpoint is valid iff it
// has passed all that C has passed; else it may miss a removed row, and the client must resync.
// Samples of later snapshots have passed all that earlier ones have.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "protocol/checkpoint.h"

namespace objectos {

// The sample of a snapshot: `newest` is its newest visible sequence (or the low water's bound, if
// that is higher), `inflight` its running transactions, `xmax` the first xid it knows nothing of.
Segment low_water_segment(std::int64_t newest, const XidRanges& inflight, std::uint64_t xmax);

// Whether `checkpoint` has passed every row that `low_water` has passed.
bool covers(const Checkpoint& checkpoint, const Checkpoint& low_water);

// The newest of `samples` (in the order of their snapshots) that every one of `clients` covers.
std::optional<std::size_t> newest_covered(const std::vector<Checkpoint>& samples,
                                          const std::vector<Checkpoint>& clients);

}  // namespace objectos
