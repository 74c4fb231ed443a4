// Tells events: runs tasks one after the other, in the order they were posted, where the app wants
// its callbacks.
//
// Threads: every member may be called from any thread. post() never runs a task and never calls
// the app, so it may be called under a lock; announce() may call the app (executor, on_waiting) and
// must not. Invariant: at most one task runs at a time.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "objectos/types.h"

namespace objectos {

class Dispatcher {
 public:
  using Task = std::function<int()>;  // how many callbacks it ran
  struct Ways {
    Delivery delivery = Delivery::thread;
    std::function<void(std::function<void()>)> executor{};
    std::function<void()> on_waiting{};
    std::function<void(const std::string&)> report{};  // what the executor threw
  };

  explicit Dispatcher(Ways ways);
  // What still waits is not told any more; stop() first.
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // `replaces`: not empty, and the newest waiting task has the same: takes its place. For what only
  // matters in its last state.
  void post(Task task, const std::string& replaces = {});
  // After post(), without locks: makes sure that somebody runs it.
  void announce();

  int poll(std::chrono::milliseconds timeout);
  int wakeup_fd();
  bool drain(std::chrono::milliseconds timeout);
  // Delivery::thread: runs what waits and ends the thread, which the next post() begins again. From
  // within a task the thread ends after it.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace objectos
