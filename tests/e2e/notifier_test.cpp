// Who tells of a commit: the notifier, a background worker that is there while it is needed.
#include <doctest/doctest.h>
#include <poll.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "tests/e2e/attack_world.h"

using namespace e2e;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

// A session that is told of commits.
class Listener {
 public:
  explicit Listener(const Server& server) : connection_(PQconnectdb(server.conninfo().c_str())) {
    REQUIRE(PQstatus(connection_) == CONNECTION_OK);
  }
  ~Listener() { PQfinish(connection_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::string ask(const std::string& sql) {
    PGresult* result = PQexec(connection_, sql.c_str());
    REQUIRE_MESSAGE(PQresultStatus(result) != PGRES_FATAL_ERROR, PQerrorMessage(connection_));
    const std::string value = PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "";
    PQclear(result);
    return value;
  }
  std::string listen() {
    const std::string sender = ask("SELECT sync_listen('phone') ->> 'sent_by'");
    ask("LISTEN objectos_sync");
    return sender;
  }
  // The notifications that come until it has been quiet for so long, each by its payload.
  std::vector<std::string> heard(std::chrono::milliseconds quiet) {
    std::vector<std::string> all;
    for (;;) {
      PQconsumeInput(connection_);
      bool any = false;
      while (PGnotify* told = PQnotifies(connection_)) {
        CHECK(std::string(told->relname) == "objectos_sync");
        all.push_back(told->extra);
        PQfreemem(told);
        any = true;
      }
      if (any) continue;
      pollfd descriptor{PQsocket(connection_), POLLIN, 0};
      if (poll(&descriptor, 1, static_cast<int>(quiet.count())) == 0) return all;
    }
  }
  bool hears() {
    PQconsumeInput(connection_);
    for (const auto end = Clock::now() + 20s; Clock::now() < end;) {
      if (PGnotify* told = PQnotifies(connection_)) {
        PQfreemem(told);
        return true;
      }
      pollfd descriptor{PQsocket(connection_), POLLIN, 0};
      poll(&descriptor, 1, 1000);
      PQconsumeInput(connection_);
    }
    return false;
  }

 private:
  PGconn* connection_;
};

struct World {
  World() {
    server.exec("CREATE TABLE notes (id int PRIMARY KEY, body text); SELECT sync_enable('notes')");
  }
  void write() { server.exec("INSERT INTO notes VALUES (" + std::to_string(++last) + ", 'x')"); }
  std::string state() {
    return server.exec("SELECT value FROM sync_status() WHERE fact = 'notifier'");
  }
  bool becomes(const std::string& wanted) {
    for (const auto end = Clock::now() + 20s; Clock::now() < end;) {
      if (state() == wanted) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  std::string database() { return server.exec("SELECT current_database()"); }
  void set(const std::string& setting) {
    server.exec("ALTER DATABASE " + database() + " SET objectos_sync." + setting);
  }

  Server server;
  int last = 0;
};

}  // namespace

TEST_CASE("whoever listens is told that something was committed, and no more than that") {
  World world;
  Listener phone(world.server);
  CHECK(phone.listen() == "worker");
  phone.heard(200ms);  // the notifier's first, for what was committed before it began
  world.write();
  const std::vector<std::string> heard = phone.heard(500ms);
  CHECK(heard == std::vector<std::string>{""});
  CHECK(world.state() == "running");
}

TEST_CASE("what is not committed, and what is no change, is not told") {
  World world;
  Listener phone(world.server);
  phone.listen();
  phone.heard(200ms);
  world.server.exec("BEGIN; INSERT INTO notes VALUES (8, 'x'); ROLLBACK");
  world.server.exec("UPDATE notes SET body = 'y' WHERE id = 77; CREATE TABLE apart (x int)");
  world.server.exec("INSERT INTO apart VALUES (1)");
  CHECK(phone.heard(300ms).empty());
  world.server.exec(
      "BEGIN; SAVEPOINT s; INSERT INTO notes VALUES (8, 'x'); ROLLBACK TO s;"
      "INSERT INTO notes VALUES (9, 'x'); COMMIT");
  CHECK(phone.hears());
}

TEST_CASE("a burst of commits shares notifications, and one comes after the last commit") {
  World world;
  world.set("notify_delay = '5ms'");
  Listener phone(world.server);
  phone.listen();
  phone.heard(200ms);
  for (int i = 0; i < 1000; ++i) world.write();
  CHECK(phone.hears());
  phone.heard(500ms);
  world.write();
  CHECK(phone.hears());
  std::size_t told = 0;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 200; ++i) world.write();
    told += phone.heard(300ms).size();
  }
  // Of each round the first commit is told at once, and then one notification in 5 ms or more.
  CHECK_MESSAGE(told >= 5, told);
  CHECK_MESSAGE(told < 500, told);
}

// How often a process has gone to sleep, once it has slept for a while.
std::string sleeps(const std::string& pid) {
  const auto read = [&] {
    std::ifstream status("/proc/" + pid + "/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("voluntary_ctxt_switches")) return line;
    return std::string();
  };
  std::string last = read();
  for (std::string now;; last = now) {
    std::this_thread::sleep_for(100ms);
    if ((now = read()) == last) return now;
  }
}

TEST_CASE("the notifier sleeps until a commit: what is written before it does not wake it") {
  World world;
  world.set("notifier_idle = '60s'");
  Listener phone(world.server);
  phone.listen();
  world.write();
  REQUIRE(phone.hears());
  const std::string pid = world.server.exec(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'objectos_sync notifier' AND datname "
      "= current_database()");
  const std::string before = sleeps(pid);
  REQUIRE(before != "");
  world.server.exec("BEGIN");
  world.write();
  CHECK(sleeps(pid) == before);
  world.server.exec("COMMIT");
  CHECK(phone.hears());
  CHECK(sleeps(pid) != before);
}

TEST_CASE("where nobody listens no notifier runs, and a listener counts until its session ends") {
  World world;
  world.write();
  CHECK(world.state() == "not wanted");
  {
    Listener phone(world.server);
    phone.listen();
    CHECK(phone.listen() == "worker");
    CHECK(world.server.exec("SELECT value FROM sync_status() WHERE fact = 'listeners'") == "1");
    Listener tablet(world.server);
    tablet.listen();
    CHECK(world.server.exec("SELECT value FROM sync_status() WHERE fact = 'listeners'") == "2");
    world.write();
    CHECK(phone.hears());
    CHECK(tablet.hears());
  }
  for (int i = 0; i < 2000; ++i) {
    if (world.server.exec("SELECT value FROM sync_status() WHERE fact = 'listeners'") == "0") break;
    std::this_thread::sleep_for(10ms);
  }
  CHECK(world.server.exec("SELECT value FROM sync_status() WHERE fact = 'listeners'") == "0");
}

TEST_CASE("an idle notifier goes, and the next commit has another") {
  World world;
  world.set("notifier_idle = '1s'");
  Listener phone(world.server);
  phone.listen();
  CHECK(world.becomes("running"));
  CHECK(world.becomes("idle"));
  CHECK(world.server.exec("SELECT count(*) FROM pg_stat_activity WHERE datname = "
                          "current_database() AND backend_type LIKE 'objectos%'") == "0");
  phone.heard(0ms);
  world.write();
  CHECK(phone.hears());
  CHECK(world.state() == "running");
}

TEST_CASE("a terminated notifier tells what it knows, and the next commit has another") {
  World world;
  Listener phone(world.server);
  phone.listen();
  CHECK(world.becomes("running"));
  for (int i = 0; i < 20; ++i) {
    phone.heard(0ms);
    const std::string other =
        "SELECT pg_terminate_backend((objectos_sync.notifier() ->> 'pid')::int)";
    if (i % 2 == 0) {
      world.write();
      world.server.exec(other);
    } else {
      world.server.exec(other);
      world.write();
    }
    CHECK_MESSAGE(phone.hears(), i);
  }
}

TEST_CASE(
    "a prepared transaction is told of when it is committed, whoever runs the notifier then") {
  World world;
  world.set("notifier_idle = '1s'");
  Listener phone(world.server);
  phone.listen();
  world.server.exec("BEGIN; INSERT INTO notes VALUES (1, 'x'); PREPARE TRANSACTION 'late'");
  phone.heard(1500ms);
  CHECK(world.state() == "running");  // it waits for it
  world.server.exec("COMMIT PREPARED 'late'");
  CHECK(phone.hears());
  CHECK(world.becomes("idle"));
  // One that was prepared before anybody listened.
  world.server.exec("BEGIN; INSERT INTO notes VALUES (2, 'x'); PREPARE TRANSACTION 'later'");
  CHECK(world.becomes("running"));
  world.server.exec("SELECT pg_terminate_backend((objectos_sync.notifier() ->> 'pid')::int)");
  CHECK(world.becomes("idle"));
  Listener tablet(world.server);
  tablet.listen();
  CHECK(world.becomes("running"));
  tablet.heard(300ms);
  world.server.exec("COMMIT PREPARED 'later'");
  CHECK(tablet.hears());
}

TEST_CASE("what was prepared while nobody listened is told of, though the notifier was there") {
  World world;
  world.set("notifier_idle = '60s'");
  {
    Listener phone(world.server);
    phone.listen();
    world.write();
    REQUIRE(phone.hears());
  }
  const auto says = [&](const std::string& what) {
    return world.server.exec("SELECT objectos_sync.notifier() ->> '" + what + "'");
  };
  for (int i = 0; i < 1000 && says("listeners") != "0"; ++i) std::this_thread::sleep_for(10ms);
  REQUIRE(says("listeners") == "0");
  const std::string before = says("pid");
  world.server.exec("BEGIN; INSERT INTO notes VALUES (7, 'x'); PREPARE TRANSACTION 'between'");
  Listener tablet(world.server);
  tablet.listen();
  tablet.heard(300ms);
  CHECK(says("pid") == before);
  world.server.exec("COMMIT PREPARED 'between'");
  CHECK(tablet.hears());
}

TEST_CASE("the database of a notifier can be dropped, and copied, soon after the last commit") {
  World world;
  {
    Listener phone(world.server);
    phone.listen();
    world.write();
    CHECK(phone.hears());
  }
  const std::string name = world.database();
  world.server.exec("SELECT 1");
  PGconn* admin = PQconnectdb("dbname=postgres");
  const auto run = [&](const std::string& sql) {
    PGresult* result = PQexec(admin, sql.c_str());
    CHECK_MESSAGE(PQresultStatus(result) == PGRES_COMMAND_OK, PQerrorMessage(admin));
    PQclear(result);
  };
  run("ALTER DATABASE " + name + " ALLOW_CONNECTIONS false");
  PQclear(
      PQexec(admin, ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
                     name + "' AND backend_type = 'client backend'")
                        .c_str()));
  run("CREATE DATABASE " + name + "_copy TEMPLATE " + name);
  run("DROP DATABASE " + name + "_copy");
  run("DROP DATABASE " + name);
  PQfinish(admin);
}

TEST_CASE("without a free slot for the notifier a listener is told to poll, and the operator why") {
  std::vector<std::unique_ptr<World>> worlds;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::string sender = "worker";
  while (sender == "worker" && worlds.size() < 40) {
    worlds.push_back(std::make_unique<World>());
    worlds.back()->set("notifier_idle = '1min'");
    listeners.push_back(std::make_unique<Listener>(worlds.back()->server));
    sender = listeners.back()->listen();
  }
  World& last = *worlds.back();
  CHECK(sender == "nobody");
  CHECK(last.state() == "refused");
  CHECK(last.server.exec("SELECT problem || ' ' || hint FROM sync_status() WHERE fact = 'notifier'")
            .find("max_worker_processes") != std::string::npos);
  last.write();  // goes on all the same
  // Another database's is gone: there is room.
  worlds[0]->server.exec("SELECT pg_terminate_backend((objectos_sync.notifier() ->> 'pid')::int)");
  for (const auto end = Clock::now() + 20s; sender == "nobody" && Clock::now() < end;) {
    std::this_thread::sleep_for(100ms);
    sender = listeners.back()->listen();
  }
  CHECK(sender == "worker");
  last.write();
  CHECK(listeners.back()->hears());
}

TEST_CASE("writers notify within their transactions where the operator wants it so") {
  World world;
  world.set("notify_at_commit = on");
  Listener phone(world.server);
  CHECK(phone.listen() == "commit");
  Listener writer(world.server);
  phone.heard(200ms);
  writer.ask("INSERT INTO notes VALUES (1, 'x')");
  CHECK(phone.heard(500ms) == std::vector<std::string>{""});
  PGconn* other = PQconnectdb(world.server.conninfo().c_str());
  PGresult* result =
      PQexec(other, "BEGIN; INSERT INTO notes VALUES (2, 'x'); PREPARE TRANSACTION 'p'");
  CHECK(std::string(PQresultErrorField(result, PG_DIAG_SQLSTATE)) == "0A000");
  PQclear(result);
  PQfinish(other);
}

TEST_CASE("another user's client id cannot be listened for") {
  AttackWorld world;
  Session ada(world.server, "ada");
  CHECK(ada.ask("SELECT sync_listen('phone')").state.empty());
  world.server.exec("SELECT sync_hello('desk')");
  CHECK(ada.ask("SELECT sync_listen(NULL)").state == "22004");
  CHECK(ada.ask("SELECT sync_listen('')").state == "OS014");
  CHECK(ada.ask("SELECT objectos_sync.notifier()").state == "42501");
}
