// What the engine tells: session events, status, and what others write into the file.
#include <algorithm>

#include "engine/engine_impl.h"
#include "engine/public_forms.h"
#include "engine/translated.h"

namespace objectos {

namespace {

bool same(const Status& a, const Status& b) {
  const auto parts = [](const Status& s) {
    return std::tie(s.phase, s.online, s.complete, s.pending, s.conflicts, s.rejections,
                    s.client_id, s.user_id, s.server, s.epoch, s.last_sync, s.last_error,
                    s.last_error_code, s.failures, s.retry_delay_ms, s.live, s.live_reason,
                    s.objects);
  };
  return parts(a) == parts(b);
}

// As the row before and after says.
const char* operation_of(const Rejection& rejection) {
  if (rejection.before.empty()) return "insert";
  return rejection.after.empty() ? "delete" : "update";
}

}  // namespace

const char* origin_name(Origin origin) noexcept {
  return origin == Origin::local ? "local" : "remote";
}

// The engine writes rows: nothing is told about the file in between, and what local programs wrote
// before is told first.
class SyncEngine::Impl::EngineWrite final : public WriteScope {
 public:
  explicit EngineWrite(Impl& impl) : impl_(impl), lock_(impl.feed_.lock()) {}
  ~EngineWrite() override {
    lock_.unlock();
    impl_.dispatcher_.announce();
    impl_.wake_watch_after_own_write();
  }
  Listing listing() override { return impl_.feed_.listing(); }
  void begun(const LocalDatabase& database) override { impl_.feed_.tell_local(database); }
  void renumbered(const LocalDatabase& database) override {
    impl_.feed_.skip_to(database.newest_write());
  }
  void applied(const RoundResult& round) override {
    for (const LocalChange& change : round.changes) impl_.feed_.tell(change, Origin::remote);
    impl_.feed_.note(round.objects);
    if (round.schema_changed) impl_.feed_.note_all();
  }
  void rejected(const std::vector<Rejection>& rejections) override {
    for (const Rejection& rejection : rejections) {
      impl_.feed_.note({rejection.object});
      if (rejection.before == rejection.after) continue;
      impl_.feed_.tell({rejection.object, rejection.record_id, operation_of(rejection),
                        rejection.before, rejection.after, std::nullopt},
                       Origin::remote);
    }
  }
  void edited(const LocalChange& change) override {
    impl_.feed_.note({change.object});
    impl_.feed_.tell(change, Origin::local);
  }

 private:
  Impl& impl_;
  std::unique_lock<std::mutex> lock_;
};

template <typename Event>
void SyncEngine::Impl::tell(const Listeners<Event>& listeners, const Event& event,
                            const std::string& replaces) {
  if (listeners.empty()) return;
  dispatcher_.post([listeners, event, report = report_] { return listeners.call(event, report); },
                   replaces);
}

SessionEvents SyncEngine::Impl::session_events() {
  SessionEvents events;
  events.progress = [this](const Progress& progress) { tell_progress(progress); };
  events.verdict = [this](const Verdict& verdict) { tell(verdict_listeners, verdict); };
  events.rejection = [this](const RejectedMutation& rejected) {
    tell(rejection_listeners, rejected);
  };
  events.begin_write = [this] { return std::make_unique<EngineWrite>(*this); };
  events.stored = [this](const LocalDatabase& database) { tell_status(&database); };
  events.log = [this](LogLevel level, const std::string& text) { log(level, text); };
  events.now_ms = options_.timing.now_ms;
  return events;
}

// Each phase is told; of its reports that wait, only the last.
void SyncEngine::Impl::tell_progress(Progress progress) {
  progress.push_total = std::max(progress.push_total, progress.pushed);
  estimate_.complete(progress, options_.timing.now_ms());
  {
    std::lock_guard lock(state_mutex_);
    progress_ = progress;
  }
  tell(progress_listeners, progress, std::string("progress ") + phase_name(progress.phase));
  tell_status();
  dispatcher_.announce();
}

void SyncEngine::Impl::note_conflicts(const LocalDatabase& database) {
  std::vector<std::string> open;
  for (const LocalConflict& local : database.conflicts()) {
    open.push_back(local.conflict_id);
    bool known = std::find(known_conflicts_.begin(), known_conflicts_.end(), local.conflict_id) !=
                 known_conflicts_.end();
    if (!known) tell(conflict_listeners, public_form(local));
  }
  known_conflicts_ = std::move(open);
  tell_status(&database);
}

void SyncEngine::Impl::tell_status(const LocalDatabase* database) {
  if (status_listeners_.empty()) return;
  std::lock_guard lock(status_mutex_);
  if (database != nullptr) describe_file(file_status_, *database);
  Status now = file_status_;
  describe_engine(now);
  if (same(now, told_status_)) return;
  told_status_ = now;
  tell(status_listeners_, now);
}

Subscription SyncEngine::Impl::on_status(std::function<void(const Status&)> callback) {
  Subscription token;
  {
    std::lock_guard lock(status_mutex_);
    if (status_listeners_.empty()) {
      try {
        describe_file(file_status_);
      } catch (const StoreError&) {  // there is no file yet, or none that can be read
        file_status_ = {};
      }
      told_status_ = file_status_;
      describe_engine(told_status_);
    }
    token = status_listeners_.add(std::move(callback));
  }
  ensure_watched();
  return token;
}

Subscription SyncEngine::Impl::on_change(const std::string& object,
                                         std::function<void(const Change&)> callback) {
  Subscription token = feed_.listen(object, std::move(callback), [this]() -> std::int64_t {
    try {
      return open_beside()->newest_write();
    } catch (const StoreError&) {
      return 0;  // there is no file yet: a new one begins at 0
    }
  });
  ensure_watched();
  return token;
}

Subscription SyncEngine::Impl::watch(const std::string& sql, const std::vector<Value>& parameters,
                                     std::function<void(const QueryChange&)> callback) {
  translated([&] { open_beside()->check_query(sql, parameters); });
  Subscription token = queries_.add(sql, parameters, std::move(callback));
  ensure_watched();
  return token;
}

bool SyncEngine::Impl::watch_is_needed() const {
  return feed_.listened() || !status_listeners_.empty() || !queries_.empty() || !resolvers_.empty();
}

// What the engine writes it tells by itself; so a watch that has nothing else to look after sleeps
// on, and leaves the processor to who is told.
void SyncEngine::Impl::wake_watch_after_own_write() {
  const bool more = !status_listeners_.empty() || !queries_.empty() || !resolvers_.empty();
  if (more || watch_missed_) watch_.wake();
}

void SyncEngine::Impl::ensure_watched() {
  if (!watch_is_needed()) return;
  watch_.start();
  watch_.wake();
}

// On the watch's thread.
void SyncEngine::Impl::look_at_file() {
  try {
    if (watch_is_needed()) return look_at(watched_file());
    std::lock_guard lock(watch_mutex_);
    watched_.reset();
  } catch (const StoreError& error) {
    const bool quiet =
        error.kind == StoreErrorKind::not_found || error.kind == StoreErrorKind::incomplete;
    if (!quiet) log(LogLevel::debug, std::string("Could not look at the file: ") + error.what());
    feed_.note_all();  // what was to be looked at is looked at again
    std::lock_guard lock(watch_mutex_);
    watched_.reset();
  } catch (const std::exception& error) {
    log(LogLevel::error, error.what());
    feed_.note_all();
    seen_version_ = -1;
  }
}

std::shared_ptr<LocalDatabase> SyncEngine::Impl::watched_file() {
  std::lock_guard lock(watch_mutex_);
  if (watched_ && !watched_->is_current()) watched_.reset();
  if (!watched_) {
    watched_ = open_beside();
    seen_version_ = -1;
    feed_.note_all();
  }
  return watched_;
}

void SyncEngine::Impl::look_at(const std::shared_ptr<LocalDatabase>& file) {
  TablesChanged changed;
  {
    // While the engine writes there is nothing to see; it wakes the watch afterwards.
    std::unique_lock lock(feed_.lock(), std::try_to_lock);
    if (!lock) {
      watch_missed_ = true;
      if (!lock.try_lock()) return;  // whoever has it unlocks it first, and then sees that
    }
    watch_missed_ = false;
    const std::int64_t version = file->data_version();
    const bool asked = resolvers_.take_newly_set() || queries_.some_never_ran();
    if (version == seen_version_ && !asked) return;
    seen_version_ = version;
    feed_.tell_local(*file);
    changed = feed_.tables_changed(*file);
  }
  tell_status(file.get());
  resolvers_.ask(*file);
  dispatcher_.announce();
  if (watch_.ends()) return;
  queries_.run(*file, changed);
  dispatcher_.announce();
}

void SyncEngine::Impl::stop_watching() {
  {
    std::lock_guard lock(watch_mutex_);
    if (watched_) watched_->interrupt();
  }
  watch_.stop();
  dispatcher_.stop();
}

}  // namespace objectos
