// Long work in the file in transactions of a few milliseconds, with pauses in which other programs
// find the write lock free. SQLite has no queue for it: who finds it taken sleeps for 1, 2, 5, 10,
// 15, 20, 25 ms … and looks again. So while others write, the lock is free for two thirds of the
// time; while nobody does, for a third.
//
// What is written so must mean nothing until a later, durable commit: these commits do not wait
// for the disk.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

struct sqlite3;

namespace objectos {

class ShortTransactions {
 public:
  explicit ShortTransactions(sqlite3* database);
  ~ShortTransactions();
  ShortTransactions(const ShortTransactions&) = delete;
  ShortTransactions& operator=(const ShortTransactions&) = delete;

  // How much of the work the next one should do, in the caller's unit (rows).
  std::size_t share() const { return share_; }
  void run(const std::function<void()>& work);

 private:
  using Clock = std::chrono::steady_clock;
  void pause();
  void look_for_others();

  sqlite3* const database_;
  std::size_t share_ = 64;
  Clock::duration held_{};
  Clock::time_point others_seen_;
  long long version_ = 0;
  int wal_pages_ = 0;
};

}  // namespace objectos
