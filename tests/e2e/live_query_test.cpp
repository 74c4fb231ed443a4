// engine.watch(): a result that stays true, whoever writes.
#include <doctest/doctest.h>

#include "tests/e2e/listener_world.h"

using namespace e2e;
using namespace std::chrono_literals;
using objectos::QueryChange;
using objectos::Row;
using objectos::SyncEngine;

namespace {

const Row kAda = {1, "Ada"}, kGrace = {2, "Grace"};

}  // namespace

TEST_CASE("a live query tells its whole result, then added, removed and changed rows") {
  Contacts world;
  SyncEngine engine(world.options());
  engine.clone();
  Heard<QueryChange> heard;
  auto token = engine.watch("SELECT id, name FROM contacts ORDER BY name", heard.listener());
  auto told = heard.wait_for(1);
  REQUIRE(told.size() == 1);
  CHECK(told[0].first);
  CHECK(told[0].columns == std::vector<std::string>{"id", "name"});
  CHECK(told[0].rows == std::vector<Row>{kAda, kGrace});
  CHECK(told[0].added == told[0].rows);

  // Another process, one commit.
  const Ended ended = shell("sqlite3 " + shell_quoted(world.phone) +
                            " \"BEGIN; INSERT INTO contacts (id, name) VALUES (3, 'Jean'); UPDATE "
                            "contacts SET name = 'Ada L.' WHERE id = 1; DELETE FROM contacts WHERE "
                            "id = 2; COMMIT\"");
  REQUIRE(ended.code == 0);
  told = heard.wait_for(2);
  REQUIRE(told.size() == 2);
  CHECK_FALSE(told[1].first);
  CHECK(told[1].added == std::vector<Row>{{3, "Jean"}});
  CHECK(told[1].removed == std::vector<Row>{kGrace});
  REQUIRE(told[1].changed.size() == 1);
  CHECK(told[1].changed[0].before == kAda);
  CHECK(told[1].changed[0].after == Row{1, "Ada L."});

  // The server.
  world.server.exec("UPDATE contacts SET name = 'Ada Lovelace' WHERE id = 1");
  engine.sync_now();
  CHECK(heard.wait_until([](const std::vector<QueryChange>& all) {
    return all.back().rows.size() == 2 && all.back().rows[0] == Row{1, "Ada Lovelace"};
  }));
}

TEST_CASE(
    "a live query sees through views and joins, takes parameters and heeds the app's tables") {
  Contacts world;
  SyncEngine engine(world.options());
  engine.clone();
  local(world.phone,
        "CREATE TABLE marks (contact INT, mark TEXT); CREATE VIEW marked AS SELECT name, mark FROM "
        "contacts JOIN marks ON contact = id");
  Heard<QueryChange> heard;
  auto token =
      engine.watch("SELECT name, mark FROM marked WHERE mark <> ?1", {"hidden"}, heard.listener());
  REQUIRE(heard.wait_for(1).size() == 1);
  CHECK(heard.all()[0].rows.empty());
  local(world.phone, "INSERT INTO marks VALUES (1, 'star'), (2, 'hidden')");
  CHECK(heard.wait_for(2).back().added == std::vector<Row>{{"Ada", "star"}});
  local(world.phone, "UPDATE contacts SET name = 'Ada L.' WHERE id = 1");
  const QueryChange last = heard.wait_for(3).back();
  CHECK(last.added == std::vector<Row>{{"Ada L.", "star"}});
  CHECK(last.removed == std::vector<Row>{{"Ada", "star"}});
}

TEST_CASE("a commit that leaves the result as it was calls nobody, many commits make few calls") {
  Contacts world;
  objectos::Options options = world.options();
  options.timing.watch_interval = 300ms;
  SyncEngine engine(options);
  engine.clone();
  Heard<QueryChange> names, counts;
  auto first = engine.watch("SELECT name FROM contacts WHERE id = 1", names.listener());
  auto second = engine.watch("SELECT count(*) FROM contacts", counts.listener());
  REQUIRE(counts.wait_for(1).size() == 1);
  for (int i = 100; i < 140; ++i)
    local(world.phone, "INSERT INTO contacts (id, name) VALUES (" + std::to_string(i) + ", 'x')");
  CHECK(counts.wait_until(
      [](const std::vector<QueryChange>& all) { return all.back().rows[0] == Row{42}; }));
  CHECK(counts.all().size() < 40);
  CHECK(names.all().size() == 1);
}

TEST_CASE("what is no single SELECT is refused when it is to be watched") {
  Contacts world;
  SyncEngine engine(world.options());
  engine.clone();
  for (const char* sql :
       {"SELEC 1", "SELECT nothing FROM contacts", "UPDATE contacts SET name = 'x'",
        "INSERT INTO contacts (id) VALUES (5) RETURNING id", "PRAGMA user_version", "BEGIN",
        "ATTACH 'x' AS y", "SELECT 1; SELECT 2", "", "EXPLAIN SELECT 1", "SELECT ?1",
        "CREATE TABLE t (a)", "WITH a AS (SELECT 1) DELETE FROM contacts"}) {
    CAPTURE(sql);
    try {
      auto token = engine.watch(sql, [](const QueryChange&) {});
      FAIL("was accepted");
    } catch (const objectos::Error& error) {
      CHECK(error.code() == "bad_query");
      CHECK(error.error_class() == objectos::ErrorClass::usage);
    }
  }
  CHECK(local(world.phone, "SELECT count(*) FROM contacts") == "2");
}

TEST_CASE("a watched table that goes is told as an error, and its return as a result") {
  Contacts world;
  SyncEngine engine(world.options());
  engine.clone();
  local(world.phone, "CREATE TABLE notes (a); INSERT INTO notes VALUES (1)");
  Heard<QueryChange> heard;
  auto token = engine.watch("SELECT a FROM notes", heard.listener());
  REQUIRE(heard.wait_for(1).size() == 1);
  local(world.phone, "DROP TABLE notes");
  REQUIRE(heard.wait_for(2).size() == 2);
  CHECK(heard.all()[1].error.find("notes") != std::string::npos);
  CHECK(heard.all()[1].rows == std::vector<Row>{{1}});
  local(world.phone, "CREATE TABLE notes (a); INSERT INTO notes VALUES (2)");
  CHECK(heard.wait_until([](const std::vector<QueryChange>& all) {
    return all.back().error.empty() && all.back().rows == std::vector<Row>{{2}};
  }));
}

TEST_CASE("a live query that nobody holds any more is not run again") {
  Contacts world;
  SyncEngine engine(world.options());
  engine.clone();
  Heard<QueryChange> dropped, kept;
  auto token = engine.watch("SELECT name FROM contacts", dropped.listener());
  REQUIRE(dropped.wait_for(1).size() == 1);
  token.cancel();
  auto other = engine.watch("SELECT name FROM contacts", kept.listener());
  local(world.phone, "UPDATE contacts SET name = 'x' WHERE id = 1");
  REQUIRE(kept.wait_until([](const std::vector<QueryChange>& all) {
    return !all.empty() && all.back().rows[0] == Row{"x"};
  }));
  CHECK(dropped.all().size() == 1);
}
