// The background loop: sync, pause, again; patient after failures.
#include <chrono>

#include "engine/engine_impl.h"

namespace objectos {

// The joins happen without state_mutex_: the loop takes it on its way out.
void SyncEngine::Impl::start() {
  // From a callback on the loop's own thread: it runs already.
  if (loop_thread_.load() == std::this_thread::get_id()) return;
  std::lock_guard lifecycle(lifecycle_mutex_);
  {
    std::lock_guard lock(state_mutex_);
    if (loop_running_ && !stopping_) return;
  }
  if (loop_.joinable()) loop_.join();
  {
    std::lock_guard lock(transport_mutex_);
    if (transport_) transport_->allow();
  }
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
  {
    std::lock_guard lock(transport_mutex_);
    if (transport_) transport_->cancel();
  }
  wake_.notify_all();
  // From a callback on the loop's own thread: the loop ends after it; the destructor joins.
  if (loop_thread_.load() == std::this_thread::get_id()) return;
  std::lock_guard lifecycle(lifecycle_mutex_);
  if (loop_.joinable()) loop_.join();
  std::lock_guard lock(transport_mutex_);
  if (transport_) transport_->allow();
}

bool SyncEngine::Impl::pause(std::int64_t milliseconds) {
  std::unique_lock lock(state_mutex_);
  loop_waiting_ = true;
  wake_.wait_for(lock, std::chrono::milliseconds(milliseconds),
                 [this] { return stopping_ || sync_wanted_; });
  loop_waiting_ = false;
  sync_wanted_ = false;
  return !stopping_;
}

void SyncEngine::Impl::run_loop() {
  loop_thread_ = std::this_thread::get_id();
  std::int64_t delay_ms = 0;
  do {
    bool fatal = false;
    try {
      sync(true, true);
      std::lock_guard lock(state_mutex_);
      backoff_.reset();
      retry_delay_ms_ = 0;
      delay_ms = options_.timing.interval.count();
    } catch (const Error& error) {
      log(LogLevel::warning, error.message());
      ErrorClass kind = error.error_class();
      fatal = kind == ErrorClass::auth || kind == ErrorClass::fork || kind == ErrorClass::upgrade;
      std::lock_guard lock(state_mutex_);
      delay_ms = retry_delay_ms_ = backoff_.next_delay_ms(options_.timing.random());
    } catch (const std::exception& error) {
      // bad_alloc, or what a listener threw: told, and tried again.
      log(LogLevel::error, error.what());
      delay_ms = options_.timing.backoff_first.count();
    }
    try {
      status_listeners.call(status());
    } catch (const std::exception& error) {
      log(LogLevel::error, error.what());
    }
    if (fatal) break;
  } while (pause(delay_ms));
  std::lock_guard lock(state_mutex_);
  loop_running_ = false;
  progress_.phase = Phase::stopped;
  loop_thread_ = std::thread::id{};
  wake_.notify_all();  // nobody waits for a loop that has ended
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
