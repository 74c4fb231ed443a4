// A device catches up with a change of every record while its app goes on reading and writing.
// Race: the app's transactions against each of the round's. Invariants: a reader finds one cut at
// every look; each local edit is there and is sent; a kill at any stage loses nothing and leaves
// nothing.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "objectos/sync_engine.h"
#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

constexpr int kRecords = 20'000;
const std::string kForced = "OBJECTOS_LONG_ROUND";

struct CatchUp {
  Server server;
  Directory directory;
  std::string phone = directory.file("phone.db");
  int generation = 0;

  explicit CatchUp(int records) {
    server.exec(
        "CREATE TABLE accounts (id text PRIMARY KEY, amount int, generation int, memo text)");
    server.exec("SELECT sync_enable('accounts')");
    server.exec("INSERT INTO accounts SELECT 'a' || i, 100, 0, '' FROM generate_series(1, " +
                std::to_string(records) + ") i");
    objectos::SyncEngine engine({.database = phone, .server = server.conninfo()});
    engine.clone();
  }
  // One transaction: money goes from one half of the accounts to the other.
  void change_everything() {
    ++generation;
    server.exec(
        "UPDATE accounts SET generation = generation + 1, amount = amount + CASE WHEN "
        "right(id, 1) < '5' THEN 1 ELSE -1 END");
  }
  void check_end() {
    CHECK(local_rows(phone, "accounts", {"id", "amount", "generation", "memo"}) ==
          server_rows(server, "accounts", {"id", "amount", "generation", "memo"}));
    CHECK(broken_records(phone) == "");
    CHECK(leftovers(phone, "accounts") == kNoLeftovers);
    CHECK(local(phone, "PRAGMA integrity_check") == "ok");
    CHECK(local(phone,
                "SELECT count(*) FROM sqlite_master WHERE name LIKE '%incoming%' OR name "
                "LIKE '%outgoing%' OR name LIKE '%note\\_%' ESCAPE '\\'") == "0");
  }
};

}  // namespace

TEST_CASE("an app reads one cut and writes while its device catches up with every record") {
  setenv(kForced.c_str(), "5000", 1);
  CatchUp world(kRecords);
  local(world.phone,
        "CREATE INDEX by_amount ON accounts (amount DESC); CREATE VIEW rich AS SELECT id FROM "
        "accounts WHERE amount > 100");
  std::atomic<bool> done = false;
  std::atomic<int> looks = 0, torn = 0, written = 0;
  std::thread reader([&] {
    while (!done) {
      if (local(world.phone,
                "SELECT count(DISTINCT generation) || ' ' || count(*) || ' ' || "
                "sum(amount) FROM accounts") !=
          "1 " + std::to_string(kRecords) + " " + std::to_string(kRecords * 100))
        ++torn;
      ++looks;
    }
  });
  std::thread writer([&] {
    while (!done) {
      local(world.phone, "UPDATE accounts SET memo = 'mine " + std::to_string(written) +
                             "' WHERE id = 'a" + std::to_string(1 + written) + "'");
      ++written;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  objectos::SyncEngine engine({.database = world.phone});
  for (int round = 0; round < 2; ++round) {
    world.change_everything();
    engine.pull_now();
  }
  done = true;
  reader.join();
  writer.join();
  CHECK(torn == 0);
  CHECK(looks > 3);
  CHECK(written > 10);
  CHECK(local(world.phone, "SELECT count(*) FROM accounts WHERE memo LIKE 'mine %'") ==
        std::to_string(written));
  CHECK(local(world.phone, "SELECT min(generation) || max(generation) FROM accounts") == "22");
  CHECK(
      local(world.phone, "SELECT count(*) FROM rich") ==
      local(world.phone, "SELECT count(*) FROM accounts INDEXED BY by_amount WHERE amount > 100"));
  engine.sync_now();
  engine.sync_now();
  unsetenv(kForced.c_str());
  world.check_end();
  CHECK(world.server.exec("SELECT count(*) FROM accounts WHERE memo LIKE 'mine %'") ==
        std::to_string(written));
}

TEST_CASE("a device killed at any stage of a long round has lost nothing and goes on") {
  setenv(kForced.c_str(), "1", 1);
  const std::set<std::string> points = fault_points("client/src", "fault_point");
  int reached = 0;
  for (const std::string& point : points) {
    if (point.rfind("long_round.", 0) != 0) continue;
    CAPTURE(point);
    CatchUp world(300);
    local(world.phone, "UPDATE accounts SET memo = 'before' WHERE id = 'a1'");
    world.change_everything();
    CHECK(command("sync " + shell_quoted(world.phone), point).signal == SIGKILL);
    const std::string generations =
        local(world.phone, "SELECT count(DISTINCT generation) FROM accounts");
    CHECK(generations == "1");
    CHECK(broken_records(world.phone) == "");
    local(world.phone,
          "UPDATE accounts SET memo = 'after' WHERE id = 'a2'; DELETE FROM accounts WHERE id = "
          "'a3'; INSERT INTO accounts (id, amount, generation) VALUES ('mine', 0, 1)");
    CHECK(broken_records(world.phone) == "");
    world.change_everything();
    CHECK(command("sync " + shell_quoted(world.phone)).code == 0);
    CHECK(command("sync " + shell_quoted(world.phone)).code == 0);
    world.check_end();
    CHECK(world.server.exec("SELECT string_agg(memo, ' ' ORDER BY id) FROM accounts WHERE memo <> "
                            "''") == "before after");
    ++reached;
  }
  CHECK(reached >= 7);
  unsetenv(kForced.c_str());
}
