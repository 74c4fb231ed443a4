// Killed anywhere: the command gets SIGKILL at every fault point there is in the client's sources.
// Invariant: after the next sync every local edit took effect once, its verdict is the first one,
// and both ends hold the same rows.
#include <doctest/doctest.h>

#include <csignal>
#include <map>
#include <thread>

#include "objectos/sync_engine.h"
#include "tests/e2e/live_world.h"
#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

const std::vector<std::string> kColumns = {"id", "name", "amount"};

struct World {
  Server server;
  Directory directory;
  std::string phone = directory.file("phone.db");

  World() {
    server.exec(
        "CREATE TABLE items (id text PRIMARY KEY, name text, amount int CHECK (amount >= 0))");
    server.exec("CREATE TABLE numbered (id serial PRIMARY KEY)");  // whose keys are leased
    server.exec("SELECT sync_enable('items'), sync_enable('numbered')");
    server.exec("INSERT INTO items SELECT 'r' || i, 'start', i FROM generate_series(1, 8) i");
  }
  Ended clone(const std::string& fault = {}) {
    return command("clone " + shell_quoted(server.conninfo()) + " " + shell_quoted(phone), fault);
  }
  Ended sync(const std::string& fault = {}) {
    return command("sync " + shell_quoted(phone), fault);
  }

  // Seven mutations: inserted, chained, deleted, collided (the later one on the server wins),
  // merged, refused.
  void edit_both_sides() {
    local(phone,
          "INSERT INTO items (id, name, amount) VALUES ('new', 'phone', 1);"
          "UPDATE items SET name = 'phone' WHERE id = 'r1';"
          "UPDATE items SET amount = 100 WHERE id = 'r1';"
          "DELETE FROM items WHERE id = 'r2';"
          "UPDATE items SET name = 'phone' WHERE id = 'r3';"
          "UPDATE items SET name = 'phone' WHERE id = 'r4';"
          "UPDATE items SET amount = -1 WHERE id = 'r5';");
    server.exec("UPDATE items SET name = 'psql' WHERE id = 'r3'");
    server.exec("UPDATE items SET amount = 77 WHERE id = 'r4'");
    server.exec("DELETE FROM items WHERE id = 'r6'");
    server.exec("INSERT INTO items VALUES ('psql', 'psql', 5)");
  }
  // Mutation id → what the server remembers of it.
  std::map<std::string, std::string> stored_verdicts() {
    std::map<std::string, std::string> found;
    std::stringstream lines(server.exec(
        "SELECT string_agg(mutation_id || ' ' || status || ' ' || coalesce(version::text, '-'), "
        "E'\\n') FROM objectos_sync.verdicts"));
    std::string id, rest;
    while (lines >> id && std::getline(lines, rest)) found[id] = rest;
    return found;
  }
  void check_end() {
    CHECK(local_rows(phone, "items", kColumns) == server_rows(server, "items", kColumns));
    CHECK(broken_records(phone) == "");
    CHECK(leftovers(phone, "items") == kNoLeftovers);
  }
};

std::string spelled(const objectos::Verdict& verdict) {
  return " " + verdict.status + " " + (verdict.version ? std::to_string(*verdict.version) : "-");
}

// The own log rows: every mutation that took effect did so once.
void check_effects(World& world) {
  CHECK(world.server.exec("SELECT count(*) - count(DISTINCT (client_id, client_sequence)) FROM "
                          "objectos_sync.mutations WHERE client_sequence IS NOT NULL") == "0");
  CHECK(world.server.exec("SELECT string_agg(record_id || ' ' || operation, ', ' ORDER BY "
                          "client_sequence) FROM objectos_sync.mutations WHERE client_sequence "
                          "IS NOT NULL AND operation <> 'conflict'") ==
        "new insert, r1 update, r1 update, r2 delete, r4 update");
  CHECK(world.server.exec("SELECT string_agg(id || ':' || name || ':' || amount, ' ' ORDER BY id) "
                          "FROM items") ==
        "new:phone:1 psql:psql:5 r1:phone:100 r3:psql:3 r4:phone:77 r5:start:5 r7:start:7 "
        "r8:start:8");
}

// What is left to do after the kill is done by the engine here, which says the verdicts.
void finish_and_check(World& world) {
  std::map<std::string, std::string> stored = world.stored_verdicts();
  {
    objectos::SyncEngine engine({.database = world.phone});
    for (const objectos::Verdict& verdict : engine.sync_now().verdicts) {
      bool known = stored.count(verdict.mutation_id) != 0;
      CHECK(verdict.duplicate == known);
      if (known) CHECK(spelled(verdict) == stored[verdict.mutation_id]);
    }
    CHECK(engine.rejections().size() == 1);
    CHECK(engine.sync_now().verdicts.empty());
  }
  world.check_end();
  check_effects(world);
}

}  // namespace

TEST_CASE("every fault point of the sources is reached by clone or sync") {
  std::set<std::string> points = fault_points("client/src", "fault_point");
  CHECK(points.size() >= 15);
  for (const std::string& point : points) {
    // Passed by other work alone: fork_test.cpp, long_rounds_test.cpp, queue_commands_test.cpp,
    // filtered_files_test.cpp.
    const bool elsewhere = point.starts_with("fork.") || point.starts_with("subscription.") ||
                           point.starts_with("long_round.") ||
                           point.starts_with("store.discard.") || point.starts_with("store.retry.");
    if (elsewhere) continue;
    CAPTURE(point);
    World world;
    bool reached = world.clone(point).signal == SIGKILL;
    if (reached) {
      Ended again = world.clone();
      bool complete = again.code == 1 && again.output.find("file_exists") != std::string::npos;
      CHECK_MESSAGE((again.code == 0 || complete), again.output);
    }
    CHECK(world.sync().code == 0);
    world.check_end();
    world.edit_both_sides();
    if (world.sync(point).signal == SIGKILL) reached = true;
    finish_and_check(world);
    CHECK_MESSAGE(reached, "no clone and no sync passes this fault point");
  }
}

TEST_CASE("a live push that is killed anywhere takes effect once, and gets one verdict") {
  for (const std::string point :
       {"store.freeze.before_commit", "store.freeze.after_commit", "push_before_send",
        "push_answered", "store.verdicts.before_commit", "store.verdicts.after_commit",
        "push_verdicts_stored"}) {
    CAPTURE(point);
    World world;
    REQUIRE(world.clone().code == 0);
    Ended ended;
    std::thread watching([&] {
      ended = shell("OBJECTOS_FAULT=" + point + " timeout 60 " + program() + " watch " +
                    shell_quoted(world.phone) + " > /dev/null");
    });
    const bool live = comes_true([&] {
      return world.server.exec(
                 "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                 "current_database() AND query ~ 'sync_ack|^COMMIT' AND state = 'idle' AND "
                 "application_name = 'objectos-sync'") == "1";
    });
    local(world.phone,
          "BEGIN; UPDATE items SET name = 'phone' WHERE id = 'r1'; DELETE FROM items WHERE id = "
          "'r2'; UPDATE items SET amount = -1 WHERE id = 'r5'; COMMIT");
    watching.join();
    CHECK(live);
    CHECK(ended.code == 128 + SIGKILL);
    const std::map<std::string, std::string> stored = world.stored_verdicts();
    objectos::SyncEngine engine({.database = world.phone});
    for (const objectos::Verdict& verdict : engine.sync_now().verdicts) {
      const auto known = stored.find(verdict.mutation_id);
      CHECK(verdict.duplicate == (known != stored.end()));
      if (known != stored.end()) CHECK(spelled(verdict) == known->second);
    }
    CHECK(engine.rejections().size() == 1);
    world.check_end();
    CHECK(world.server.exec("SELECT string_agg(record_id || ' ' || operation, ', ' ORDER BY "
                            "client_sequence) FROM objectos_sync.mutations WHERE client_sequence "
                            "IS NOT NULL") == "r1 update, r2 delete");
  }
}

// trap: lost-answer
TEST_CASE("a push whose answer is lost is answered again with the same verdicts") {
  World world;
  REQUIRE(world.clone().code == 0);
  world.edit_both_sides();
  CHECK(world.sync("push_answered").signal == SIGKILL);
  auto before = world.stored_verdicts();
  CHECK(before.size() == 7);
  objectos::SyncEngine engine({.database = world.phone});
  auto result = engine.push_now();
  REQUIRE(result.verdicts.size() == 7);
  for (const objectos::Verdict& verdict : result.verdicts) {
    CHECK(verdict.duplicate);
    CHECK(spelled(verdict) == before[verdict.mutation_id]);
  }
  engine.sync_now();
  world.check_end();
  check_effects(world);
}

TEST_CASE("killed again and again within one exchange, the work still ends") {
  World world;
  REQUIRE(world.clone().code == 0);
  world.edit_both_sides();
  for (const char* point : {"store.freeze.after_commit", "push_before_send", "push_answered",
                            "store.verdicts.before_commit", "push_verdicts_stored", "round_page",
                            "store.round.before_commit", "round_after_commit", "ack_before"}) {
    CAPTURE(point);
    CHECK(world.sync(point).signal == SIGKILL);
    CHECK(broken_records(world.phone) == "");
  }
  CHECK(world.sync().code == 0);
  world.check_end();
  check_effects(world);
}
