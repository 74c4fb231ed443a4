#include "short_transactions.h"

#include <algorithm>
#include <thread>

#include "sqlite_handle.h"

namespace objectos {
namespace {

using namespace std::chrono_literals;

constexpr auto held_goal = 2ms;            // of one transaction
constexpr auto shortest_pause = 1ms;       // the first sleep of who found the lock taken
constexpr auto others_remembered = 500ms;  // since another connection has committed
constexpr std::size_t share_min = 8, share_max = 2'000;
// Pages in the WAL at which this connection brings them into the file, between two transactions:
// before an app's connection does (at 1,000), whose commits would then wait for it.
constexpr int wal_pages = 600;
constexpr int wal_pages_as_ever = 1'000;

}  // namespace

ShortTransactions::ShortTransactions(sqlite3* database) : database_(database) {
  run_sql(database_, "PRAGMA synchronous=NORMAL");
  sqlite3_wal_hook(
      database_,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<ShortTransactions*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  look_for_others();
  others_seen_ = Clock::now() - others_remembered;
}

ShortTransactions::~ShortTransactions() {
  sqlite3_wal_autocheckpoint(database_, wal_pages_as_ever);
  sqlite3_exec(database_, "PRAGMA synchronous=FULL", nullptr, nullptr, nullptr);
}

void ShortTransactions::look_for_others() {
  Statement row(database_, "PRAGMA data_version");
  row.step();
  if (row.integer(0) != version_) others_seen_ = Clock::now();
  version_ = row.integer(0);
}

// The time that a checkpoint takes is part of the pause: it does not hold the lock.
void ShortTransactions::pause() {
  const Clock::time_point begin = Clock::now();
  if (wal_pages_ >= wal_pages)
    sqlite3_wal_checkpoint_v2(database_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  const bool others = begin - others_seen_ < others_remembered;
  std::this_thread::sleep_until(
      begin + std::max<Clock::duration>(others ? 2 * held_ : held_ / 2, shortest_pause));
}

void ShortTransactions::run(const std::function<void()>& work) {
  pause();
  look_for_others();
  WriteTransaction transaction(database_);
  const Clock::time_point begin = Clock::now();
  work();
  transaction.commit();
  held_ = Clock::now() - begin;
  const double right =
      std::chrono::duration<double>(held_goal) / std::chrono::duration<double>(held_);
  share_ = std::clamp(
      static_cast<std::size_t>(static_cast<double>(share_) * std::clamp(right, 0.5, 1.5)),
      share_min, share_max);
}

}  // namespace objectos
