// Keys for the time without the server.
#include <algorithm>

#include "engine/sync_session.h"
#include "fault_point.h"
#include "objectos/error.h"
#include "protocol/limits.h"

namespace objectos {

void renew_leases(Transport& transport, LocalDatabase& database, std::int64_t block,
                  SessionEvents& events) {
  const std::int64_t wanted = std::clamp<std::int64_t>(block, 0, limits::leased_ids_max);
  if (wanted == 0) return;
  for (const Lease& lease : database.leases()) {
    if (lease.left > 0 && lease.left >= wanted / 2) continue;
    try {
      const ReservedIds ids = transport.reserve_ids(lease.object, wanted);
      fault_point("lease_reserved");  // numbers lost here are a gap
      database.add_lease(lease.object, ids.first, ids.last, ids.step);
    } catch (const Error& error) {
      if (error.error_class() == ErrorClass::transient) throw;
      events.log(LogLevel::warning, "No keys for " + lease.object + ": " + error.message());
    }
  }
}

}  // namespace objectos
