// The initial sync over several connections. Races: writers on the server against the readers'
// snapshots, which must be one; one reader's error, or stop(), against the others. Invariants: the
// file is the cut of one instant, whole or not there; nobody goes on reading after the end.
#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "objectos/sync_engine.h"
#include "tests/e2e/faulty_network.h"
#include "tests/e2e/replica.h"

using namespace e2e;
using namespace std::chrono_literals;
using objectos::Progress;
using objectos::SyncEngine;

namespace {

// Four accounts' tables; every transaction moves an amount from one to another.
struct Bank : Synced {
  static constexpr int tables = 4;
  FaultyNetwork network;
  std::string role;  // with few connections

  explicit Bank(int rows) {
    for (int i = 0; i < tables; ++i) {
      const std::string table = "bank" + std::to_string(i);
      server.exec("CREATE TABLE " + table + " (id int PRIMARY KEY, amount int, note text)");
      server.exec("SELECT sync_enable('" + table + "')");
      server.exec("INSERT INTO " + table +
                  " SELECT i, 100, repeat('n', 100) FROM generate_series("
                  "1, " +
                  std::to_string(rows) + ") i");
    }
  }
  ~Bank() {
    if (role.empty()) return;
    server.exec("DROP OWNED BY " + role);
    server.exec("DROP ROLE " + role);
  }
  objectos::Options options(int connections) const {
    objectos::Options made;
    made.database = phone;
    made.server = network.conninfo(server.conninfo());
    made.initial_connections = connections;
    return made;
  }
  // Of each connection.
  void slow_down(long bytes_per_second) {
    Weather weather;
    weather.bytes_per_second = bytes_per_second;
    network.set_weather(weather);
  }
  void check_rows() {
    for (int i = 0; i < tables; ++i) {
      const std::string table = "bank" + std::to_string(i);
      CHECK(local_rows(phone, table, {"id", "amount"}) ==
            server_rows(server, table, {"id", "amount"}));
    }
    CHECK(broken_records(phone) == "");
  }
  std::string total() const {
    std::string sql;
    for (int i = 0; i < tables; ++i)
      sql +=
          (i == 0 ? "SELECT (SELECT sum(amount) FROM bank" : " + (SELECT sum(amount) FROM bank") +
          std::to_string(i) + ")";
    return local(phone, sql);
  }
  std::string readers() {
    return server.exec(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE "
        "'COPY%'");
  }
  // Those of a broken exchange end when they next write.
  bool no_readers_left() {
    for (int i = 0; i < 200 && readers() != "0"; ++i) std::this_thread::sleep_for(50ms);
    return readers() == "0";
  }
};

// Moves amounts between the tables until it is destroyed.
class Traffic {
 public:
  explicit Traffic(const std::string& conninfo)
      : thread_([this, conninfo] {
          PGconn* const connection = PQconnectdb(conninfo.c_str());
          while (!done_) {
            const int from = count_ % Bank::tables, to = (count_ + 1) % Bank::tables;
            const std::string id = std::to_string(count_ % 50 + 1);
            const std::string sql = "BEGIN; UPDATE bank" + std::to_string(from) +
                                    " SET amount = amount - 1 WHERE id = " + id + "; UPDATE bank" +
                                    std::to_string(to) +
                                    " SET amount = amount + 1 WHERE id = " + id + "; COMMIT";
            PGresult* const result = PQexec(connection, sql.c_str());
            if (PQresultStatus(result) == PGRES_COMMAND_OK) ++count_;
            PQclear(result);
          }
          PQfinish(connection);
        }) {}
  ~Traffic() {
    done_ = true;
    thread_.join();
  }
  int count() const { return count_; }

 private:
  std::atomic<bool> done_{false};
  std::atomic<int> count_{0};
  std::thread thread_;
};

bool some_rows_are_here(SyncEngine& engine) {
  for (int i = 0; i < 20'000; ++i) {
    if (engine.progress().pulled > 0) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

}  // namespace

TEST_CASE("objects that are read at once are of one instant, while others write to all of them") {
  Bank bank(2'000);
  for (int i = 0; i < 3; ++i) {
    remove(bank.phone.c_str());
    Traffic traffic(bank.server.conninfo());
    while (traffic.count() < 5) std::this_thread::sleep_for(1ms);
    SyncEngine engine(bank.options(Bank::tables));
    CHECK(engine.clone().pulled == 2'000 * Bank::tables);
    CHECK(bank.total() == std::to_string(2'000 * Bank::tables * 100));
  }
  CHECK(bank.network.connections() == 3 * (Bank::tables + 1));
  CHECK(bank.sync().code == 0);
  bank.check_rows();
}

TEST_CASE("the progress of objects that are read at once counts every row once") {
  Bank bank(6'001);
  SyncEngine engine(bank.options(3));
  Progress last;
  bool rises = true;
  auto token = engine.on_progress([&](const Progress& progress) {
    rises = rises && progress.pulled >= last.pulled && progress.bytes >= last.bytes;
    last = progress;
  });
  CHECK(engine.clone().pulled == 6'001 * Bank::tables);
  CHECK(engine.drain(20s));
  CHECK(rises);
  CHECK(last.pulled == 6'001 * Bank::tables);
  CHECK(last.bytes > 6'001 * Bank::tables * 100);
  bank.check_rows();
}

TEST_CASE("connections that the server does not let in are done without") {
  Bank bank(300);
  bank.role = "few_connections_" + std::to_string(getpid());
  bank.server.exec("CREATE ROLE " + bank.role + " LOGIN");
  bank.server.exec("GRANT SELECT ON bank0, bank1, bank2, bank3 TO " + bank.role);
  bank.server.exec("SELECT sync_grant('" + bank.role + "')");
  bank.server.exec("ALTER TABLE bank3 ENABLE ROW LEVEL SECURITY");
  bank.server.exec("CREATE POLICY few ON bank3 USING (id <= 10)");
  for (const int limit : {1, 2}) {
    CAPTURE(limit);
    remove(bank.phone.c_str());
    bank.server.exec("ALTER ROLE " + bank.role + " CONNECTION LIMIT " + std::to_string(limit));
    objectos::Options options = bank.options(3);
    const std::size_t user = options.server.find(" user=") + 6;
    options.server.replace(user, options.server.find(' ', user) - user, bank.role);
    int refused = 0;
    options.logger = [&](objectos::LogLevel, const std::string& text) {
      refused += text.find("one connection less") != std::string::npos ? 1 : 0;
    };
    SyncEngine engine(options);
    engine.clone();
    CHECK(refused == 3 - (limit - 1));
    CHECK(bank.total() == "91000");
  }
}

TEST_CASE("the end of one reader's connection ends the others, and the next attempt is whole") {
  Bank bank(3'000);
  bank.slow_down(100'000);
  SyncEngine engine(bank.options(3));
  std::thread cloning([&] {
    try {
      engine.clone();
      FAIL_CHECK("the clone went on");
    } catch (const objectos::Error& error) {
      CHECK(error.error_class() == objectos::ErrorClass::transient);
      CHECK(error.code() != "cancelled");
    }
  });
  CHECK(some_rows_are_here(engine));
  CHECK(bank.server.exec("SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM "
                         "pg_stat_activity WHERE datname = current_database() AND query LIKE "
                         "'COPY%' LIMIT 1) one") == "1");
  cloning.join();
  CHECK(bank.no_readers_left());
  CHECK(access(bank.phone.c_str(), F_OK) != 0);
  bank.slow_down(0);
  engine.clone();
  bank.check_rows();
}

TEST_CASE("stop() ends an initial sync over several connections, whatever they wait for") {
  Bank bank(3'000);
  bank.slow_down(100'000);
  for (const bool held : {false, true}) {
    CAPTURE(held);
    SyncEngine engine(bank.options(4));
    std::thread cloning([&] {
      try {
        engine.clone();
        FAIL_CHECK("the clone was not stopped");
      } catch (const objectos::Error& error) {
        CHECK(error.code() == "cancelled");
      }
    });
    CHECK(some_rows_are_here(engine));
    bank.network.hold(held);
    engine.stop();
    cloning.join();
    bank.network.hold(false);
    CHECK(bank.no_readers_left());
  }
  bank.slow_down(0);
  SyncEngine again(bank.options(4));
  again.clone();
  bank.check_rows();
}

TEST_CASE("an initial sync over several connections that is killed begins again") {
  Bank bank(200);
  const std::string clone =
      "clone --connections 3 " + shell_quoted(bank.server.conninfo()) + " " + bank.file;
  for (const char* point :
       {"clone_object_loaded", "store.load.before_commit", "store.publish.before_rename"}) {
    CAPTURE(point);
    CHECK(command(clone, point).signal == SIGKILL);
    CHECK(bank.sync().code != 0);
  }
  CHECK(command(clone).code == 0);
  bank.check_rows();
}

TEST_CASE("--connections takes a number from 1 to 8") {
  Bank bank(1);
  for (const char* wrong : {"0", "9", "two", "11"}) {
    const Ended ended = command(std::string("clone --connections ") + wrong + " " +
                                shell_quoted(bank.server.conninfo()) + " " + bank.file);
    CHECK(ended.code == 1);
    CHECK(ended.output.find("from 1 to 8") != std::string::npos);
  }
}

// 240 MB of wide rows through a process that may have 64 MiB of data above SQLite's cache, which is
// 96 MiB while a table is loaded.
TEST_CASE("reading several objects at once needs no more than 64 MB above SQLite's cache, either") {
  Bank bank(0);
  for (int i = 0; i < Bank::tables; ++i)
    bank.server.exec("INSERT INTO bank" + std::to_string(i) +
                     " SELECT i, 1, repeat('wide ', 4000) FROM generate_series(1, 3000) i");
  const Ended made =
      command("clone --connections 4 " + shell_quoted(bank.server.conninfo()) + " " + bank.file, {},
              "ulimit -d " + std::to_string((96 + 64) * 1024) + "; ");
  CHECK_MESSAGE(made.code == 0, made.output);
  CHECK(bank.total() == "12000");
}
