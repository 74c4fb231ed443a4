// What a transaction that writes the log does for those who listen (live_slots.h): nothing until it
// has committed.
#pragma once

namespace objectos::server {

// The name under which notifications are sent; they carry no data.
inline constexpr const char* live_channel = "objectos_sync";
// The same for events of channels (presence.h): who is in none need not be woken.
inline constexpr const char* event_channel = "objectos_sync_live";
// The payload that says: there is no notifier, and there may be none for a while.
inline constexpr const char* poll_payload = "poll";

// Call before the transaction's first row of the log is written, or at any later time.
void signal_at_commit();

}  // namespace objectos::server
