// SyncEngine behind its pimpl.
//
// Locks: work_mutex_ is held by whoever talks to the server or owns the file (one at a time);
// state_mutex_ guards the small values that status() shows and is never held while calling out.
// Order: lifecycle_mutex_, work_mutex_, state_mutex_. Events collected under work_mutex_
// are delivered after it is released (progress and log aside, which are told as they happen).
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "engine/backoff.h"
#include "engine/listeners.h"
#include "engine/sync_session.h"
#include "objectos/sync_engine.h"

namespace objectos {

class SyncEngine::Impl {
 public:
  explicit Impl(Options options);
  ~Impl();

  SyncResult clone();
  SyncResult sync(bool push, bool pull);
  Verdict resolve(const std::string& conflict_id, const std::string& text, bool values);
  std::vector<Finding> diagnose();
  VerifyReport verify(const VerifyOptions& options);
  std::vector<HistoryEntry> record_log(const std::string& object, const std::string& record_id,
                                       int max);
  std::vector<RecordDiff> diff();
  void detach(bool force);
  void start();
  void stop();
  bool wait_until_synced(std::chrono::milliseconds timeout);

  Status status();
  Progress progress();
  std::vector<PendingMutation> pending();
  std::vector<Conflict> conflicts();
  std::vector<RejectedMutation> rejections();

  TransactionResult transaction(const std::function<void(Transaction&)>& write);
  std::vector<LocalDifference> verify_local();

  Listeners<Change> change_listeners;
  Listeners<Status> status_listeners;
  Listeners<Progress> progress_listeners;
  Listeners<Conflict> conflict_listeners;
  Listeners<RejectedMutation> rejection_listeners;
  Listeners<Verdict> verdict_listeners;

 private:
  using Event = std::variant<Change, Verdict, RejectedMutation, Conflict>;

  template <typename Work>
  auto exclusively(Work work);
  LocalDatabase& database();
  Transport& transport();
  std::unique_ptr<LocalDatabase> open_beside() const;
  void describe_file(Status& status) const;
  SessionLimits session_limits() const;
  void follow_server();
  SessionEvents session_events();
  void note_result(const Error* error);
  void note_conflicts(const LocalDatabase& database);
  void deliver();
  void run_loop();
  bool pause(std::int64_t milliseconds);
  void log(LogLevel level, const std::string& text) const;

  Options options_;
  std::mutex work_mutex_;
  std::atomic<std::thread::id> worker_{};  // who holds work_mutex_
  std::unique_ptr<LocalDatabase> database_;
  std::unique_ptr<Transport> transport_;
  std::mutex transport_mutex_;  // guards the pointer for cancel()
  std::vector<Event> events_;
  std::vector<std::string> known_conflicts_;

  // The app's own writes, beside a running sync: a connection without the engine lock.
  template <typename Work>
  auto beside(Work work);
  void close_app_connection();
  std::mutex app_mutex_;                           // one at a time; taken before no other mutex
  std::atomic<std::thread::id> app_thread_{};      // who holds app_mutex_
  std::unique_ptr<LocalDatabase> app_connection_;  // opened by the first one

  std::mutex state_mutex_;
  std::condition_variable wake_;
  Progress progress_;
  std::optional<std::string> last_error_;
  bool online_ = false;
  bool loop_waiting_ = false;
  bool loop_running_ = false;
  bool stopping_ = false;
  bool sync_wanted_ = false;
  std::int64_t retry_delay_ms_ = 0;
  std::int64_t syncs_begun_ = 0;
  std::int64_t last_good_sync_ = 0;  // the number of the newest sync that ended well
  Backoff backoff_;
  std::mutex lifecycle_mutex_;  // start() and stop(): who makes and joins loop_
  std::atomic<std::thread::id> loop_thread_{};
  std::thread loop_;
};

}  // namespace objectos
