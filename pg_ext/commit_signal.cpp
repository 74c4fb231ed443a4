#include "pg_ext/commit_signal.h"

#include "pg_ext/boundary.h"
#include "pg_ext/live_slots.h"
#include "pg_ext/settings.h"
#include "protocol/listening.h"

#include "pg_ext/pg.h"

extern "C" {
#include "access/twophase.h"
#include "commands/async.h"
}

namespace objectos::server {

namespace {

bool noted = false;   // in this transaction
bool wanted = false;  // and the notifier is to be told

// Called by the backend, after a commit too, where nothing may fail.
void at_end(XactEvent event, void*) {
  const bool commits = event == XACT_EVENT_COMMIT, prepares = event == XACT_EVENT_PREPARE;
  if (!commits && !prepares && event != XACT_EVENT_ABORT) return;
  const bool tells = wanted;
  noted = wanted = false;
  if (tells && commits) live::tell_commit();
  if (tells && prepares) live::tell_prepared();
}

// Once per process. Without room in shared memory writers write all the same, and nobody hears.
bool prepare_process() {
  static bool done = false;
  if (done) return live::attached();
  done = true;
  try {
    subtransaction([] { live::attach(); });
  } catch (PgError& error) {
    error.discard();
    return false;
  }
  pg_call([] { RegisterXactCallback(at_end, nullptr); });
  return true;
}

void notify(const char* payload) {
  pg_call([&] { Async_Notify(listening::commit_channel, payload); });
}

// Where no notifier can run, listeners are told to poll, once a second by whoever writes. Not where
// transactions may be prepared: one that has notified cannot be.
void tell_to_poll() {
  static TimestampTz last = 0;
  const TimestampTz now = GetCurrentTimestamp();
  if (max_prepared_xacts > 0 || now - last < 1'000'000) return;
  last = now;
  notify(listening::poll_payload);
}

}  // namespace

void signal_at_commit() {
  if (noted || !prepare_process()) return;
  noted = true;
  wanted = !settings::notify_at_commit();
  if (!wanted) {
    notify("");
  } else if (live::state().listeners > 0 && !live::ensure_notifier()) {
    tell_to_poll();
  }
}

}  // namespace objectos::server
