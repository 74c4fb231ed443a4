// What a device must be told anew, because it cannot know it from its own edits or from the log.
#include <doctest/doctest.h>

#include "objectos/sync_engine.h"
#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

const std::vector<std::string> kColumns = {"id", "name", "note"};

struct World : Synced {
  int conflicts = 0;
  explicit World(const std::string& options) {
    server.exec("CREATE TABLE notes (id text PRIMARY KEY, name text, note text)");
    server.exec("SELECT sync_enable('notes', " + options + ")");
    server.exec("INSERT INTO notes (id) VALUES ('a'), ('b')");
    REQUIRE(clone().code == 0);
  }
  void check() {
    CHECK(local_rows(phone, "notes", kColumns) == server_rows(server, "notes", kColumns));
    CHECK(leftovers(phone, "notes") == kNoLeftovers);
  }
  std::string open_conflicts(const std::string& path) {
    return local(path,
                 "SELECT coalesce(group_concat(conflict_id), '') FROM _conflicts WHERE "
                 "status = 'open'");
  }
  std::string open_at_server() {
    return server.exec(
        "SELECT coalesce(string_agg(conflict_id::text, ','), '') FROM sync_conflicts() WHERE "
        "status = 'open'");
  }
  void make_conflict() {
    const std::string number = std::to_string(++conflicts);
    local(phone, "UPDATE notes SET name = 'phone" + number + "' WHERE id = 'a'");
    server.exec("UPDATE notes SET name = 'psql" + number + "' WHERE id = 'a'");
    CHECK(sync().code != 1);
    CHECK(open_conflicts(phone) == open_at_server());
    CHECK(open_at_server().size() == 36);
  }
};

}  // namespace

TEST_CASE("a record that the phone's update brought back is on the phone that had seen it go") {
  World world("strategy => 'client_wins', deletes => 'update_wins'");
  local(world.phone, "UPDATE notes SET name = 'kept', note = 'too' WHERE id = 'a'");
  world.server.exec("DELETE FROM notes WHERE id = 'a'");
  {
    objectos::SyncEngine engine({.database = world.phone});
    engine.pull_now();  // the deletion first
    engine.push_now();
    engine.pull_now();
    engine.sync_now();
  }
  CHECK(world.server.exec("SELECT name FROM notes WHERE id = 'a'") == "kept");
  world.check();
}

TEST_CASE("a new device learns of the conflicts that were open before it came") {
  World world("strategy => 'manual'");
  world.make_conflict();
  const std::string tablet = world.directory.file("tablet.db");
  REQUIRE(world.clone_into(tablet).code == 4);  // complete, with a conflict
  CHECK(world.open_conflicts(tablet) == world.open_at_server());
  objectos::SyncEngine engine({.database = tablet});
  REQUIRE(engine.conflicts().size() == 1);
  const objectos::Conflict conflict = engine.conflicts()[0];
  CHECK(conflict.client == R"({"name":"phone1"})");
  CHECK(conflict.server == R"({"name":"psql1"})");
  engine.resolve(conflict.conflict_id, "client_wins");
  CHECK(world.open_conflicts(tablet) == "");
  CHECK(world.sync().code != 1);
  CHECK(world.open_conflicts(world.phone) == "");
  world.check();
}

TEST_CASE("a device that reads everything anew has the conflicts that are open, and no others") {
  World world("strategy => 'manual'");
  world.make_conflict();
  const std::string tablet = world.directory.file("tablet.db");
  REQUIRE(world.clone_into(tablet).code == 4);  // complete, with a conflict
  world.server.exec("SELECT sync_resolve('" + world.open_at_server() + "', 'server_wins')");
  world.server.exec("SELECT sync_new_epoch()");
  world.server.exec(
      "BEGIN; SET LOCAL objectos_sync.client_retention = 0; SELECT sync_prune('0'); COMMIT");
  world.make_conflict();
  objectos::SyncEngine engine({.database = tablet});
  CHECK(engine.sync_now().resynced);
  CHECK(world.open_conflicts(tablet) == world.open_at_server());
}

TEST_CASE("a conflict about a record that the device itself deletes has ended there, too") {
  World world("on_conflict => 'manual'");
  world.make_conflict();
  local(world.phone, "DELETE FROM notes WHERE id = 'a'");
  CHECK(world.sync().code == 0);
  CHECK(world.open_at_server().empty());
  CHECK(world.open_conflicts(world.phone).empty());
  world.check();
}
