// The names by which the server tells sessions that listen (docs/real_time.md). Notifications carry
// no data.
#pragma once

namespace objectos::listening {

inline constexpr const char* commit_channel = "objectos_sync";      // something was committed
inline constexpr const char* event_channel = "objectos_sync_live";  // of presence, or a broadcast
// A payload: there is nobody to send notifications, and there may be nobody for a while.
inline constexpr const char* poll_payload = "poll";

}  // namespace objectos::listening
