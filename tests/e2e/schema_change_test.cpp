// The table changes on the server while devices hold a copy and unsent edits. Invariant: after the
// next sync the file has the server's columns and rows, and every edit took effect or was rejected.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

struct World : Synced {
  World() {
    server.exec("CREATE TABLE items (id int PRIMARY KEY, name text, amount int, note text)");
    server.exec("SELECT sync_enable('items')");
    server.exec("INSERT INTO items SELECT i, 'n' || i, i, 'start' FROM generate_series(1, 9) i");
    REQUIRE(clone().code == 0);
  }
  std::string columns() {
    return local(phone,
                 "SELECT group_concat(name, ' ') FROM pragma_table_info('items') WHERE name NOT "
                 "LIKE '\\_%' ESCAPE '\\'");
  }
  void check_same(const std::vector<std::string>& names) {
    CHECK(local_rows(phone, "items", names) == server_rows(server, "items", names));
    CHECK(broken_records(phone) == "");
    CHECK(leftovers(phone, "items") == kNoLeftovers);
  }
};

}  // namespace

TEST_CASE("a column added with a default arrives with its values, and unsent edits go through") {
  World world;
  local(world.phone, "UPDATE items SET name = 'offline' WHERE id = 1");
  local(world.phone, "INSERT INTO items (id, name) VALUES (50, 'new')");
  world.server.exec("ALTER TABLE items ADD COLUMN city text DEFAULT 'Oslo'");
  CHECK(world.sync().code == 0);
  CHECK(world.columns() == "id name amount note city");
  world.check_same({"id", "name", "amount", "note", "city"});
  CHECK(local(world.phone, "SELECT city FROM items WHERE id = 1") == "Oslo");
  local(world.phone, "UPDATE items SET city = 'Rome' WHERE id = 2");
  CHECK(world.sync().code == 0);
  world.check_same({"id", "name", "amount", "note", "city"});
}

TEST_CASE("a renamed column keeps its values on the device") {
  World world;
  world.server.exec("ALTER TABLE items RENAME COLUMN note TO remark");
  CHECK(world.sync().code == 0);
  CHECK(world.columns() == "id name amount remark");
  world.check_same({"id", "name", "amount", "remark"});
  local(world.phone, "UPDATE items SET remark = 'offline' WHERE id = 1");
  CHECK(world.sync().code == 0);
  world.check_same({"id", "name", "amount", "remark"});
}

TEST_CASE("columns that swap their names on the server swap their values on the device") {
  World world;
  world.server.exec("ALTER TABLE items RENAME COLUMN note TO other");
  world.server.exec("ALTER TABLE items RENAME COLUMN name TO note");
  world.server.exec("ALTER TABLE items RENAME COLUMN other TO name");
  CHECK(world.sync().code == 0);
  CHECK(local(world.phone, "SELECT name || ' ' || note FROM items WHERE id = 1") == "start n1");
  world.check_same({"id", "name", "amount", "note"});
}

TEST_CASE("dropped and retyped columns arrive; an edit of the dropped one is rejected by name") {
  World world;
  local(world.phone, "UPDATE items SET name = 'offline' WHERE id = 1");
  local(world.phone, "UPDATE items SET note = 'too late' WHERE id = 2");
  world.server.exec("ALTER TABLE items DROP COLUMN note");
  world.server.exec("ALTER TABLE items ALTER COLUMN amount TYPE text USING 'is ' || amount");
  Ended ended = world.sync();
  CHECK(ended.code == 3);
  CHECK_MESSAGE(ended.output.find("object items has no column note") != std::string::npos,
                ended.output);
  CHECK(world.columns() == "id name amount");
  CHECK(local(world.phone, "SELECT name || ' ' || amount FROM items WHERE id = 1") ==
        "offline is 1");
  world.check_same({"id", "name", "amount"});
}

TEST_CASE("killed around the commit of a round that changes the table, the next sync ends it") {
  for (const char* point : {"round_received", "round_before_commit", "store.round.before_commit",
                            "store.round.after_commit", "round_after_commit"}) {
    CAPTURE(point);
    World world;
    local(world.phone, "UPDATE items SET name = 'offline' WHERE id = 1");
    world.server.exec("ALTER TABLE items RENAME COLUMN note TO remark");
    world.server.exec("ALTER TABLE items ADD COLUMN city text DEFAULT 'Oslo'");
    CHECK(world.sync(point).signal == SIGKILL);
    CHECK(broken_records(world.phone) == "");
    local(world.phone, "UPDATE items SET amount = 100 WHERE id = 2");
    CHECK(world.sync().code == 0);
    CHECK(world.sync().code == 0);
    CHECK(world.columns() == "id name amount remark city");
    CHECK(world.server.exec("SELECT name FROM items WHERE id = 1") == "offline");
    CHECK(world.server.exec("SELECT amount FROM items WHERE id = 2") == "100");
    world.check_same({"id", "name", "amount", "remark", "city"});
  }
}
