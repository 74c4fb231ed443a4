#include "pg_ext/notifier.h"

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "pg_ext/live_slots.h"
#include "pg_ext/settings.h"
#include "pg_ext/spi.h"
#include "protocol/listening.h"

#include "pg_ext/pg.h"

extern "C" {
#include "access/twophase.h"
#include "commands/async.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/procarray.h"
PGDLLEXPORT void objectos_notifier_main(Datum database);
}

namespace objectos::server {

namespace {

volatile std::sig_atomic_t ending = 0;

void end_soon(int) {
  const int before = errno;
  ending = 1;
  SetLatch(MyLatch);
  errno = before;
}

void leave_slot(int, Datum) {
  live::leave();
}

constexpr long grown_delay_ms = 32;  // to what the pause grows, if it is set to less

class Notifier {
 public:
  // Returns when it may go.
  void run();

 private:
  bool attend();
  void look_after_prepared();
  void load_prepared();
  long pause_ms() const;
  void wait(long milliseconds, int events);
  void let_more_come();
  bool idle() const;

  live::Told told_;     // what it has seen to
  bool wanted_ = true;  // a commit may have been before it began
  bool event_ = false;  // one is to be told of
  bool reload_ = true;  // what is prepared
  std::vector<TransactionId> prepared_;
  long delay_ms_ = 0;  // the next pause
  TimestampTz prepared_since_ = 0, busy_at_ = GetCurrentTimestamp();
};

// Sees to everything that was told by now; whether that led to a notification.
bool Notifier::attend() {
  const live::Told now = live::told();
  wanted_ = wanted_ || now.commits != told_.commits;
  event_ = event_ || now.events != told_.events;
  reload_ = reload_ || now.prepares != told_.prepares;
  told_ = now;
  if (reload_) load_prepared();
  reload_ = false;
  look_after_prepared();
  if (!wanted_ && !event_) return false;
  own_transaction([this] {
    if (wanted_) pg_call([] { Async_Notify(listening::commit_channel, ""); });
    if (event_) pg_call([] { Async_Notify(listening::event_channel, ""); });
  });
  wanted_ = event_ = false;
  busy_at_ = GetCurrentTimestamp();
  return true;
}

void Notifier::load_prepared() {
  if (max_prepared_xacts == 0) return;
  std::vector<TransactionId> found;
  own_transaction([&] {
    with_spi([&](Spi& spi) {
      const Rows rows = spi.execute(
          "SELECT transaction::pg_catalog.text::pg_catalog.int8 FROM pg_catalog.pg_prepared_xacts"
          " WHERE database = pg_catalog.current_database()");
      for (std::size_t row = 0; row < rows.size(); ++row)
        found.push_back(static_cast<TransactionId>(rows.int8(row, 0).value_or(0)));
    });
  });
  prepared_ = std::move(found);
  prepared_since_ = GetCurrentTimestamp();
}

void Notifier::look_after_prepared() {
  const auto gone = [](TransactionId xid) {
    return !pg_call([&] { return TransactionIdIsInProgress(xid); });
  };
  const auto first = std::remove_if(prepared_.begin(), prepared_.end(), gone);
  if (first == prepared_.end()) return;
  prepared_.erase(first, prepared_.end());
  wanted_ = true;
}

// Until it must look again by itself: at what is prepared, soon at first; or whether it may go.
long Notifier::pause_ms() const {
  if (prepared_.empty()) return settings::notifier_idle_seconds() * 1000L;
  const long age = static_cast<long>((GetCurrentTimestamp() - prepared_since_) / 1000);
  return std::clamp(age / 10, 20L, 1000L);
}

void Notifier::wait(long milliseconds, int events) {
  pg_call([&] {
    WaitLatch(MyLatch, events | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, PG_WAIT_EXTENSION);
    if (events & WL_LATCH_SET) ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
    if (ConfigReloadPending) {
      ConfigReloadPending = false;
      ProcessConfigFile(PGC_SIGHUP);
    }
  });
}

// What is committed during the pause shares the next notification. A notification wakes every
// session that listens, so while commits follow one another there are ever fewer. One alone is no
// burst: it may have waited for the one before to arrive.
void Notifier::let_more_come() {
  const long shortest = settings::notify_delay_ms();
  if (shortest == 0) return;
  delay_ms_ = std::clamp(delay_ms_, shortest, std::max(shortest, grown_delay_ms));
  wait(delay_ms_, 0);
  const live::Told now = live::told();
  const bool several = now.commits - told_.commits > 1 || now.events - told_.events > 1;
  delay_ms_ = several ? delay_ms_ * 2 : now == told_ ? shortest : delay_ms_ / 2;
}

bool Notifier::idle() const {
  const std::int64_t us = settings::notifier_idle_seconds() * std::int64_t{1'000'000};
  return ending || (prepared_.empty() && GetCurrentTimestamp() - busy_at_ >= us);
}

void Notifier::run() {
  for (;;) {
    bool notified = false;
    try {
      notified = attend();
    } catch (PgError& error) {
      const std::string message = error.message();
      error.discard();
      pg_call([&] {
        ereport(LOG,
                (errmsg("objectos_sync: the notifier failed, and goes on: %s", message.c_str())));
      });
      wanted_ = event_ = reload_ = true;
      if (!ending) wait(1000, 0);
      if (!ending) continue;
    }
    if (idle() && live::leave_unless_told(told_)) return;
    if (ending) continue;
    if (notified) let_more_come();
    if (live::told() == told_) wait(pause_ms(), WL_LATCH_SET);
  }
}

void serve(Oid database) {
  pg_call([&] {
    pqsignal(SIGTERM, end_soon);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    // A notification that a crash takes away was for sessions that the crash has ended.
    SetConfigOption("synchronous_commit", "off", PGC_SUSET, PGC_S_OVERRIDE);
    before_shmem_exit(leave_slot, 0);
  });
  live::attach();
  if (!live::become_notifier()) return;
  pg_call([] { pgstat_report_activity(STATE_IDLE, nullptr); });
  Notifier().run();
}

}  // namespace

}  // namespace objectos::server

// Called in the process that live_slots.cpp asks for.
void objectos_notifier_main(Datum database) {
  bool failed = false;
  try {
    objectos::server::serve(DatumGetObjectId(database));
  } catch (...) {
    failed = true;
  }
  proc_exit(failed ? 1 : 0);
}
