// What the tests of presence share: devices, each a connection of its own that is told of events,
// and a database with an object that three users read.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/e2e/attack_world.h"

namespace e2e {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

inline bool soon(const std::function<bool()>& holds) {
  for (const auto end = std::chrono::steady_clock::now() + 20s;
       std::chrono::steady_clock::now() < end;) {
    if (holds()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

// Lines told on one thread and read on another.
class HeardLines {
 public:
  void add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  // What came since it was asked last, once there is so much of it.
  Lines take(std::size_t count) {
    soon([&] {
      const std::lock_guard lock(mutex_);
      return lines_.size() >= count;
    });
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  Lines lines_;
};

// A device's connection, told of what happens in its channels.
class PresentDevice {
 public:
  PresentDevice(const Server& server, const std::string& user, std::string client)
      : client_(std::move(client)),
        connection_(PQconnectdb((server.conninfo() + " user=" + user).c_str())) {
    REQUIRE(PQstatus(connection_) == CONNECTION_OK);
    ask("LISTEN objectos_sync_live");
    place_ = ask("SELECT sequence FROM sync_events('" + client_ + "')").at(0);
  }
  ~PresentDevice() { PQfinish(connection_); }
  PresentDevice(const PresentDevice&) = delete;
  PresentDevice& operator=(const PresentDevice&) = delete;

  // The rows, columns by a space; an error is one line with its SQLSTATE.
  Lines ask(const std::string& sql) {
    PGresult* result = PQexec(connection_, sql.c_str());
    Lines lines;
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR)
      lines.push_back(state != nullptr ? state : "08006");
    for (int row = 0; row < PQntuples(result); ++row) {
      std::string line;
      for (int column = 0; column < PQnfields(result); ++column) {
        if (PQgetisnull(result, row, column)) continue;
        line += (line.empty() ? "" : " ") + std::string(PQgetvalue(result, row, column));
      }
      lines.push_back(line);
    }
    PQclear(result);
    return lines;
  }
  std::string call(const std::string& function, const std::string& channel,
                   const std::string& document = {}) {
    const Lines lines = ask("SELECT " + function + "('" + client_ + "', '" + channel + "'" +
                            (document.empty() ? "" : ", '" + document + "'") + ")");
    return lines.at(0);
  }
  void join(const std::string& channel, const std::string& state = "{}") {
    CHECK(call("sync_presence_join", channel, state).size() > 5);
  }
  Lines present(const std::string& channel) {
    return ask("SELECT client_id, user_id, state FROM sync_presence('" + channel + "')");
  }
  // What came since the last time.
  Lines news() {
    Lines lines = ask("SELECT sequence, kind, channel, client_id, payload FROM sync_events('" +
                      client_ + "', " + place_ + ")");
    for (std::string& line : lines) {
      const auto blank = line.find(' ');
      if (blank == std::string::npos) continue;  // an error
      place_ = line.substr(0, blank);
      line = line.substr(blank + 1);
    }
    if (!lines.empty() && lines.back() == "now") lines.pop_back();
    return lines;
  }
  // All that comes up to so many lines, as notifications say that something came.
  Lines hears(std::size_t count) {
    Lines all = news();
    for (const auto end = std::chrono::steady_clock::now() + 20s;
         all.size() < count && std::chrono::steady_clock::now() < end;) {
      if (!is_told(1s)) continue;
      for (std::string& line : news()) all.push_back(std::move(line));
    }
    return all;
  }
  bool is_told(std::chrono::milliseconds longest) {
    for (const auto end = std::chrono::steady_clock::now() + longest;;) {
      PQconsumeInput(connection_);
      if (PGnotify* told = PQnotifies(connection_)) {
        CHECK(std::string(told->relname) == "objectos_sync_live");
        PQfreemem(told);
        return true;
      }
      if (std::chrono::steady_clock::now() >= end) return false;
      pollfd descriptor{PQsocket(connection_), POLLIN, 0};
      poll(&descriptor, 1, 50);
    }
  }
  int pid() const { return PQbackendPID(connection_); }
  // A crashed app: its side of the connection is gone, without a word.
  void cut() { shutdown(PQsocket(connection_), SHUT_RDWR); }

 private:
  std::string client_, place_;
  PGconn* connection_;
};

struct PresenceWorld : AttackWorld {
  PresenceWorld() {
    server.exec("CREATE TABLE notes (id int PRIMARY KEY, body text)");
    server.exec("SELECT sync_enable('notes')");
    server.exec("INSERT INTO notes VALUES (1, 'x'), (2, 'y')");
    server.exec("GRANT SELECT ON notes TO ada, bob, mallory");
  }
  std::unique_ptr<PresentDevice> device(const std::string& user, const std::string& client) {
    return std::make_unique<PresentDevice>(server, user, client);
  }
  std::string members() {
    return server.exec("SELECT value FROM sync_status() WHERE fact = 'present'");
  }
};

}  // namespace e2e
