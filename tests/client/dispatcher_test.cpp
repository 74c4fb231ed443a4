// Where and in which order callbacks run. Races: tasks are posted by several threads while one
// delivers; tokens are destroyed while their callback runs; stop() while tasks wait. Invariants:
// one task at a time, in the order posted; no callback begins after its token is gone.
#include "engine/dispatcher.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <atomic>
#include <thread>
#include <vector>

#include "engine/listeners.h"

using namespace objectos;
using namespace std::chrono_literals;

namespace {

// A number counted up by one thread and awaited by another.
class Gate {
 public:
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    moved_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return moved_.wait_for(lock, 20s, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable moved_;
  bool open_ = false;
};

bool readable(int descriptor) {
  pollfd one{descriptor, POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

void post(Dispatcher& dispatcher, Dispatcher::Task task) {
  dispatcher.post(std::move(task));
  dispatcher.announce();
}

}  // namespace

TEST_CASE("tasks of several threads run one at a time, each thread's in its order") {
  Dispatcher dispatcher({});
  std::atomic<int> running{0}, overlaps{0};
  std::vector<int> told[3];
  std::vector<std::thread> posters;
  for (int poster = 0; poster < 3; ++poster) {
    posters.emplace_back([&, poster] {
      for (int i = 0; i < 500; ++i) {
        post(dispatcher, [&, poster, i] {
          if (++running != 1) ++overlaps;
          told[poster].push_back(i);
          --running;
          return 1;
        });
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  CHECK(dispatcher.drain(20s));
  CHECK(overlaps == 0);
  for (const auto& list : told) {
    REQUIRE(list.size() == 500);
    for (int i = 0; i < 500; ++i) CHECK(list[static_cast<std::size_t>(i)] == i);
  }
}

TEST_CASE("stop() tells what waits and ends the thread; the next event begins one anew") {
  Dispatcher dispatcher({});
  std::vector<std::thread::id> threads;
  const auto note = [&] {
    threads.push_back(std::this_thread::get_id());
    return 1;
  };
  for (int i = 0; i < 10; ++i) post(dispatcher, note);
  dispatcher.stop();
  CHECK(threads.size() == 10);
  post(dispatcher, note);
  dispatcher.stop();
  dispatcher.stop();
  REQUIRE(threads.size() == 11);
  for (std::thread::id thread : threads) CHECK(thread != std::this_thread::get_id());
}

TEST_CASE("a callback may stop the delivery it runs in; what waits is told all the same") {
  Dispatcher dispatcher({});
  std::atomic<int> told{0};
  dispatcher.post([&] {
    dispatcher.stop();
    CHECK_FALSE(dispatcher.drain(20s));
    return ++told;
  });
  dispatcher.post([&] { return ++told; });
  dispatcher.announce();
  CHECK(dispatcher.drain(20s));
  CHECK(told == 2);
  post(dispatcher, [&] { return ++told; });
  CHECK(dispatcher.drain(20s));
  CHECK(told == 3);
}

TEST_CASE("with polling nothing runs before poll(), and the descriptor says that something waits") {
  int woken = 0;
  Dispatcher dispatcher({.delivery = Delivery::poll, .on_waiting = [&] { ++woken; }});
  const int descriptor = dispatcher.wakeup_fd();
  REQUIRE(descriptor >= 0);
  CHECK_FALSE(readable(descriptor));
  std::vector<std::thread::id> threads;
  const auto note = [&] {
    threads.push_back(std::this_thread::get_id());
    return 2;
  };
  post(dispatcher, note);
  post(dispatcher, note);
  CHECK(threads.empty());
  CHECK(woken == 1);
  CHECK(readable(descriptor));
  CHECK(dispatcher.poll(0ms) == 4);
  CHECK_FALSE(readable(descriptor));
  CHECK(dispatcher.poll(0ms) == 0);
  REQUIRE(threads.size() == 2);
  CHECK(threads[1] == std::this_thread::get_id());
  post(dispatcher, note);
  CHECK(woken == 2);
  CHECK(dispatcher.drain(20s));
  CHECK(threads.size() == 3);
  CHECK(Dispatcher({}).wakeup_fd() == -1);
}

TEST_CASE("poll() waits for the first event") {
  Dispatcher dispatcher({.delivery = Delivery::poll});
  std::thread poster([&] { post(dispatcher, [] { return 1; }); });
  CHECK(dispatcher.poll(20s) == 1);
  poster.join();
}

TEST_CASE("an executor gets one function at a time, and none that outlives the engine runs") {
  std::vector<std::function<void()>> handed;
  std::vector<int> told;
  {
    Dispatcher dispatcher({.delivery = Delivery::executor,
                           .executor = [&](std::function<void()> run) { handed.push_back(run); }});
    for (int i = 0; i < 3; ++i) {
      post(dispatcher, [&told, i] {
        told.push_back(i);
        return 1;
      });
    }
    REQUIRE(handed.size() == 1);
    CHECK(told.empty());
    handed[0]();
    CHECK(told == std::vector<int>{0, 1, 2});
    CHECK(handed.size() == 1);
    post(dispatcher, [&told] {
      told.push_back(3);
      return 1;
    });
    CHECK(handed.size() == 2);
  }
  handed[1]();
  CHECK(told == std::vector<int>{0, 1, 2});
}

TEST_CASE("a report that only matters in its last state takes the place of the one that waits") {
  Dispatcher dispatcher({.delivery = Delivery::poll});
  std::vector<int> told;
  const auto note = [&](int what) {
    return [&told, what] {
      told.push_back(what);
      return 1;
    };
  };
  dispatcher.post(note(1), "progress");
  dispatcher.post(note(2), "progress");
  dispatcher.post(note(3));
  dispatcher.post(note(4), "progress");
  CHECK(dispatcher.drain(20s));
  CHECK(told == std::vector<int>{2, 3, 4});
}

TEST_CASE("what a listener throws is reported and stops neither the others nor the next event") {
  Listeners<int> listeners;
  int heard = 0;
  std::vector<std::string> reports;
  auto bad = listeners.add([](const int&) { throw std::runtime_error("broken"); });
  auto worse = listeners.add([](const int&) { throw 7; });
  auto good = listeners.add([&](const int& event) { heard += event; });
  const ErrorReport report = [&](const std::string& text) { reports.push_back(text); };
  CHECK(listeners.call(5, report) == 3);
  CHECK(listeners.call(5, report) == 3);
  CHECK(heard == 10);
  REQUIRE(reports.size() == 4);
  CHECK(reports[0].find("broken") != std::string::npos);
}

TEST_CASE("destroying a token waits for its callback on another thread, which never starts again") {
  Listeners<int> listeners;
  Gate begun, go_on;
  std::atomic<bool> ended{false};
  auto token = listeners.add([&](const int&) {
    begun.open();
    go_on.wait();
    ended = true;
  });
  std::thread caller([&] { listeners.call(1, {}); });
  REQUIRE(begun.wait());
  std::thread helper([&] { go_on.open(); });
  token.cancel();
  CHECK(ended);
  CHECK(listeners.call(1, {}) == 0);
  helper.join();
  caller.join();
}

TEST_CASE("a callback may destroy its own token and outlive the set") {
  auto listeners = std::make_unique<Listeners<int>>();
  int heard = 0;
  Subscription token;
  token = listeners->add([&](const int&) {
    ++heard;
    token.cancel();
  });
  CHECK(listeners->call(1, {}) == 1);
  CHECK(listeners->call(1, {}) == 0);
  CHECK(heard == 1);
  auto other = listeners->add([](const int&) {});
  listeners.reset();
  other.cancel();
}
