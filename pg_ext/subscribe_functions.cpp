// The SQL function sync_subscribe.
#include "pg_ext/boundary.h"
#include "pg_ext/commit_signal.h"
#include "pg_ext/subscriptions.h"

#include "pg_ext/pg.h"

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_subscribe) {
  if (argument_is_null(call, 0)) {
    throw objectos::ProtocolError(objectos::ErrorCode::invalid_client, "client_id is null", "",
                                  "Give the name under which this device syncs.");
  }
  if (pg_call([] { return RecoveryInProgress(); })) {
    throw objectos::ProtocolError(objectos::ErrorCode::in_recovery, "this server is a standby",
                                  "It stores no subscriptions.", "Ask the primary.");
  }
  const std::string client_id = text_argument(call, 0);
  std::optional<std::string> subscription;
  if (!argument_is_null(call, 1)) subscription = argument_as_text(call, 1, JSONBOID);
  const std::optional<std::string> stored = store_subscription(client_id, subscription);
  signal_at_commit();  // the client itself may be another session
  return stored ? result_from_text(JSONBOID, *stored) : null_result(call);
}
