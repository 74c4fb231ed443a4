// The life of the log: samples, low water, pruning. The algebra is protocol/low_water.h's.
#pragma once

#include <cstdint>

#include "pg_ext/boundary.h"

namespace objectos::server {

// Stores a checkpoint of the server's own if the newest is older than
// objectos_sync.sample_interval. For transactions that write anyway; needs no rights of the caller.
void take_sample_if_due();

// Removes the mutations that low water may pass: those the newest sample has passed that is at
// least `older_than` (an interval datum, not negative) old and that every client seen within
// objectos_sync.client_retention has covered. Returns how many were removed. One at a time: a
// second call waits for the first one's transaction. As the extension's owner.
std::int64_t prune(Datum older_than);

}  // namespace objectos::server
