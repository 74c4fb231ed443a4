// What changes on the server without a change of a row: tables, rights, what is enabled, and what a
// client gets. An idle live client polls nothing, so it must be told.
#include <doctest/doctest.h>

#include "tests/e2e/live_world.h"
#include "tests/e2e/presence_world.h"
#include "tests/e2e/replica.h"

using namespace e2e;
using objectos::SyncEngine;

namespace {

// Ada's file of notes and diary, whose live engine is idle; `notes` she may read all of.
struct World : PresenceWorld {
  Directory directory;
  std::string phone = directory.file("phone.db");
  std::unique_ptr<SyncEngine> engine;

  World() {
    objectos::Options options;
    options.database = phone;
    options.server = server.conninfo() + " user=ada";
    options.timing.interval = options.timing.push_age = options.timing.live_poll_interval = 1h;
    options.logger = [](objectos::LogLevel, const std::string&) {};
    engine = std::make_unique<SyncEngine>(options);
    engine->clone();
    engine->start();
    REQUIRE(settles(*engine));
  }
  // What the file says after the statement, once it says this.
  bool tells(const std::string& statement, const std::string& question, const std::string& answer) {
    server.exec(statement);
    return soon([&] {
      try {
        return local(phone, question) == answer;
      } catch (const std::runtime_error&) {  // no such table, yet or any more
        return answer == "no table";
      }
    });
  }
};

const std::string kColumns =
    "SELECT group_concat(name) FROM pragma_table_info('notes') WHERE name NOT LIKE '\\_%' ESCAPE "
    "'\\'";

}  // namespace

TEST_CASE("an idle live client has a column that is added, renamed, filled or dropped at once") {
  World world;
  CHECK(world.tells("ALTER TABLE notes ADD COLUMN n int", kColumns, "id,body,n"));
  CHECK(world.tells("ALTER TABLE notes RENAME n TO m", kColumns, "id,body,m"));
  CHECK(world.tells("ALTER TABLE notes ADD COLUMN city text DEFAULT 'Oslo'",
                    "SELECT city FROM notes WHERE id = 1", "Oslo"));
  CHECK(world.tells("ALTER TABLE notes DROP COLUMN m", kColumns, "id,body,city"));
}

TEST_CASE(
    "an idle live client has a table that is enabled, and not one that is disabled or dropped") {
  World world;
  world.server.exec(
      "CREATE TABLE songs (id int PRIMARY KEY, title text); INSERT INTO songs VALUES (1, 'one');"
      "GRANT SELECT ON songs TO ada");
  CHECK(world.tells("SELECT sync_enable('songs')", "SELECT title FROM songs", "one"));
  CHECK(world.tells("SELECT sync_disable('songs')", "SELECT title FROM songs", "no table"));
  CHECK(world.tells("SELECT sync_enable('songs')", "SELECT title FROM songs", "one"));
  CHECK(world.tells("DROP TABLE songs", "SELECT title FROM songs", "no table"));
}

TEST_CASE("an idle live client has what it may read at once, and what it may no longer is gone") {
  World world;
  const std::string count = "SELECT count(*) FROM notes";
  CHECK(world.tells("REVOKE SELECT ON notes FROM ada", count, "no table"));
  CHECK(world.tells("GRANT SELECT ON notes TO ada", count, "2"));
  CHECK(world.tells("REVOKE SELECT ON notes FROM ada; GRANT SELECT (id, _version) ON notes TO ada",
                    kColumns, "id"));
  CHECK(world.tells("GRANT SELECT ON notes TO ada", kColumns, "id,body"));
  CHECK(world.tells("ALTER TABLE notes ENABLE ROW LEVEL SECURITY", count, "0"));
  CHECK(world.tells("CREATE POLICY first ON notes USING (id = 1)", count, "1"));
  CHECK(world.tells("ALTER POLICY first ON notes USING (id > 0)", count, "2"));
  CHECK(world.tells("DROP POLICY first ON notes", count, "0"));
  CHECK(
      world.tells("CREATE FUNCTION shown(id int) RETURNS boolean LANGUAGE sql AS 'SELECT id = 1';"
                  "CREATE POLICY part ON notes USING (shown(id))",
                  count, "1"));
  // No event of the server's: whoever does it says so.
  CHECK(
      world.tells("CREATE ROLE readers_of_notes; CREATE POLICY team ON notes TO readers_of_notes"
                  " USING (true); GRANT readers_of_notes TO ada; NOTIFY objectos_sync",
                  count, "2"));
  CHECK(world.tells("REVOKE readers_of_notes FROM ada; NOTIFY objectos_sync", count, "1"));
  world.server.exec("DROP POLICY team ON notes; DROP ROLE readers_of_notes");
}

// Race: the client looks while the server's sessions have not been told yet that rights changed.
TEST_CASE("rights that change again and again are never seen as they were") {
  World world;
  const std::string count = "SELECT count(*) FROM notes";
  for (int i = 0; i < 100; ++i) {
    CAPTURE(i);
    REQUIRE(world.tells("REVOKE SELECT ON notes FROM ada", count, "no table"));
    REQUIRE(world.tells("GRANT SELECT ON notes TO ada", count, "2"));
  }
}

TEST_CASE("a subscription that another session gives a client is pulled at once") {
  World world;
  const std::string id = world.engine->status().client_id;
  CHECK(world.ada
            .ask("SELECT sync_subscribe('" + id +
                 "', '{\"objects\": [\"notes\"], \"filters\":"
                 " {\"notes\": {\"id\": 1}}}')")
            .state.empty());
  CHECK(soon([&] { return local(world.phone, "SELECT count(*) FROM notes") == "1"; }));
  CHECK(world.ada.ask("SELECT sync_subscribe('" + id + "', NULL)").state.empty());
  CHECK(soon([&] { return local(world.phone, "SELECT count(*) FROM notes") == "2"; }));
}
