// What a transaction does for those who listen (live_slots.h), if it writes the log or changes what
// a client sees in another way: nothing until it has committed.
#pragma once

namespace objectos::server {

// Call before the transaction's first row of the log is written, or at any later time; likewise for
// other changes.
void signal_at_commit();

}  // namespace objectos::server
