#include "watch.h"

#include <pthread.h>
#include <signal.h>

#include <mutex>
#include <string>

#include "exit_codes.h"
#include "objectos/sync_engine.h"

namespace objectos::cli {

namespace {

constexpr int kLoopEnded = SIGUSR1;  // this process's own word to itself, or: refused

// Blocked before any thread begins, so that sigwait() alone takes them.
sigset_t awaited_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  sigaddset(&set, kLoopEnded);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

}  // namespace

int watch_file(const Arguments&, SyncEngine& engine, Output& output) {
  const sigset_t awaited = awaited_signals();
  const pthread_t self = pthread_self();
  engine.status();  // a file that is none is an error at once
  auto changes = engine.on_change("", [&](const Change& change) { output.event(change); });
  auto verdicts = engine.on_verdict([&](const Verdict& verdict) { output.event(verdict); });
  auto rejected = engine.on_rejection([&](const RejectedMutation& r) { output.event(r); });
  auto conflicts = engine.on_conflict([&](const Conflict& conflict) { output.event(conflict); });
  auto statuses = engine.on_status([&](const Status& status) {
    output.event(status);
    if (status.phase == Phase::stopped) pthread_kill(self, kLoopEnded);
  });
  engine.start();
  int signal = 0;
  while (sigwait(&awaited, &signal) == 0 && signal == kLoopEnded) {
    if (engine.status().phase != Phase::stopped) continue;
    // The loop ends on what a person must mend. Once more, for its error with detail and hint.
    engine.sync_now();
    engine.start();
  }
  engine.stop();
  return kOk;
}

int be_present(const Arguments& arguments, SyncEngine& engine, Output& output) {
  const sigset_t awaited = awaited_signals();
  const pthread_t self = pthread_self();
  engine.status();  // a file that is none is an error at once
  std::mutex mutex;
  std::string refusal;
  const std::string state = arguments.value("--state");
  Presence presence = engine.presence(arguments.operands[1], state.empty() ? "{}" : state,
                                      [&](const PresenceEvent& event) {
                                        output.event(event);
                                        if (event.kind != PresenceKind::refused) return;
                                        std::lock_guard lock(mutex);
                                        refusal = event.error;
                                        pthread_kill(self, kLoopEnded);
                                      });
  int signal = 0;
  sigwait(&awaited, &signal);
  std::lock_guard lock(mutex);
  if (!refusal.empty()) throw Error(ErrorClass::usage, "refused", refusal);
  return kOk;
}

}  // namespace objectos::cli
