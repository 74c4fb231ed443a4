// The library against a server that comes and goes, and what plain SQL on the server does.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "objectos/sync_engine.h"
#include "tests/e2e/server_control.h"
#include "tests/e2e/support.h"

using namespace e2e;
using namespace std::chrono_literals;

namespace {

objectos::Options options(const Server& server, const std::string& file) {
  objectos::Options made{.database = file, .server = server.conninfo()};
  made.timing.interval = 60s;
  made.timing.backoff_first = 20ms;
  made.timing.backoff_max = 100ms;
  return made;
}

void make_contacts(Server& server) {
  server.exec("CREATE TABLE contacts (id int PRIMARY KEY, name text)");
  server.exec("SELECT sync_enable('contacts')");
  server.exec("INSERT INTO contacts VALUES (1, 'Ada'), (2, 'Grace')");
}

}  // namespace

TEST_CASE("the loop starts, syncs on demand, stops and starts again, from any thread") {
  Server server;
  Directory directory;
  make_contacts(server);
  std::string file = directory.file("phone.db");
  objectos::SyncEngine engine(options(server, file));
  engine.clone();
  for (int round = 1; round <= 3; ++round) {
    engine.start();
    engine.start();
    std::string name = "round " + std::to_string(round);
    local(file, "UPDATE contacts SET name = '" + name + "' WHERE id = 1");
    CHECK(engine.wait_until_synced(10s));
    CHECK(server.exec("SELECT name FROM contacts WHERE id = 1") == name);
    CHECK(engine.status().pending == 0);
    engine.stop();
    engine.stop();
    CHECK(engine.status().phase == objectos::Phase::stopped);
  }
  CHECK_FALSE(engine.wait_until_synced(10s));
}

TEST_CASE("an edit made while the server is stopped waits in the queue and arrives afterwards") {
  Directory directory;
  std::string file = directory.file("phone.db");
  std::string name;
  {
    Server server;
    make_contacts(server);
    objectos::SyncEngine engine(options(server, file));
    engine.clone();
    server_control("stop");
    local(file, "UPDATE contacts SET name = 'offline' WHERE id = 2");
    engine.start();
    CHECK_FALSE(engine.wait_until_synced(500ms));
    auto status = engine.status();
    CHECK(status.pending == 1);
    CHECK_FALSE(status.online);
    CHECK(status.last_error.has_value());
    CHECK(engine.pending().size() == 1);
    server_control("start");
    server.reconnect();
    CHECK(engine.wait_until_synced(20s));
    CHECK(server.exec("SELECT name FROM contacts WHERE id = 2") == "offline");
    CHECK(engine.status().pending == 0);
    CHECK(engine.status().online);
  }
}

TEST_CASE("a sync sends what was queued when it began, and ends while the app goes on writing") {
  Server server;
  Directory directory;
  make_contacts(server);
  const std::string file = directory.file("phone.db");
  server.exec(
      "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.05); "
      "RETURN NULL; END'; CREATE TRIGGER slow AFTER UPDATE ON contacts EXECUTE FUNCTION slow()");
  objectos::Options one_by_one = options(server, file);
  one_by_one.push_mutations = 1;
  objectos::SyncEngine engine(one_by_one);
  engine.clone();
  constexpr int kMost = 200;
  const auto edit = [&](int n) {
    local(file, "UPDATE contacts SET name = 'edit " + std::to_string(n) + "' WHERE id = 1");
  };
  edit(0);
  std::atomic<bool> ended = false;
  std::thread app([&] {
    for (int n = 1; n < kMost && !ended; ++n) {
      edit(n);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  const objectos::SyncResult first = engine.sync_now();
  ended = true;
  app.join();
  CHECK(first.verdicts.size() >= 1);
  CHECK(first.verdicts.size() < kMost / 2);
  engine.sync_now();
  CHECK(engine.pending().empty());
}

TEST_CASE("COPY, server triggers and cascades of plain SQL reach the client") {
  Server server;
  Directory directory;
  make_contacts(server);
  server.exec(
      "CREATE TABLE calls (id int PRIMARY KEY, contact int REFERENCES contacts "
      "ON DELETE CASCADE)");
  server.exec("SELECT sync_enable('calls')");
  server.exec("INSERT INTO calls VALUES (10, 1), (20, 2)");
  server.exec(
      "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "NEW.name = upper(NEW.name); RETURN NEW; END $$");
  server.exec(
      "CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON contacts FOR EACH ROW "
      "EXECUTE FUNCTION shout()");
  std::string file = directory.file("phone.db");
  objectos::SyncEngine engine(options(server, file));
  engine.clone();
  server.exec("COPY contacts (id, name) FROM PROGRAM 'printf \"7\\tjean\\n8\\tbarbara\\n\"'");
  server.exec("DELETE FROM contacts WHERE id = 1");
  local(file, "INSERT INTO contacts (id, name) VALUES (9, 'lower')");
  engine.sync_now();
  CHECK(local(file, "SELECT group_concat(id || name) FROM (SELECT * FROM contacts ORDER BY id)") ==
        "2Grace,7JEAN,8BARBARA,9LOWER");
  CHECK(local(file, "SELECT group_concat(id) FROM calls") == "20");
}

TEST_CASE("float and numeric values written in any spelling end the same on both sides") {
  Server server;
  Directory directory;
  server.exec("CREATE TABLE measures (id int PRIMARY KEY, f8 float8, f4 float4, n numeric)");
  server.exec("SELECT sync_enable('measures')");
  server.exec("INSERT INTO measures VALUES (1, 0.1, 0.1, 1.00), (2, 1e300, 3e-7, 'NaN')");
  std::string file = directory.file("phone.db");
  objectos::SyncEngine engine(options(server, file));
  engine.clone();
  CHECK(local(file, "SELECT f8 = 0.1 AND n = '1.00' FROM measures WHERE id = 1") == "1");
  local(file, "UPDATE measures SET f8 = 0.1 + 0.2, f4 = 0.7, n = '2.50' WHERE id = 1");
  local(file, "UPDATE measures SET f8 = 0.5 WHERE id = 2");
  for (const auto& verdict : engine.sync_now().verdicts) CHECK(verdict.status == "applied");
  local(file, "UPDATE measures SET f8 = 0.25, f4 = 0.25 WHERE id = 1");
  for (const auto& verdict : engine.sync_now().verdicts) CHECK(verdict.status == "applied");
  CHECK(server.exec("SELECT f8 = 0.25 AND f4 = 0.25 AND n::text = '2.50' FROM measures "
                    "WHERE id = 1") == "t");
  CHECK(local(file, "SELECT f8 || '|' || f4 || '|' || n FROM measures WHERE id = 1") ==
        "0.25|0.25|2.50");
}
