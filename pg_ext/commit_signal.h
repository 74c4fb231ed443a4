// What a transaction that writes the log does for those who listen (live_slots.h): nothing until it
// has committed.
#pragma once

namespace objectos::server {

// Call before the transaction's first row of the log is written, or at any later time.
void signal_at_commit();

}  // namespace objectos::server
