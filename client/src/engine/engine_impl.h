// SyncEngine behind its pimpl.
//
// Locks: work_mutex_ is held by whoever talks to the server or owns the file (one at a time);
// state_mutex_ guards the small values that status() shows and is never held while calling out.
// Order: lifecycle_mutex_, work_mutex_, the feed's lock, status_mutex_, state_mutex_. Events are
// posted to the dispatcher as they happen, also under locks, and announced without: only
// announcing may call the app. (Progress is announced under work_mutex_: an executor that breaks
// its promise and runs at once gets a usage error from sync_now(), no deadlock.)
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/backoff.h"
#include "engine/change_feed.h"
#include "engine/conflict_resolvers.h"
#include "engine/dispatcher.h"
#include "engine/file_watch.h"
#include "engine/listeners.h"
#include "engine/live_queries.h"
#include "engine/live_state.h"
#include "engine/presence_hub.h"
#include "engine/progress_estimate.h"
#include "engine/sync_session.h"
#include "engine/wake_signal.h"
#include "objectos/sync_engine.h"

namespace objectos {

class SyncEngine::Impl {
 public:
  explicit Impl(Options options);
  ~Impl();

  SyncResult clone();
  SyncResult sync(bool push, bool pull);
  SyncResult subscribe(const std::string& subscription);
  std::string subscription();
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
  std::vector<PendingMutation> discard(const std::string& mutation_id);
  std::string retry(const std::string& mutation_id);
  void dismiss(const std::string& mutation_id);

  TransactionResult transaction(const std::function<void(Transaction&)>& write);
  // Returns the text afterwards.
  // `seen`, `made`: TextWrite.
  using TextMade = std::function<void(const TextOperation&, const std::string&)>;
  std::string edit_text(const std::string& object, const std::string& record_id,
                        const std::string& field, const TextOperation& operation,
                        const std::optional<std::string>& seen = {}, const TextMade& made = {});
  std::optional<std::string> text_of(const std::string& object, const std::string& record_id,
                                     const std::string& field);
  UndoResult invert_group(bool redo);
  std::vector<HistoryGroup> history();
  std::vector<LocalDifference> verify_local();

  void pause_loop();
  void resume_loop();
  void sync_soon();

  Subscription on_change(const std::string& object, std::function<void(const Change&)> callback);
  Subscription on_status(std::function<void(const Status&)> callback);
  Subscription watch(const std::string& sql, const std::vector<Value>& parameters,
                     std::function<void(const QueryChange&)> callback);
  Subscription set_resolver(const std::string& object, Resolver resolver);
  Dispatcher& dispatcher() { return dispatcher_; }
  const ErrorReport& report() const { return report_; }
  PresenceHub& presence_hub();

  Listeners<Progress> progress_listeners;
  Listeners<Conflict> conflict_listeners;
  Listeners<RejectedMutation> rejection_listeners;
  Listeners<Verdict> verdict_listeners;

 private:
  using Clock = std::chrono::steady_clock;
  class EngineWrite;
  // What work does to the file: a session says which tables it wrote, other work does not.
  enum class Writes { noted, unknown };
  template <typename Work>
  auto exclusively(Work work, Writes writes = Writes::unknown);
  LocalDatabase& database();
  Transport& transport();
  Patience patience() const {
    return {options_.timing.connect_timeout, options_.timing.answer_timeout};
  }
  std::unique_ptr<LocalDatabase> open_beside() const;
  void describe_file(Status& status) const;
  SessionLimits session_limits();
  void connect_as_user();
  void follow_server();
  static void describe_file(Status& status, const LocalDatabase& database);
  void describe_engine(Status& status);
  void close_database();
  SessionEvents session_events();
  void note_result(const Error* error);
  void note_conflicts(const LocalDatabase& database);
  // Posts an event, if anybody listens.
  template <typename Event>
  void tell(const Listeners<Event>& listeners, const Event& event,
            const std::string& replaces = {});
  void tell_progress(Progress progress);
  // Posts the status if it is another one than was told last. `database`: reads its counters anew.
  void tell_status(const LocalDatabase* database = nullptr);
  bool watch_is_needed() const;
  void wake_watch_after_own_write();
  void ensure_watched();
  void look_at_file();
  std::shared_ptr<LocalDatabase> watched_file();
  void look_at(const std::shared_ptr<LocalDatabase>& file);
  void stop_watching();
  void cancel_exchange(bool wanted);
  bool send_decisions();
  void send_decision(const std::string& conflict_id, const Decision& decision);
  void run_loop();
  bool sync_in_loop(std::int64_t& delay_ms);
  bool ends_loop(ErrorClass kind);
  bool pause(std::int64_t milliseconds);
  void wait_in_pause(std::unique_lock<std::mutex>& lock, std::int64_t milliseconds);
  bool edits_are_due();
  void wake_loop();
  std::int64_t back_off();
  // The live loop (live_loop.cpp).
  void sync_live();
  bool work_lightly(const LiveWork& work);
  void wait_live(std::int64_t retry_ms);
  bool hear(int& socket);
  void watch_writes(Clock::time_point now);
  void look_at_writes(Clock::time_point now);
  void wait_for_news(int socket, std::optional<Clock::time_point> end);
  void leave_live();
  void set_live(Live live, const std::string& reason = {});
  void log(LogLevel level, const std::string& text) const;
  std::unique_ptr<PresenceConnection> presence_connection() const;
  std::shared_ptr<PresenceHub> known_presence_hub();

  Options options_;
  std::mutex work_mutex_;
  std::atomic<std::thread::id> worker_{};  // who holds work_mutex_
  std::unique_ptr<LocalDatabase> database_;
  std::unique_ptr<Transport> transport_;
  std::string server_;          // that transport_ was made for
  std::mutex transport_mutex_;  // guards the pointer for cancel(), and
  bool cancelling_ = false;     // what is begun now is cancelled
  std::vector<std::string> known_conflicts_;

  // The app's own writes, beside a running sync: a connection without the engine lock.
  template <typename Work>
  auto beside(Work work);
  void close_app_connection();
  std::mutex app_mutex_;                           // one at a time; before it only work_mutex_
  std::atomic<std::thread::id> app_thread_{};      // who holds app_mutex_
  std::unique_ptr<LocalDatabase> app_connection_;  // opened by the first one
  const ErrorReport report_;                       // what listeners throw
  Dispatcher dispatcher_;
  ChangeFeed feed_;
  LiveQueries queries_;
  ConflictResolvers resolvers_;
  Listeners<Status> status_listeners_;
  std::mutex status_mutex_;
  Status told_status_;  // the last one posted
  Status file_status_;  // the file's part of the next one
  ProgressEstimate estimate_;
  std::mutex watch_mutex_;  // guards the pointer; its use is the watch thread's
  std::shared_ptr<LocalDatabase> watched_;
  std::int64_t seen_version_ = -1;         // of watched_
  std::atomic<bool> watch_missed_{false};  // a look, because the engine was writing

  std::mutex presence_mutex_;  // guards the pointer
  std::shared_ptr<PresenceHub> presence_;

  std::mutex state_mutex_;
  std::condition_variable wake_;
  Progress progress_;
  std::optional<Error> last_error_;
  bool online_ = false;
  Live live_ = Live::off;
  std::string live_reason_;
  bool loop_waiting_ = false;
  bool loop_running_ = false;
  bool stopping_ = false;
  bool sync_wanted_ = false;
  bool paused_ = false;
  std::int64_t retry_delay_ms_ = 0;
  std::int64_t syncs_begun_ = 0;
  std::int64_t last_good_sync_ = 0;  // the number of the newest sync that ended well
  bool synced_once_ = false;         // by this engine: its options and its server are right
  Backoff backoff_;
  std::mutex lifecycle_mutex_;  // start() and stop(): who makes and joins loop_
  std::atomic<std::thread::id> loop_thread_{};
  // The loop's own: what it has seen of the queue.
  std::unique_ptr<LocalDatabase> loop_file_;
  std::int64_t loop_seen_ = -1;      // the file's data version, when it was asked for edits
  std::int64_t loop_looked_ = -1;    // and at the last look; -1: it could not be looked at
  std::string oldest_edit_;          // when it was written
  std::int64_t edits_sent_for_ = 0;  // the newest edit when a sync began for the sake of edits
  LiveState live_state_;
  WakeSignal wake_signal_;  // with wake_, for a loop that waits on descriptors
  std::thread loop_;
  FileWatch watch_;  // the last member: its thread uses the others
};

}  // namespace objectos
