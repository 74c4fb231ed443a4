// The background loop: sync, pause, again; patient after failures.
#include <chrono>

#include "engine/engine_impl.h"

namespace objectos {

// The joins happen without state_mutex_: the loop takes it on its way out.
void SyncEngine::Impl::start() {
  ensure_watched();
  // From a callback on the loop's own thread: it runs already.
  if (loop_thread_.load() == std::this_thread::get_id()) return;
  std::lock_guard lifecycle(lifecycle_mutex_);
  {
    std::lock_guard lock(state_mutex_);
    if (loop_running_ && !stopping_) return;
  }
  if (loop_.joinable()) loop_.join();
  cancel_exchange(false);
  std::lock_guard lock(state_mutex_);
  stopping_ = false;
  loop_running_ = true;
  loop_ = std::thread([this] { run_loop(); });
}

void SyncEngine::Impl::stop() {
  {
    std::lock_guard lock(state_mutex_);
    stopping_ = true;
  }
  cancel_exchange(true);
  wake_.notify_all();
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
    wake_.notify_all();
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
    wake_.notify_all();
  }
  tell_status();
  dispatcher_.announce();
}

void SyncEngine::Impl::sync_soon() {
  std::lock_guard lock(state_mutex_);
  sync_wanted_ = true;
  wake_.notify_all();
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
  const auto wanted = [this] { return stopping_ || paused_ || sync_wanted_; };
  wake_.wait_for(lock, std::chrono::milliseconds(milliseconds), wanted);
  wake_.wait(lock, [this] { return stopping_ || !paused_; });
  loop_waiting_ = false;
  sync_wanted_ = false;
  return !stopping_;
}

// One sync of the loop and the pause after it. False: an error that the loop cannot mend.
bool SyncEngine::Impl::sync_in_loop(std::int64_t& delay_ms) {
  try {
    sync(true, true);
    std::lock_guard lock(state_mutex_);
    backoff_.reset();
    retry_delay_ms_ = 0;
    delay_ms = options_.timing.interval.count();
  } catch (const Error& error) {
    log(LogLevel::warning, error.message());
    {
      std::lock_guard lock(state_mutex_);
      delay_ms = retry_delay_ms_ = backoff_.next_delay_ms(options_.timing.random());
    }
    ErrorClass kind = error.error_class();
    return kind != ErrorClass::auth && kind != ErrorClass::fork && kind != ErrorClass::upgrade;
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
  if (!goes_on) goes_on = pause(0);
  while (goes_on) goes_on = sync_in_loop(delay_ms) && pause(delay_ms);
  {
    std::lock_guard lock(state_mutex_);
    loop_running_ = false;
    progress_.phase = Phase::stopped;
    loop_thread_ = std::thread::id{};
    wake_.notify_all();  // nobody waits for a loop that has ended
  }
  tell_status();
  dispatcher_.announce();
}

bool SyncEngine::Impl::wait_until_synced(std::chrono::milliseconds timeout) {
  auto deadline = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(state_mutex_);
  std::int64_t before = syncs_begun_;
  while (true) {
    sync_wanted_ = true;
    wake_.notify_all();
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
