// The background loop: sync, pause, again; patient after failures.
#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/engine_impl.h"
#include "protocol/timestamp.h"

namespace objectos {

// The joins happen without state_mutex_: the loop takes it on its way out.
void SyncEngine::Impl::start() {
  ensure_watched();
  if (const auto presence = known_presence_hub()) presence->start();
  // From a callback on the loop's own thread: it runs already.
  if (loop_thread_.load() == std::this_thread::get_id()) return;
  std::lock_guard lifecycle(lifecycle_mutex_);
  {
    std::lock_guard lock(state_mutex_);
    if (loop_running_ && !stopping_) return;
  }
  if (loop_.joinable()) loop_.join();
  cancel_exchange(false);
  if (options_.live) wake_signal_.open();
  std::lock_guard lock(state_mutex_);
  stopping_ = false;
  loop_running_ = true;
  loop_ = std::thread([this] { run_loop(); });
}

void SyncEngine::Impl::stop() {
  if (const auto presence = known_presence_hub()) presence->stop();
  {
    std::lock_guard lock(state_mutex_);
    stopping_ = true;
  }
  cancel_exchange(true);
  wake_loop();
  // From a log callback on the thread that works: it ends after it; the destructor joins.
  const std::thread::id self = std::this_thread::get_id();
  if (loop_thread_.load() == self || worker_.load() == self) return;
  {
    std::lock_guard lifecycle(lifecycle_mutex_);
    if (loop_.joinable()) loop_.join();
    std::lock_guard idle(work_mutex_);  // a sync_now() of another thread has seen it
    cancel_exchange(false);
  }
  stop_watching();
}

// From `wanted` on the running exchange and every other one fails, until it is not wanted any more.
void SyncEngine::Impl::cancel_exchange(bool wanted) {
  std::lock_guard lock(transport_mutex_);
  cancelling_ = wanted;
  if (!transport_) return;
  if (wanted)
    transport_->cancel();
  else
    transport_->allow();
}

void SyncEngine::Impl::pause_loop() {
  {
    std::lock_guard lock(state_mutex_);
    paused_ = true;
    wake_loop();
  }
  tell_status();
  dispatcher_.announce();
}

void SyncEngine::Impl::resume_loop() {
  {
    std::lock_guard lock(state_mutex_);
    if (!paused_) return;
    paused_ = false;
    sync_wanted_ = true;
    wake_loop();
  }
  tell_status();
  dispatcher_.announce();
}

void SyncEngine::Impl::sync_soon() {
  std::lock_guard lock(state_mutex_);
  sync_wanted_ = true;
  wake_loop();
}

// On the loop's thread. Costs a look at unchanged memory while nobody writes.
bool SyncEngine::Impl::edits_are_due() {
  try {
    if (!loop_file_ || !loop_file_->is_current()) {
      loop_file_.reset();
      loop_file_ = open_beside();
      loop_seen_ = -1;
    }
    const std::int64_t version = loop_looked_ = loop_file_->data_version();
    if (version != loop_seen_) oldest_edit_ = loop_file_->oldest_pending(edits_sent_for_);
    loop_seen_ = version;
    const auto written_us = parse_timestamp(oldest_edit_);
    if (!written_us) return false;
    const std::int64_t age_ms = options_.timing.now_ms() - *written_us / 1000;
    if (!options_.live && age_ms < options_.timing.push_age.count()) return false;
    // What that sync leaves behind waits for the interval, or this would go on and on.
    edits_sent_for_ = loop_file_->newest_write();
    loop_seen_ = -1;
    return true;
  } catch (const StoreError&) {  // the next sync says what is wrong with the file
    loop_file_.reset();
    return false;
  }
}

// Until the time is up, somebody wants something, or an edit has waited long enough.
void SyncEngine::Impl::wait_in_pause(std::unique_lock<std::mutex>& lock,
                                     std::int64_t milliseconds) {
  using Clock = std::chrono::steady_clock;
  const auto wanted = [this] { return stopping_ || paused_ || sync_wanted_; };
  const Clock::time_point end = Clock::now() + std::chrono::milliseconds(milliseconds);
  const bool patient = retry_delay_ms_ > 0 || options_.timing.push_age.count() <= 0;
  const auto step = std::clamp(options_.timing.push_age / 2, std::chrono::milliseconds(10),
                               std::chrono::milliseconds(1'000));
  while (!wake_.wait_until(lock, patient ? end : std::min(end, Clock::now() + step), wanted)) {
    if (Clock::now() >= end) return;
    lock.unlock();
    const bool due = edits_are_due();
    lock.lock();
    if (due) return;
  }
}

// The pause between two syncs, or while the app holds the loop. False: the loop ends.
bool SyncEngine::Impl::pause(std::int64_t milliseconds) {
  {
    std::lock_guard lock(state_mutex_);
    loop_waiting_ = true;
  }
  tell_status();
  dispatcher_.announce();
  std::unique_lock lock(state_mutex_);
  if (options_.live) {
    do {
      lock.unlock();
      wait_live(milliseconds);
      lock.lock();
    } while (paused_ && !stopping_);
  } else {
    wait_in_pause(lock, milliseconds);
    wake_.wait(lock, [this] { return stopping_ || !paused_; });
  }
  loop_waiting_ = false;
  if (std::exchange(sync_wanted_, false)) live_state_.whole = true;
  return !stopping_;
}

// What a person must mend. A wrong option (no such database, say) is that until a sync has ended
// well; after that the server has changed, and may change back: a database is gone while it is
// restored.
bool SyncEngine::Impl::ends_loop(ErrorClass kind) {
  std::lock_guard lock(state_mutex_);
  if (kind == ErrorClass::usage) return !synced_once_;
  return kind == ErrorClass::auth || kind == ErrorClass::fork || kind == ErrorClass::upgrade;
}

// After a failure: how long the loop waits before it tries again.
std::int64_t SyncEngine::Impl::back_off() {
  if (options_.live) set_live(Live::reconnecting);
  std::lock_guard lock(state_mutex_);
  return retry_delay_ms_ = backoff_.next_delay_ms(options_.timing.random());
}

// One sync of the loop and the pause after it. False: an error that the loop cannot mend.
bool SyncEngine::Impl::sync_in_loop(std::int64_t& delay_ms) {
  try {
    if (options_.live)
      sync_live();
    else
      sync(true, true);
    std::lock_guard lock(state_mutex_);
    backoff_.reset();
    retry_delay_ms_ = 0;
    delay_ms = options_.live ? 0 : options_.timing.interval.count();
  } catch (const Error& error) {
    log(LogLevel::warning, error.message());
    delay_ms = back_off();
    return !ends_loop(error.error_class());
  } catch (const std::exception& error) {  // bad_alloc: told, and tried again
    log(LogLevel::error, error.what());
    delay_ms = options_.timing.backoff_first.count();
  }
  return true;
}

void SyncEngine::Impl::run_loop() {
  loop_thread_ = std::this_thread::get_id();
  std::int64_t delay_ms = 0;
  bool goes_on = true;
  {
    std::unique_lock lock(state_mutex_);
    goes_on = !paused_;
  }
  live_state_.begin_anew();
  if (options_.live) set_live(Live::reconnecting);
  if (!goes_on) goes_on = pause(0);
  while (goes_on) goes_on = sync_in_loop(delay_ms) && pause(delay_ms);
  {
    std::lock_guard lock(state_mutex_);
    loop_running_ = false;
    progress_.phase = Phase::stopped;
    loop_thread_ = std::thread::id{};
    loop_file_.reset();
    wake_.notify_all();  // nobody waits for a loop that has ended
  }
  if (options_.live) leave_live();
  tell_status();
  dispatcher_.announce();
}

bool SyncEngine::Impl::wait_until_synced(std::chrono::milliseconds timeout) {
  auto deadline = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(state_mutex_);
  std::int64_t before = syncs_begun_;
  while (true) {
    sync_wanted_ = true;
    wake_loop();
    bool done = wake_.wait_until(lock, deadline,
                                 [&] { return last_good_sync_ > before || !loop_running_; });
    if (!done || !loop_running_) return false;
    before = syncs_begun_;
    lock.unlock();
    bool empty = pending().empty();
    lock.lock();
    if (empty) return true;
  }
}

}  // namespace objectos
