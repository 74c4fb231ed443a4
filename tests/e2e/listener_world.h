// A server with contacts, a phone's file, and lists of what a listener heard.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "objectos/sync_engine.h"
#include "tests/e2e/support.h"

namespace e2e {

// What callbacks on other threads note down, and the test waits for.
template <typename Event>
class Heard {
 public:
  void note(const Event& event) {
    std::lock_guard lock(mutex_);
    events_.push_back(event);
    moved_.notify_all();
  }
  // Waits until there are so many; fewer when the time is up.
  std::vector<Event> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    moved_.wait_for(lock, std::chrono::seconds(20), [&] { return events_.size() >= count; });
    return events_;
  }
  template <typename Condition>
  bool wait_until(Condition condition) {
    std::unique_lock lock(mutex_);
    return moved_.wait_for(lock, std::chrono::seconds(20), [&] { return condition(events_); });
  }
  std::vector<Event> all() { return wait_for(0); }
  std::function<void(const Event&)> listener() {
    return [this](const Event& event) { note(event); };
  }

 private:
  std::mutex mutex_;
  std::condition_variable moved_;
  std::vector<Event> events_;
};

struct Contacts {
  Server server;
  Directory directory;
  std::string phone = directory.file("phone.db");

  explicit Contacts(const std::string& enable = "SELECT sync_enable('contacts')") {
    server.exec("CREATE TABLE contacts (id int PRIMARY KEY, name text, city text)");
    server.exec(enable);
    server.exec("INSERT INTO contacts VALUES (1, 'Ada', 'London'), (2, 'Grace', 'New York')");
  }
  // Does nothing by itself for a minute.
  objectos::Options options() const {
    objectos::Options made{.database = phone, .server = server.conninfo()};
    made.live = false;
    made.timing.interval = std::chrono::seconds(60);
    made.timing.push_age = std::chrono::milliseconds(0);
    made.timing.backoff_first = std::chrono::milliseconds(20);
    made.timing.backoff_max = std::chrono::milliseconds(100);
    made.timing.watch_interval = std::chrono::milliseconds(10);
    return made;
  }
};

// "local update 1 {…} -> {…}"
inline std::string line(const objectos::Change& change) {
  return std::string(objectos::origin_name(change.origin)) + " " + change.operation + " " +
         change.record_id + " " + change.before + " -> " + change.after;
}

inline std::vector<std::string> lines(const std::vector<objectos::Change>& changes) {
  std::vector<std::string> texts;
  for (const auto& change : changes) texts.push_back(line(change));
  return texts;
}

}  // namespace e2e
