// Puts what local programs wrote and what the engine wrote into one order, and tells listeners.
//
// Local writes are read from the queue by their numbers (AUTOINCREMENT), engine writes come from
// its rounds and verdicts. Invariants:
//  - a local write is told once: the number told last only grows, under the lock;
//  - per record the order is that of the commits: whoever writes as the engine holds the lock from
//    before its transaction until its events are posted, and tells the local writes before it from
//    within the transaction, where no other program can write.
// Threads: any; what says "locked" needs the lock of lock().
#pragma once

#include <atomic>
#include <mutex>
#include <set>
#include <string>

#include "engine/dispatcher.h"
#include "engine/listeners.h"
#include "store/local_database.h"

namespace objectos {

// Which tables may be other ones than at the last look.
struct TablesChanged {
  bool all = false;
  std::set<std::string, std::less<>> objects;
};

class ChangeFeed {
 public:
  ChangeFeed(Dispatcher& dispatcher, ErrorReport report)
      : dispatcher_(dispatcher), report_(std::move(report)) {}

  // `newest`: the number of the newest local write; asked when nobody listened before.
  Subscription listen(const std::string& object, std::function<void(const Change&)> callback,
                      const std::function<std::int64_t()>& newest);
  bool listened() const { return !listeners_.empty(); }
  Listing listing() const;

  std::mutex& lock() { return mutex_; }
  // Locked: tells the local writes that were not told yet.
  void tell_local(const LocalDatabase& database);
  // Locked: what is in the queue up to this number is no news.
  void skip_to(std::int64_t newest) { told_ = newest; }
  // Locked: what the engine did.
  void tell(const LocalChange& change, Origin origin);

  // The engine may have written these tables (empty: none), or any.
  void note(const std::set<std::string, std::less<>>& objects);
  void note_all();
  // Between these any table may change at any time.
  void begin_unknown_writes() { ++unknown_writers_; }
  void end_unknown_writes();
  // While the engine lock is not held here, another process may pull into the file.
  void hold_file(bool held);
  // Locked: what was noted since the last call, and what local programs wrote.
  TablesChanged tables_changed(const LocalDatabase& database);

 private:
  Dispatcher& dispatcher_;
  const ErrorReport report_;
  Listeners<Change> listeners_;
  std::mutex mutex_;
  std::int64_t told_ = 0;     // the newest local write that was told
  std::int64_t counted_ = 0;  // ... that tables_changed() named

  std::mutex note_mutex_;  // innermost
  TablesChanged noted_;
  std::atomic<int> unknown_writers_{0};
  std::atomic<bool> file_held_{false};
};

}  // namespace objectos
