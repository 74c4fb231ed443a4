#include "pg_ext/commit_signal.h"

#include <utility>

#include "pg_ext/boundary.h"
#include "pg_ext/live_slots.h"
#include "pg_ext/settings.h"
#include "protocol/listening.h"

#include "pg_ext/pg.h"

extern "C" {
#include "access/twophase.h"
#include "commands/async.h"
#include "utils/resowner.h"
}

namespace objectos::server {

namespace {

bool noted = false;                        // in this transaction
bool wanted = false;                       // and the notifier is to be told
bool committed = false, prepared = false;  // it was wanted, and is told in a moment

// Called by the backend, after a commit too, where nothing may fail.
void at_end(XactEvent event, void*) {
  const bool commits = event == XACT_EVENT_COMMIT, prepares = event == XACT_EVENT_PREPARE;
  if (!commits && !prepares && event != XACT_EVENT_ABORT) return;
  committed = wanted && commits;
  prepared = wanted && prepares;
  noted = wanted = false;
}

// Other sessions learn of changed rights and tables after the commit is visible, and before the
// locks of the transaction are gone. Who is told earlier looks by the rights that were.
void at_release(ResourceReleasePhase phase, bool, bool, void*) {
  if (phase != RESOURCE_RELEASE_AFTER_LOCKS) return;
  if (std::exchange(committed, false)) live::tell_commit();
  if (std::exchange(prepared, false)) live::tell_prepared();
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
  pg_call([] {
    RegisterXactCallback(at_end, nullptr);
    RegisterResourceReleaseCallback(at_release, nullptr);
  });
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
