// What a client with work in its queue does when the server's tables change under it.
#include <doctest/doctest.h>

#include "tests/e2e/replica.h"
#include "tests/e2e/support.h"

using namespace e2e;

namespace {

struct World {
  Server server;
  Directory directory;
  std::string phone = directory.file("phone.db");

  World() {
    server.exec("CREATE TABLE contacts (id int PRIMARY KEY, name text, n int)");
    server.exec("SELECT sync_enable('contacts')");
    server.exec("INSERT INTO contacts VALUES (1, 'Ada', 1), (2, 'Grace', 2), (3, 'Edsger', 3)");
    Ended ended = command("clone " + shell_quoted(server.conninfo()) + " " + shell_quoted(phone));
    REQUIRE_MESSAGE(ended.code == 0, ended.output);
  }
  Ended sync() {
    Ended ended = command("sync " + shell_quoted(phone));
    CHECK_MESSAGE(ended.code == 0, ended.output);
    return ended;
  }
  // Twice: a judged mutation leaves the queue with the first round begun after its verdict.
  void settle(const std::vector<std::string>& columns) {
    sync();
    sync();
    CHECK(local_rows(phone, "contacts", columns) == server_rows(server, "contacts", columns));
    CHECK(broken_records(phone) == "");
    CHECK(leftovers(phone, "contacts") == kNoLeftovers);
  }
};

constexpr const char* kPending =
    "UPDATE contacts SET name = 'Ada L.', n = 10 WHERE id = 1;"
    "INSERT INTO contacts (id, name, n) VALUES (9, 'new', 9);"
    "DELETE FROM contacts WHERE id = 3";

}  // namespace

TEST_CASE("a column added on the server arrives with its values and can be written at once") {
  World world;
  local(world.phone, kPending);
  world.server.exec("ALTER TABLE contacts ADD COLUMN city text DEFAULT 'Rome'");
  world.server.exec("UPDATE contacts SET city = 'Oslo' WHERE id = 2");
  world.settle({"id", "name", "n", "city"});
  CHECK(world.server.exec(
            "SELECT string_agg(id || name || n || city, ',' ORDER BY id) FROM contacts") ==
        "1Ada L.10Rome,2Grace2Oslo,9new9Rome");
  local(world.phone, "UPDATE contacts SET city = 'Bergen' WHERE id = 9");
  world.settle({"id", "name", "n", "city"});
  CHECK(world.server.exec("SELECT city FROM contacts WHERE id = 9") == "Bergen");
}

TEST_CASE("an edit that waits for a column renamed on the server arrives under its new name") {
  World world;
  local(world.phone, kPending);
  world.server.exec("ALTER TABLE contacts RENAME COLUMN name TO title");
  world.server.exec("ALTER TABLE contacts RENAME COLUMN n TO name");
  world.server.exec("UPDATE contacts SET title = 'Hopper' WHERE id = 2");
  Ended ended = world.sync();
  CHECK_MESSAGE(ended.output.find("rejected") == std::string::npos, ended.output);
  world.settle({"id", "title", "name"});
  CHECK(
      world.server.exec("SELECT string_agg(id || title || name, ',' ORDER BY id) FROM contacts") ==
      "1Ada L.10,2Hopper2,9new9");
}

TEST_CASE(
    "an edit that waits for a dropped column loses that field; one of nothing else is rejected") {
  World world;
  local(world.phone, kPending);
  local(world.phone, "UPDATE contacts SET n = 20 WHERE id = 2");
  world.server.exec("ALTER TABLE contacts DROP COLUMN n");
  Ended ended = command("sync " + shell_quoted(world.phone));
  CHECK_MESSAGE(ended.code == 3, ended.output);
  CHECK(local(world.phone, "SELECT group_concat(record_id) FROM _rejections") == "2");
  world.settle({"id", "name"});
  CHECK(world.server.exec("SELECT string_agg(id || name, ',' ORDER BY id) FROM contacts") ==
        "1Ada L.,2Grace,9new");
}

TEST_CASE("an edit that waits for a retyped column arrives as a value of the new type") {
  World world;
  local(world.phone, kPending);
  world.server.exec("ALTER TABLE contacts ALTER COLUMN n TYPE text USING 'n' || n");
  Ended ended = world.sync();
  CHECK_MESSAGE(ended.output.find("rejected") == std::string::npos, ended.output);
  world.settle({"id", "name", "n"});
  CHECK(world.server.exec("SELECT string_agg(id || name || n, ',' ORDER BY id) FROM contacts") ==
        "1Ada L.10,2Gracen2,9new9");
  local(world.phone, "UPDATE contacts SET n = '30.00' WHERE id = 2");
  world.server.exec(
      "ALTER TABLE contacts ALTER COLUMN n TYPE numeric(8,2) USING CASE WHEN n ~ '^[0-9]+$' THEN "
      "n::numeric ELSE 1 END");
  world.settle({"id", "name", "n"});
  CHECK(world.server.exec("SELECT n FROM contacts WHERE id = 2") == "30.00");
}

TEST_CASE("under a changed key the queue goes on by the new one") {
  World world;
  world.server.exec("ALTER TABLE contacts ADD COLUMN code text");
  world.server.exec("UPDATE contacts SET code = 'c' || id");
  world.sync();
  local(world.phone,
        "UPDATE contacts SET name = 'Ada L.' WHERE id = 1;"
        "INSERT INTO contacts (id, name, code) VALUES (9, 'new', 'c9');"
        "DELETE FROM contacts WHERE id = 3");
  world.server.exec("ALTER TABLE contacts DROP CONSTRAINT contacts_pkey, ADD PRIMARY KEY (code)");
  world.server.exec("UPDATE contacts SET name = 'Hopper' WHERE id = 2");
  Ended ended = world.sync();
  CHECK_MESSAGE(ended.output.find("rejected") == std::string::npos, ended.output);
  world.settle({"id", "name", "code"});
  CHECK(world.server.exec("SELECT string_agg(code || name, ',' ORDER BY code) FROM contacts") ==
        "c1Ada L.,c2Hopper,c9new");
}

TEST_CASE("a renamed table stays the object it was; a dropped one goes, with what waited for it") {
  World world;
  local(world.phone, kPending);
  world.server.exec("ALTER TABLE contacts RENAME TO people");
  world.sync();
  world.sync();
  CHECK(local_rows(world.phone, "contacts", {"id", "name"}) ==
        server_rows(world.server, "people", {"id", "name"}));
  local(world.phone, "UPDATE contacts SET name = 'too late' WHERE id = 1");
  world.server.exec("DROP TABLE people");
  Ended ended = command("sync " + shell_quoted(world.phone));
  CHECK_MESSAGE(ended.output.find("rejected") != std::string::npos, ended.output);
  CHECK(local(world.phone, "SELECT count(*) FROM sqlite_master WHERE name = 'contacts'") == "0");
  CHECK(local(world.phone, "SELECT count(*) FROM _mutations") == "0");
  CHECK(local(world.phone, "SELECT count(*) FROM _rejections") == "1");
}

TEST_CASE("partitions that are attached and detached come to the client and go") {
  World world;
  world.server.exec(
      "CREATE TABLE events (id int, day int, what text, PRIMARY KEY (id, day)) PARTITION BY LIST "
      "(day)");
  world.server.exec("CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1)");
  world.server.exec("SELECT sync_enable('events')");
  world.server.exec("CREATE TABLE events_2 (id int NOT NULL, day int NOT NULL, what text)");
  world.server.exec("INSERT INTO events_1 VALUES (1, 1, 'a')");
  world.server.exec("INSERT INTO events_2 VALUES (2, 2, 'b')");
  world.sync();
  world.server.exec("ALTER TABLE events ATTACH PARTITION events_2 FOR VALUES IN (2)");
  world.sync();
  local(world.phone, "UPDATE events SET day = 1 WHERE id = 2");
  local(world.phone, "INSERT INTO events (id, day, what) VALUES (3, 2, 'c')");
  world.sync();
  world.sync();
  const std::vector<std::string> columns = {"id", "day", "what"};
  CHECK(world.server.exec("SELECT string_agg(id || what, ',' ORDER BY id) FROM events_1") ==
        "1a,2b");
  CHECK(local_rows(world.phone, "events", columns) == server_rows(world.server, "events", columns));
  world.server.exec("ALTER TABLE events DETACH PARTITION events_2");
  world.sync();
  CHECK(local_rows(world.phone, "events", columns) == server_rows(world.server, "events", columns));
  CHECK(local(world.phone, "SELECT count(*) FROM events") == "2");
  CHECK(leftovers(world.phone, "events") == kNoLeftovers);
}
