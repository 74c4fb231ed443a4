// A device edits, the server changes the same record, the device pulls, and only then pushes: the
// mutation still says which version it was made on, so the server sees the other edit.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "objectos/sync_engine.h"
#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

const std::vector<std::string> kColumns = {"id", "name", "note"};

struct World : Synced {
  explicit World(const std::string& rules) {
    server.exec("CREATE TABLE items (id int PRIMARY KEY, name text, note text)");
    server.exec("SELECT sync_enable('items', " + rules + ")");
    server.exec("INSERT INTO items VALUES (1, 'b', 'b')");
    REQUIRE(clone().code == 0);
  }
  void edit(const std::string& sql) { local(phone, sql); }
  void pull() {
    const Ended ended = command("pull " + file);
    REQUIRE_MESSAGE(ended.code == 0, ended.output);
    CHECK(broken_records(phone) == "");
  }
  // "status reason resolution" of each mutation of a whole exchange.
  std::string verdicts() {
    std::string text;
    objectos::SyncEngine engine({.database = phone});
    for (const objectos::Verdict& verdict : engine.sync_now().verdicts) {
      text += (text.empty() ? "" : ", ") + verdict.status;
      if (!verdict.reason.empty()) text += " " + verdict.reason;
      if (!verdict.resolution.empty()) text += " " + verdict.resolution;
    }
    return text;
  }
  std::string row() { return server.exec("SELECT name || '|' || note FROM items WHERE id = 1"); }
  void check_same() {
    CHECK(local_rows(phone, "items", kColumns) == server_rows(server, "items", kColumns));
    CHECK(broken_records(phone) == "");
    CHECK(leftovers(phone, "items") == kNoLeftovers);
  }
};

}  // namespace

TEST_CASE("an edit that was queued before a pull meets what the pull brought") {
  struct Case {
    const char *rules, *verdict, *name;
  };
  for (const Case& one :
       {Case{"'manual'", "conflict concurrent_update manual", "s"},
        Case{"'server_wins'", "conflict concurrent_update server_wins", "s"},
        Case{"'client_wins'", "conflict concurrent_update client_wins", "c"},
        Case{"'merge', on_conflict => 'manual'", "conflict concurrent_update manual", "s"},
        Case{"'merge', on_conflict => 'server_wins'", "conflict concurrent_update server_wins",
             "s"}}) {
    CAPTURE(one.rules);
    World world(one.rules);
    world.edit("UPDATE items SET name = 'c'");
    world.server.exec("UPDATE items SET name = 's'");
    world.pull();
    CHECK(world.verdicts() == one.verdict);
    CHECK(world.row() == std::string(one.name) + "|b");
    world.check_same();
  }
}

TEST_CASE("after a pull, too, the later of two writes is the last one") {
  for (const char* rules : {"'lww'", "'merge'"}) {
    for (const bool device_first : {true, false}) {
      CAPTURE(rules);
      CAPTURE(device_first);
      World world(rules);
      if (device_first) {
        world.edit("UPDATE items SET name = 'c'");
        world.server.exec("SELECT pg_sleep(0.01)");
        world.server.exec("UPDATE items SET name = 's'");
      } else {
        // The device was edited later, but had not pulled then.
        world.server.exec("UPDATE items SET name = 's'");
        world.server.exec("SELECT pg_sleep(0.01)");
        world.edit("UPDATE items SET name = 'c'");
      }
      world.pull();
      CHECK(world.verdicts() == (device_first ? "merged concurrent_update server_wins"
                                              : "merged concurrent_update client_wins"));
      CHECK(world.row() == (device_first ? "s|b" : "c|b"));
      world.check_same();
    }
  }
}

TEST_CASE("an edit of one field and a pulled change of another both stay") {
  for (const char* rules : {"'lww'", "'merge'", "'server_wins'", "'client_wins'", "'manual'"}) {
    CAPTURE(rules);
    World world(rules);
    world.edit("UPDATE items SET name = 'c'");
    world.server.exec("UPDATE items SET note = 's'");
    world.pull();
    CHECK(local(world.phone, "SELECT name || '|' || note FROM items") == "c|s");
    CHECK(world.verdicts() == "merged version_mismatch");
    CHECK(world.row() == "c|s");
    world.check_same();
  }
}

TEST_CASE("an edit upon an edit that had met a pull does not undo the other side's change") {
  World world("'server_wins'");
  world.edit("UPDATE items SET name = 'c'");
  world.server.exec("UPDATE items SET name = 's'");
  world.pull();
  world.edit("UPDATE items SET name = 'd'; UPDATE items SET note = 'd'");
  CHECK(world.verdicts() ==
        "conflict concurrent_update server_wins, conflict concurrent_update server_wins, merged "
        "version_mismatch");
  CHECK(world.row() == "s|d");
  world.check_same();
}

TEST_CASE("of several edits in one push each meets what another one did to its own field") {
  for (const bool pulls : {false, true}) {
    CAPTURE(pulls);
    World world("'manual'");
    world.edit("UPDATE items SET name = 'c'; UPDATE items SET note = 'c'");
    world.server.exec("UPDATE items SET note = 's'");
    if (pulls) world.pull();
    CHECK(world.verdicts() == "merged version_mismatch, conflict concurrent_update manual");
    CHECK(world.row() == "c|s");
    world.check_same();
  }
}

TEST_CASE("a deletion made before a pull meets the change that the pull brought") {
  for (const bool update_wins : {false, true}) {
    CAPTURE(update_wins);
    World world(update_wins ? "deletes => 'update_wins'" : "deletes => 'deletion_wins'");
    world.edit("UPDATE items SET name = 'c'; DELETE FROM items");
    world.server.exec("UPDATE items SET note = 's'");
    world.pull();
    CHECK(world.verdicts() ==
          (update_wins ? "merged version_mismatch, conflict version_mismatch server_wins"
                       : "merged version_mismatch, conflict version_mismatch client_wins"));
    CHECK(world.row() == (update_wins ? "c|s" : ""));
    world.check_same();
  }
}

TEST_CASE("an edit of a record that was deleted and made again before a pull does not touch it") {
  World world("'client_wins'");
  world.edit("UPDATE items SET name = 'c'");
  world.server.exec("DELETE FROM items");
  world.server.exec("INSERT INTO items VALUES (1, 'new', 'new')");
  world.pull();
  CHECK(world.verdicts() == "conflict deleted server_wins");
  CHECK(world.row() == "new|new");
  world.check_same();
}

TEST_CASE("edits of one device are no conflict, however they are spread over pushes and pulls") {
  World world("'manual', deletes => 'update_wins'");
  const std::string push = "push " + world.file;
  auto pushed = [&] { CHECK(command(push).code == 0); };
  world.edit("UPDATE items SET name = 'c'");
  pushed();
  world.edit("UPDATE items SET name = 'd'");
  pushed();
  world.edit("UPDATE items SET note = 'd'; UPDATE items SET name = 'e'");
  world.pull();
  world.edit("UPDATE items SET note = 'e'");
  pushed();
  world.edit("DELETE FROM items; INSERT INTO items (id, name, note) VALUES (1, 'again', 'f')");
  pushed();
  world.edit("UPDATE items SET note = 'g'");
  world.pull();
  world.edit("UPDATE items SET name = 'h'");
  CHECK(world.verdicts() == "applied, applied");
  CHECK(world.row() == "h|g");
  world.edit("UPDATE items SET name = 'i'");
  pushed();
  world.edit("DELETE FROM items");
  CHECK(world.verdicts() == "applied");
  CHECK(world.server.exec(
            "SELECT count(*) FROM objectos_sync.verdicts WHERE status <> 'applied'") == "0");
  world.check_same();
}

TEST_CASE("an edit made while an earlier one's answer was lost follows it") {
  for (const bool pulls : {true, false}) {
    CAPTURE(pulls);
    World world("'manual'");
    world.edit("UPDATE items SET name = 'c'");
    CHECK(command("push " + world.file, "push_answered").signal != 0);
    world.edit("UPDATE items SET name = 'd'");
    if (pulls) world.pull();
    CHECK(world.verdicts() == (pulls ? "applied" : "applied, applied"));
    CHECK(world.row() == "d|b");
    world.check_same();
  }
}
