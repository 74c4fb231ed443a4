#include "watch.h"

#include <pthread.h>
#include <signal.h>

#include "exit_codes.h"
#include "objectos/sync_engine.h"

namespace objectos::cli {

namespace {

// Blocked before any thread begins, so that sigtimedwait() alone takes them.
sigset_t end_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

}  // namespace

int watch_file(const Arguments&, SyncEngine& engine, Output& output) {
  const sigset_t ending = end_signals();
  engine.status();  // a file that is none is an error at once
  auto changes = engine.on_change("", [&](const Change& change) { output.event(change); });
  auto verdicts = engine.on_verdict([&](const Verdict& verdict) { output.event(verdict); });
  auto rejected = engine.on_rejection([&](const RejectedMutation& r) { output.event(r); });
  auto conflicts = engine.on_conflict([&](const Conflict& conflict) { output.event(conflict); });
  auto statuses = engine.on_status([&](const Status& status) { output.event(status); });
  engine.start();
  const timespec second{1, 0};
  while (sigtimedwait(&ending, nullptr, &second) <= 0) {
    if (engine.status().phase != Phase::stopped) continue;
    // The loop ends on what a person must mend. Once more, for its error with detail and hint.
    engine.sync_now();
    engine.start();
  }
  engine.stop();
  return kOk;
}

}  // namespace objectos::cli
