// A set of callbacks that may be added, removed and called from any thread.
//
// Invariants: callbacks run without a lock on the set, on a copy of the list: they may add and
// remove. Once remove() has returned, the callback does not start again, and does not run on
// another thread. A callback's exception is reported and stops no other callback.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "objectos/sync_engine.h"

namespace objectos {

using ErrorReport = std::function<void(const std::string&)>;

// One callback. Only one thread at a time calls it; the delivery sees to that.
template <typename Event>
class Listener {
 public:
  using Callback = std::function<void(const Event&)>;
  Listener(Callback callback, std::string object)
      : callback_(std::move(callback)), object_(std::move(object)) {}

  const std::string& object() const { return object_; }

  // False when it was removed before.
  bool call(const Event& event, const ErrorReport& report) {
    {
      std::lock_guard lock(mutex_);
      if (removed_) return false;
      running_ = std::this_thread::get_id();
    }
    try {
      callback_(event);
    } catch (const std::exception& error) {
      if (report) report(std::string("A listener threw: ") + error.what());
    } catch (...) {
      if (report) report("A listener threw something that is no exception.");
    }
    std::lock_guard lock(mutex_);
    running_ = std::thread::id{};
    ended_.notify_all();
    return true;
  }

  void remove() {
    std::unique_lock lock(mutex_);
    removed_ = true;
    if (running_ == std::this_thread::get_id()) return;
    ended_.wait(lock, [this] { return running_ == std::thread::id{}; });
  }

 private:
  const Callback callback_;
  const std::string object_;  // what it listens to; empty: all
  std::mutex mutex_;
  std::condition_variable ended_;
  std::thread::id running_{};
  bool removed_ = false;
};

// A copy shares the set, so that an event on its way keeps it alive.
template <typename Event>
class Listeners {
 public:
  using Callback = typename Listener<Event>::Callback;

  Subscription add(Callback callback, const std::string& object = {}) {
    auto listener = std::make_shared<Listener<Event>>(std::move(callback), object);
    std::lock_guard lock(state_->mutex);
    const std::int64_t id = state_->next_id++;
    state_->listeners[id] = listener;
    std::weak_ptr<State> weak = state_;
    return Subscription([weak, id, listener] {
      if (auto state = weak.lock()) {
        std::lock_guard inner(state->mutex);
        state->listeners.erase(id);
      }
      listener->remove();
    });
  }

  bool empty() const {
    std::lock_guard lock(state_->mutex);
    return state_->listeners.empty();
  }

  // In the order they came.
  std::map<std::int64_t, std::shared_ptr<Listener<Event>>> all() const {
    std::lock_guard lock(state_->mutex);
    return state_->listeners;
  }

  // How many callbacks ran.
  int call(const Event& event, const ErrorReport& report) const {
    int ran = 0;
    for (const auto& [id, listener] : all()) ran += listener->call(event, report) ? 1 : 0;
    return ran;
  }

 private:
  struct State {
    std::mutex mutex;
    std::int64_t next_id = 1;
    std::map<std::int64_t, std::shared_ptr<Listener<Event>>> listeners;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace objectos
