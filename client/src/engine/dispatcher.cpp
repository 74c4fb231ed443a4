#include "engine/dispatcher.h"

#include <fcntl.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace objectos {

namespace {

struct Waiting {
  Dispatcher::Task task;
  std::string replaces;
};

}  // namespace

// Shared with the thread and with what the executor holds: both may outlive the dispatcher.
struct Dispatcher::State : std::enable_shared_from_this<Dispatcher::State> {
  explicit State(Ways made) : ways(std::move(made)) {}
  ~State() {
    for (int end : wakeup) {
      if (end >= 0) ::close(end);
    }
  }

  using Lock = std::unique_lock<std::mutex>;

  bool inside() const { return runner == std::this_thread::get_id(); }

  // Runs the oldest. Called and left with the lock held.
  int run_one(Lock& lock) {
    Waiting next = std::move(waiting.front());
    waiting.pop_front();
    if (waiting.empty()) drain_wakeup();
    runner = std::this_thread::get_id();
    lock.unlock();
    int ran = next.task();
    next = {};  // what it holds is given back without the lock
    lock.lock();
    runner = std::thread::id{};
    ++told;
    moved.notify_all();
    return ran;
  }

  void run_thread() {
    Lock lock(mutex);
    while (true) {
      moved.wait(lock, [this] { return !waiting.empty() || ending; });
      if (waiting.empty()) break;
      run_one(lock);
    }
    thread_runs = false;
    moved.notify_all();
  }

  // In the executor: what waits now, then gives others on its loop a turn.
  void run_batch() {
    {
      Lock lock(mutex);
      for (std::size_t left = waiting.size(); left > 0 && !closed && !waiting.empty(); --left)
        run_one(lock);
      scheduled = false;
    }
    schedule();
  }

  void schedule() {
    {
      Lock lock(mutex);
      if (scheduled || closed || waiting.empty()) return;
      scheduled = true;
    }
    std::weak_ptr<State> weak = weak_from_this();
    try {
      ways.executor([weak] {
        if (auto state = weak.lock()) state->run_batch();
      });
    } catch (const std::exception& error) {
      {
        Lock lock(mutex);
        scheduled = false;
      }
      if (ways.report) ways.report(std::string("The executor threw: ") + error.what());
    }
  }

  void drain_wakeup() {
    char bytes[16];
    while (wakeup[0] >= 0 && ::read(wakeup[0], bytes, sizeof bytes) > 0) {
    }
  }
  void fill_wakeup() {
    if (wakeup[1] >= 0) (void)!::write(wakeup[1], "!", 1);
  }

  const Ways ways;
  std::mutex mutex;
  std::condition_variable moved;
  std::deque<Waiting> waiting;
  std::uint64_t posted = 0, told = 0;
  std::thread::id runner{};  // who runs a task
  std::thread thread;
  bool thread_runs = false;
  bool ending = false;
  bool scheduled = false;  // the executor holds run_batch()
  bool announced = true;   // on_waiting was called since something began to wait
  bool closed = false;
  int wakeup[2] = {-1, -1};
};

Dispatcher::Dispatcher(Ways ways) : state_(std::make_shared<State>(std::move(ways))) {}

Dispatcher::~Dispatcher() {
  stop();
  State::Lock lock(state_->mutex);
  state_->closed = true;
  if (!state_->inside()) {
    state_->moved.wait(lock, [this] { return state_->runner == std::thread::id{}; });
  }
  // Destroyed by one of its own callbacks: the thread holds the state and ends after it.
  if (state_->thread.joinable()) state_->thread.detach();
}

void Dispatcher::post(Task task, const std::string& replaces) {
  State& state = *state_;
  std::lock_guard lock(state.mutex);
  if (state.closed) return;
  if (!replaces.empty() && !state.waiting.empty() && state.waiting.back().replaces == replaces) {
    state.waiting.back().task = std::move(task);
    return;
  }
  if (state.waiting.empty()) {
    state.announced = false;
    state.fill_wakeup();
  }
  state.waiting.push_back({std::move(task), replaces});
  ++state.posted;
  state.moved.notify_all();
}

void Dispatcher::announce() {
  State& state = *state_;
  if (state.ways.delivery == Delivery::executor) return state.schedule();
  {
    std::lock_guard lock(state.mutex);
    if (state.closed || state.waiting.empty()) return;
    if (state.ways.delivery == Delivery::thread) {
      if (state.thread_runs && !state.ending) return;
      if (state.inside()) return;  // stop() was called from a callback: the thread sees to it
      if (state.thread.joinable()) {
        if (state.thread_runs) return;
        state.thread.join();  // has left its loop
      }
      state.ending = false;
      state.thread_runs = true;
      state.thread = std::thread([held = state_] { held->run_thread(); });
      return;
    }
    if (state.announced) return;
    state.announced = true;
  }
  if (state.ways.on_waiting) state.ways.on_waiting();
}

int Dispatcher::poll(std::chrono::milliseconds timeout) {
  State& state = *state_;
  if (state.ways.delivery != Delivery::poll) return 0;
  State::Lock lock(state.mutex);
  if (state.inside()) return 0;
  const auto free = [&] { return !state.waiting.empty() && state.runner == std::thread::id{}; };
  if (!state.moved.wait_for(lock, timeout, free)) return 0;
  int ran = 0;
  for (std::size_t left = state.waiting.size(); left > 0 && free(); --left)
    ran += state.run_one(lock);
  return ran;
}

int Dispatcher::wakeup_fd() {
  State& state = *state_;
  std::lock_guard lock(state.mutex);
  if (state.ways.delivery != Delivery::poll) return -1;
  if (state.wakeup[0] >= 0) return state.wakeup[0];
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  for (int end : ends) {
    ::fcntl(end, F_SETFD, FD_CLOEXEC);
    ::fcntl(end, F_SETFL, O_NONBLOCK);
  }
  state.wakeup[0] = ends[0], state.wakeup[1] = ends[1];
  if (!state.waiting.empty()) state.fill_wakeup();
  return ends[0];
}

bool Dispatcher::drain(std::chrono::milliseconds timeout) {
  State& state = *state_;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  State::Lock lock(state.mutex);
  if (state.inside()) return false;
  const std::uint64_t wanted = state.posted;
  const auto done = [&] { return state.told >= wanted; };
  if (state.ways.delivery != Delivery::poll) return state.moved.wait_until(lock, deadline, done);
  while (!done()) {
    const auto free = [&] { return done() || state.runner == std::thread::id{}; };
    if (!state.moved.wait_until(lock, deadline, free)) return false;
    if (!done() && !state.waiting.empty()) state.run_one(lock);
    if (std::chrono::steady_clock::now() >= deadline) return done();
  }
  return true;
}

void Dispatcher::stop() {
  State& state = *state_;
  if (state.ways.delivery != Delivery::thread) return;
  std::thread ended;
  {
    State::Lock lock(state.mutex);
    if (!state.thread.joinable()) return;
    state.ending = true;
    state.moved.notify_all();
    if (state.inside()) return;
    state.moved.wait(lock, [&] { return !state.thread_runs; });
    ended.swap(state.thread);
    state.ending = false;
  }
  if (ended.joinable()) ended.join();
}

}  // namespace objectos
