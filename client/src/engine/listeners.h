// A set of callbacks that may be added, removed and called from any thread. Callbacks run without
// the lock, on a copy of the list: they may add and remove.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "objectos/sync_engine.h"

namespace objectos {

template <typename Event>
class Listeners {
 public:
  using Callback = std::function<void(const Event&)>;

  Subscription add(Callback callback) {
    std::lock_guard lock(state_->mutex);
    std::int64_t id = state_->next_id++;
    state_->callbacks[id] = std::make_shared<Callback>(std::move(callback));
    std::weak_ptr<State> weak = state_;
    return Subscription([weak, id] {
      if (auto state = weak.lock()) {
        std::lock_guard inner(state->mutex);
        state->callbacks.erase(id);
      }
    });
  }

  bool empty() const {
    std::lock_guard lock(state_->mutex);
    return state_->callbacks.empty();
  }

  void call(const Event& event) {
    std::map<std::int64_t, std::shared_ptr<Callback>> callbacks;
    {
      std::lock_guard lock(state_->mutex);
      callbacks = state_->callbacks;
    }
    for (auto& [id, callback] : callbacks) (*callback)(event);
  }

 private:
  struct State {
    std::mutex mutex;
    std::int64_t next_id = 1;
    std::map<std::int64_t, std::shared_ptr<Callback>> callbacks;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace objectos
