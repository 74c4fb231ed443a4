// A burst of commits, two live devices and a third user's, all of them in one channel, and what
// each must have seen of it whatever breaks meanwhile: every change once and in order, and of
// everybody else exactly what happened.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "objectos/sync_engine.h"
#include "tests/e2e/presence_world.h"
#include "tests/e2e/replica.h"

namespace e2e {

// One writer: commit number n inserts note 1000 + n and writes n into note 1. A commit whose answer
// is lost is made again, which changes nothing if it was made.
class Writer {
 public:
  explicit Writer(const Server& server)
      : conninfo_(server.conninfo()), thread_([this] { run(); }) {}
  ~Writer() { stop(); }
  // Commits that were answered. A commit is visible before it is counted.
  int last() const { return last_; }
  void wait_for_more(int commits) const {
    const int wanted = last_ + commits;
    REQUIRE(soon([&] { return last_ >= wanted; }));
  }
  int stop() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
    return last_;
  }

 private:
  void run() {
    PGconn* connection = PQconnectdb(conninfo_.c_str());
    while (!done_) {
      const std::string n = std::to_string(last_ + 1);
      PGresult* result = PQexec(connection, ("INSERT INTO notes VALUES (1000 + " + n +
                                             ", 'x') ON CONFLICT DO NOTHING;"
                                             "UPDATE notes SET body = '" +
                                             n + "' WHERE id = 1")
                                                .c_str());
      const bool committed = PQresultStatus(result) == PGRES_COMMAND_OK;
      PQclear(result);
      if (committed) ++last_;
      std::this_thread::sleep_for(committed ? 1ms : 20ms);
      if (PQstatus(connection) != CONNECTION_OK) PQreset(connection);
    }
    PQfinish(connection);
  }

  const std::string conninfo_;
  std::atomic<int> last_{0};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

// Who is in the channel as the events so far say, and whether they can be true.
class Witness {
 public:
  void take(const objectos::PresenceEvent& event) {
    using objectos::PresenceKind;
    const std::lock_guard lock(mutex_);
    if (event.kind == PresenceKind::broadcast) {
      mark_ = event.payload;
      return;
    }
    const std::string& user = event.user_id;
    heard_.insert(std::string(objectos::presence_kind_name(event.kind)) +
                  (user.empty() ? "" : " " + user));
    const auto expect = [&](bool holds) {
      if (!holds)
        wrong_ += std::string(objectos::presence_kind_name(event.kind)) + " " + user + ";";
    };
    switch (event.kind) {
      case PresenceKind::listed:
        present_.clear();
        for (const auto& client : event.present) expect(present_.insert(client.user_id).second);
        online_ = present_;
        break;
      case PresenceKind::offline:
        present_.clear();
        online_.clear();
        break;
      case PresenceKind::join:
        expect(present_.insert(user).second);
        break;
      case PresenceKind::leave:
        expect(present_.erase(user) == 1);
        break;
      case PresenceKind::user_online:
        expect(present_.count(user) == 1 && online_.insert(user).second);
        break;
      case PresenceKind::user_offline:
        expect(present_.count(user) == 0 && online_.erase(user) == 1);
        break;
      default:
        expect(false);
    }
  }
  std::set<std::string> online() {
    const std::lock_guard lock(mutex_);
    return present_ == online_ ? online_ : std::set<std::string>{"(not settled)"};
  }
  // What was broadcast last: all that happened before has been heard.
  std::string mark() {
    const std::lock_guard lock(mutex_);
    return mark_;
  }
  std::string wrong() {
    const std::lock_guard lock(mutex_);
    return wrong_;
  }
  // What was heard since it was asked last, sorted: "join bob, leave bob, offline".
  std::string take_heard() {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const std::string& each : std::exchange(heard_, {}))
      text += (text.empty() ? "" : ", ") + each;
    return text;
  }

 private:
  std::mutex mutex_;
  std::set<std::string> present_, online_;
  std::multiset<std::string> heard_;
  std::string wrong_, mark_;
};

// The engine of a user's file, live and in the channel `notes`. Triggers of its own note in the
// file what arrives there.
class LiveDevice {
 public:
  static constexpr auto backoff_max = 1000ms;

  LiveDevice(const std::string& server, std::string user)
      : user_(std::move(user)), file_(directory_.file("phone.db")) {
    objectos::Options options;
    options.database = file_;
    options.server = server + " user=" + user_ + " application_name=" + user_;
    options.timing.interval = options.timing.push_age = 1h;
    options.timing.backoff_first = 100ms;
    options.timing.backoff_max = backoff_max;
    options.logger = [](objectos::LogLevel, const std::string&) {};
    engine_ = std::make_unique<objectos::SyncEngine>(options);
    engine_->clone();
    local(file_,
          "CREATE TABLE arrivals (n INTEGER PRIMARY KEY, id, version, body);"
          "CREATE TRIGGER came AFTER INSERT ON notes BEGIN INSERT INTO arrivals (id, version, body)"
          " VALUES (new.id, new._version, new.body); END;"
          "CREATE TRIGGER changed AFTER UPDATE ON notes WHEN old._version IS NOT new._version OR"
          " old.body IS NOT new.body BEGIN INSERT INTO arrivals (id, version, body) VALUES (new.id,"
          " new._version, new.body); END");
    told_of_ = engine_->on_change("notes", [this](const objectos::Change& change) {
      const std::lock_guard lock(mutex_);
      told_.push_back(change.record_id + ":" + std::to_string(change.version.value_or(0)));
    });
    engine_->start();
    join();
  }
  void join() {
    presence_ = engine_->presence("notes", "1", [this](const auto& event) { witness.take(event); });
  }
  void leave() { presence_ = objectos::Presence(); }

  bool is_listening() const { return engine_->status().live == objectos::Live::listening; }
  bool has(int last) const {
    return std::stoi("0" + local(file_, "SELECT body FROM notes WHERE id = 1 AND body <> 'x'")) >=
           last;
  }
  std::set<std::string> present() const {
    std::set<std::string> users;
    for (const auto& client : presence_.list()) users.insert(client.user_id);
    return users;
  }
  void check_once_and_in_order(Server& server, int last) {
    CAPTURE(user_);
    REQUIRE(engine_->drain(20s));
    const std::string inserts = "SELECT count(*) FROM arrivals WHERE id >= 1000";
    CHECK(local(file_, inserts) == std::to_string(last));
    CHECK(local(file_, "SELECT count(DISTINCT id) FROM arrivals WHERE id >= 1000") ==
          std::to_string(last));
    CHECK(
        local(file_,
              "SELECT count(*) FROM (SELECT version - lag(version) OVER (ORDER BY n) AS step,"
              " CAST(body AS int) - lag(CAST(body AS int)) OVER (ORDER BY n) AS more FROM arrivals"
              " WHERE id = 1) WHERE step <= 0 OR more <= 0") == "0");
    CHECK(local(file_, "SELECT body FROM arrivals WHERE id = 1 ORDER BY n DESC LIMIT 1") ==
          std::to_string(last));
    check_told(last);
    CHECK(local_rows(file_, "notes", {"id", "body"}) ==
          server_rows(server, "notes", {"id", "body"}));
    CHECK(broken_records(file_) == "");
  }

  const std::string& user() const { return user_; }
  Witness witness;

 private:
  // The listener was told what the file's trigger noted, in the same order.
  void check_told(int last) {
    const std::lock_guard lock(mutex_);
    std::map<std::string, long> versions;
    for (const std::string& line : told_) {
      const auto colon = line.find(':');
      long& before = versions[line.substr(0, colon)];
      const long now = std::stol(line.substr(colon + 1));
      CHECK_MESSAGE(now > before, line);
      before = now;
    }
    CHECK(versions.size() == static_cast<std::size_t>(last) + 1);
    CHECK(std::to_string(told_.size()) == local(file_, "SELECT count(*) FROM arrivals"));
  }

  const std::string user_;
  Directory directory_;
  const std::string file_;
  std::mutex mutex_;
  std::vector<std::string> told_;
  std::unique_ptr<objectos::SyncEngine> engine_;
  objectos::Subscription told_of_;
  objectos::Presence presence_;
};

}  // namespace e2e
