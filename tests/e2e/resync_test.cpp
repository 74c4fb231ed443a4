// A replica that must be read anew: its queue, and what the app keeps in the file, stay.
#include <doctest/doctest.h>

#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

const std::vector<std::string> kColumns = {"id", "n", "name"};

struct Queued : Synced {
  Queued() {
    server.exec("CREATE TABLE items (id int PRIMARY KEY, n int, name text)");
    server.exec("SELECT sync_enable('items', 'merge', '{\"n\": \"counter\"}')");
    server.exec("INSERT INTO items SELECT i, 0, 'start' FROM generate_series(1, 5) i");
    const Ended made = clone();
    REQUIRE_MESSAGE(made.code == 0, made.output);
    local(
        phone,
        "CREATE TABLE mine (a); INSERT INTO mine VALUES ('kept');"
        "CREATE INDEX by_name ON items (name); CREATE VIEW big AS SELECT id FROM items WHERE n > 5;"
        "UPDATE items SET n = n + 10 WHERE id = 1; UPDATE items SET name = 'phone' WHERE id = 2;"
        "DELETE FROM items WHERE id = 3; INSERT INTO items (id, n, name) VALUES (9, 9, 'new')");
    server.exec(
        "UPDATE items SET n = n + 100 WHERE id = 1; UPDATE items SET name = 'psql' WHERE "
        "id = 4; DELETE FROM items WHERE id = 5");
  }
  void check_end(const Ended& first) {
    CHECK_MESSAGE(first.code == 0, first.output);
    CHECK(first.output.find("read anew") != std::string::npos);
    CHECK(sync().code == 0);
    CHECK(local_rows(phone, "items", kColumns) == server_rows(server, "items", kColumns));
    CHECK(broken_records(phone) == "");
    CHECK(leftovers(phone, "items") == kNoLeftovers);
    CHECK(server.exec("SELECT string_agg(id || ':' || n || ':' || name, ' ' ORDER BY id) FROM "
                      "items") == "1:110:start 2:0:phone 4:0:psql 9:9:new");
    CHECK(local(phone, "SELECT group_concat(id) FROM big") == "1,9");
    CHECK(local(phone, "SELECT a FROM mine") == "kept");
    CHECK(local(phone, "SELECT name FROM sqlite_master WHERE name = 'by_name'") == "by_name");
  }
};

}  // namespace

TEST_CASE("a resync after a checkpoint that is not accepted keeps and sends the queue") {
  Queued world;
  local(world.phone, "UPDATE _sync_state SET checkpoint = 'damaged'");
  world.check_end(world.sync());
}

TEST_CASE("a resync after the log was pruned keeps and sends the queue") {
  Queued world;
  world.server.exec("UPDATE objectos_sync.clients SET last_seen = now() - interval '1 year'");
  world.server.exec("SELECT sync_prune('0')");
  world.check_end(world.sync());
}

TEST_CASE(
    "a resync of a new history, with the table changed meanwhile, keeps and sends the queue") {
  Queued world;
  world.server.exec("ALTER TABLE items ADD COLUMN extra text DEFAULT 'e'");
  world.server.exec("SELECT sync_new_epoch()");
  world.check_end(world.sync());
  CHECK(local(world.phone, "SELECT count(DISTINCT extra) || max(extra) FROM items") == "1e");
}

TEST_CASE("a resync that is killed at its commit is done again, and nothing of the queue is lost") {
  for (const char* point : {"store.round.before_commit", "store.round.after_commit"}) {
    Queued world;
    local(world.phone, "UPDATE _sync_state SET checkpoint = NULL");
    world.sync(point);
    CHECK(broken_records(world.phone) == "");
    local(world.phone, "UPDATE _sync_state SET checkpoint = 'damaged'");
    world.check_end(world.sync());
  }
}
