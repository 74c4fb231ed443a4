// sync_listen() and what sync_status() says of the notifier.
#include <string>

#include "pg_ext/live_slots.h"
#include "pg_ext/pull.h"
#include "pg_ext/settings.h"
#include "pg_ext/spi.h"
#include "protocol/json.h"
#include "protocol/listening.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

constexpr const char* no_process = "no background worker slot is free (max_worker_processes)";

// Who tells this session of commits, and why nobody does.
Json told_by() {
  Json answer = Json::object();
  answer.set("channel", Json::string(listening::commit_channel));
  const bool listed = live::add_listener(), by_writers = settings::notify_at_commit();
  const bool served = by_writers || (listed && live::ensure_notifier());
  answer.set("sent_by", Json::string(by_writers ? "commit" : served ? "worker" : "nobody"));
  const std::string reason = listed ? no_process
                                    : "the sessions of " + std::to_string(live::databases_max) +
                                          " other databases are listened to";
  answer.set("reason", served ? Json() : Json::string(reason));
  return answer;
}

Json notifier_state() {
  live::attach();
  const live::State state = live::state();
  Json answer = Json::object();
  const char* text = state.notifier != 0 ? "running"
                     : state.starting    ? "starting"
                     : state.refused     ? "refused"
                     : state.listened    ? "idle"
                                         : "not wanted";
  answer.set("state", Json::string(text));
  answer.set("pid", state.notifier != 0 ? Json::integer(state.notifier) : Json());
  answer.set("listeners", Json::integer(state.listeners));
  answer.set("problem", state.refused ? Json::string(no_process) : Json());
  return answer;
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_listen) {
  const std::string client_id = text_argument(call, 0);
  identify_client(client_id);
  if (pg_call([] { return RecoveryInProgress(); })) {
    throw SyncError("25006", "this server is a standby", "Nothing is committed here.",
                    "Connect to the primary.");
  }
  live::attach();
  return result_from_text(JSONBOID, write_json(told_by()));
}

OBJECTOS_FUNCTION(notifier) {
  return result_from_text(JSONBOID, write_json(notifier_state()));
}
