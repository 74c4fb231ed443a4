// Rounds that are applied beside the tables. Race: other programs write and read while the round's
// tables are filled, and in every pause between two of its transactions. Invariants: until the
// round's own transaction nobody sees anything of it, after it everybody sees all of it; what was
// written meanwhile is queued and on top of it; the app's indexes and views are what they were.
#include <doctest/doctest.h>

#include <cstdlib>

#include "store/sqlite_handle.h"
#include "store_file.h"

using namespace store_file;

namespace {

const std::string notes =
    schema({object_schema("notes", {"id"}, {{"id"}, {"name"}, {"age", "integer", "integer"}}),
            object_schema("places", {"x", "y"}, {{"x", "integer", "integer"}, {"y"}, {"name"}})});

struct Forced {
  Forced() { setenv("OBJECTOS_LONG_ROUND", "1", 1); }
  ~Forced() { unsetenv("OBJECTOS_LONG_ROUND"); }
};

// Any other program.
class Program {
 public:
  explicit Program(const std::string& path) {
    REQUIRE(sqlite3_open(path.c_str(), &database_) == SQLITE_OK);
    sqlite3_busy_timeout(database_, 1000);
  }
  ~Program() { sqlite3_close_v2(database_); }
  void run(const std::string& sql) { run_sql(database_, sql); }
  std::string value(const std::string& sql) {
    Statement row(database_, sql);
    return row.step() ? row.text(0) : "";
  }

 private:
  sqlite3* database_ = nullptr;
};

std::string id_of(int number) {
  return "n" + std::to_string(number * 7919 % 10007);
}

PulledRow note(int number, const std::string& name, int64_t version) {
  return row("mutation", "notes", id_of(number), "insert",
             "{\"id\":\"" + id_of(number) + "\",\"name\":\"" + name +
                 "\",\"age\":" + std::to_string(number % 90) + "}",
             version);
}

PulledRow renamed(int number, const std::string& name, int64_t version) {
  return row("mutation", "notes", id_of(number), "update", "{\"name\":\"" + name + "\"}", version);
}

PulledRow place(int x, const std::string& name, int64_t version) {
  const std::string number = std::to_string(x);
  return row("mutation", "places", "[" + number + ",\"y\"]", "insert",
             "{\"x\":" + number + ",\"y\":\"y\",\"name\":\"" + name + "\"}", version);
}

PulledRow checkpoint_row(const std::string& text) {
  PulledRow last = row("checkpoint");
  last.checkpoint = text;
  return last;
}

constexpr int count = 2000;

struct Beside {
  Forced forced;
  File file{notes};
  Program app{file.path};
  bool listens = false;
  std::function<void()> between = [] {};

  Beside() {
    std::vector<PulledRow> rows;
    for (int i = 0; i < count; ++i) rows.push_back(note(i, "old", 1 + i));
    for (int i = 0; i < 50; ++i) rows.push_back(place(i, "old", 1 + i));
    file.round(rows);
  }

  std::unique_ptr<RoundApplier> begin() {
    return file.db->begin_long_round({[this] {
                                        return Listing{listens, {}};
                                      },
                                      [] {},
                                      [this] {
                                        return Listing{listens, {}};
                                      },
                                      [this] { between(); }});
  }
  RoundResult round(const std::vector<PulledRow>& rows) {
    auto applier = begin();
    for (const PulledRow& each : rows) applier->apply(each);
    applier->apply(checkpoint_row("c2"));
    RoundResult result = applier->commit("2026-01-03T00:00:00Z");
    applier.reset();
    CHECK(app.value("PRAGMA integrity_check") == "ok");
    file.db->tidy();
    return result;
  }
  std::vector<PulledRow> all_renamed() const {
    std::vector<PulledRow> rows;
    for (int i = 0; i < count; ++i) rows.push_back(renamed(i, "new", 10'000 + i));
    return rows;
  }
  std::string names() {
    return app.value(
        "SELECT group_concat(name || ':' || n, ' ') FROM (SELECT name, count(*) n FROM notes "
        "GROUP BY name ORDER BY name)");
  }
  void check_sound() {
    CHECK(file.db->verify_local().empty());
    CHECK(app.value("PRAGMA integrity_check") == "ok");
    CHECK(app.value("SELECT group_concat(name, ' ') FROM sqlite_master WHERE name LIKE "
                    "'%incoming%' OR name LIKE '%outgoing%' OR name LIKE '\\_sync\\_re%' ESCAPE "
                    "'\\' OR name LIKE '%note\\_%' ESCAPE '\\' OR name LIKE '%touched%'") == "");
  }
};

}  // namespace

TEST_CASE("of a round that is applied beside the tables nothing is seen before all of it") {
  Beside beside;
  int looks = 0;
  beside.between = [&] {
    ++looks;
    CHECK(beside.names() == "old:2000");
    CHECK(beside.app.value("SELECT checkpoint FROM _sync_state") == "c1");
  };
  const RoundResult result = beside.round(beside.all_renamed());
  CHECK(looks > 5);
  CHECK(result.change_count == count);
  CHECK(result.objects.count("notes") == 1);
  CHECK(beside.names() == "new:2000");
  CHECK(beside.app.value("SELECT checkpoint FROM _sync_state") == "c2");
  CHECK(beside.app.value("SELECT sum(age), count(DISTINCT id) FROM notes WHERE _synced=1") ==
        beside.app.value("SELECT sum(age) FROM notes"));
  CHECK(beside.file.db->queue().empty());
  beside.check_sound();
}

TEST_CASE("a reader that began before the round ends goes on to see what it saw") {
  Beside beside;
  Program reader(beside.file.path);
  reader.run("BEGIN");
  CHECK(reader.value("SELECT count(*) FROM notes WHERE name='old'") == "2000");
  beside.round(beside.all_renamed());
  CHECK(reader.value("SELECT count(*) FROM notes WHERE name='old'") == "2000");
  reader.run("COMMIT");
  CHECK(reader.value("SELECT count(*) FROM notes WHERE name='new'") == "2000");
}

TEST_CASE("what is written while a round is applied beside the tables stays, over what came") {
  Beside beside;
  int written = 0;
  const auto write = [&] {
    const std::string id = id_of(written);
    switch (written++ % 4) {
      case 0:
        return beside.app.run("UPDATE notes SET age=1000 WHERE id='" + id + "'");
      case 1:
        return beside.app.run("DELETE FROM notes WHERE id='" + id + "'");
      case 2:
        return beside.app.run("INSERT INTO notes(id,name,age) VALUES('mine" +
                              std::to_string(written) + "','mine',1)");
      default:
        return beside.app.run("UPDATE notes SET id='moved" + std::to_string(written) +
                              "' WHERE id='" + id + "'");
    }
  };
  for (int i = 0; i < 40; ++i) write();
  beside.between = write;
  beside.round(beside.all_renamed());
  CHECK(written > 45);
  CHECK(beside.app.value("SELECT count(*) FROM notes WHERE age=1000 AND name='new'") ==
        std::to_string((written + 3) / 4));
  CHECK(beside.app.value("SELECT count(*) FROM notes WHERE name='mine'") ==
        std::to_string((written + 1) / 4));
  CHECK(beside.app.value("SELECT count(*) FROM notes WHERE id LIKE 'moved%' AND name='old'") ==
        std::to_string(written / 4));
  CHECK(beside.app.value("SELECT count(DISTINCT record_id) FROM _base WHERE image LIKE '%new%'") ==
        beside.app.value("SELECT count(*) FROM _base WHERE image IS NOT NULL"));
  beside.check_sound();
  beside.file.push_all();
  CHECK(beside.app.value("SELECT count(*) FROM _base") == "0");
  beside.check_sound();
}

TEST_CASE("records that the server deletes, inserts and truncates beside the tables are so") {
  Beside beside;
  beside.app.run("UPDATE notes SET age=1000 WHERE id='" + id_of(3) + "'");
  std::vector<PulledRow> rows = beside.all_renamed();
  rows.push_back(row("mutation", "notes", id_of(1), "delete", "", 10'001));
  rows.push_back(row("mutation", "notes", id_of(3), "delete", "", 10'003));
  rows.push_back(note(9000, "late", 20'000));
  rows.push_back(row("removal", "notes", id_of(2)));
  rows.push_back(place(7, "there", 20'001));
  const RoundResult result = beside.round(rows);
  CHECK(result.missing_rows == 0);
  CHECK(beside.names() == "late:1 new:1997");
  CHECK(beside.app.value("SELECT image IS NULL AND version=10003 FROM _base") == "1");
  CHECK(beside.app.value("SELECT count(*) FROM places WHERE name='there'") == "1");
  beside.check_sound();
  beside.round({row("truncate", "notes", "", "", "", 30'000), note(1, "after", 30'001)});
  CHECK(beside.names() == "after:1");
  beside.check_sound();
  beside.app.run("UPDATE notes SET age=5 WHERE id='" + id_of(1) + "'");
  beside.round({row("truncate", "notes", "", "", "", 35'000), note(2, "again", 35'001)});
  CHECK(beside.names() == "again:1");
  beside.check_sound();
  CHECK(beside.round({renamed(5, "lost", 40'000)}).missing_rows == 1);
}

TEST_CASE("a mutation that the round acknowledges becomes part of the row beside the tables") {
  Beside beside;
  beside.app.run("UPDATE notes SET age=77 WHERE id='" + id_of(4) + "'");
  beside.app.run("INSERT INTO notes(id,name) VALUES('mine','mine')");
  std::vector<PulledRow> rows = beside.all_renamed();
  int64_t version = 50'000;
  for (const QueuedMutation& sent : beside.file.db->next_batch(10)) {
    PulledRow ack = row("acknowledgement", sent.object, sent.record_id, sent.operation,
                        R"({"status":"applied","absorb":true})", ++version);
    ack.id = sent.id;
    rows.push_back(ack);
  }
  beside.between = [&] {
    if (version++ == 50'002) beside.app.run("UPDATE notes SET age=78 WHERE id='mine'");
  };
  CHECK(beside.round(rows).acknowledged.size() == 2);
  CHECK(beside.app.value("SELECT age || name || _version || _synced FROM notes WHERE id='" +
                         id_of(4) + "'") == "77new500011");
  CHECK(beside.app.value("SELECT age || name || _synced FROM notes WHERE id='mine'") == "78mine0");
  CHECK(beside.app.value("SELECT image FROM _base") == R"({"id":"mine","name":"mine"})");
  beside.check_sound();
}

TEST_CASE("the app's indexes and views are the same after a round beside the tables, and right") {
  Beside beside;
  beside.app.run(
      "CREATE INDEX \"by \"\"name\"\"\" ON notes (name COLLATE NOCASE, age DESC) WHERE age > 5;"
      "CREATE UNIQUE INDEX by_id ON notes(lower(id));"
      "CREATE VIEW elders AS SELECT id FROM notes WHERE age > 80;"
      "CREATE TABLE own(x); CREATE TRIGGER on_own AFTER INSERT ON own BEGIN UPDATE notes SET "
      "name=NEW.x WHERE id='" +
      id_of(0) + "'; END");
  const std::string schema_before = beside.app.value(
      "SELECT group_concat(name || sql, ' ') FROM (SELECT name, sql FROM "
      "sqlite_master WHERE sql IS NOT NULL ORDER BY name)");
  const std::string elders = beside.app.value("SELECT count(*) FROM elders");
  beside.round(beside.all_renamed());
  CHECK(beside.app.value("SELECT group_concat(name || sql, ' ') FROM (SELECT name, sql FROM "
                         "sqlite_master WHERE sql IS NOT NULL ORDER BY name)") == schema_before);
  CHECK(beside.app.value("SELECT count(*) FROM elders") == elders);
  CHECK(beside.app.value("SELECT count(*) FROM notes INDEXED BY \"by \"\"name\"\"\" WHERE name="
                         "'NEW' COLLATE NOCASE AND age > 5") ==
        beside.app.value("SELECT count(*) FROM notes WHERE age > 5"));
  beside.app.run("INSERT INTO own VALUES('by trigger')");
  CHECK(beside.file.db->queue().size() == 1);
  beside.check_sound();
}

TEST_CASE("a table with the app's triggers, or listeners, is changed in place") {
  Beside beside;
  bool triggers = true;
  SUBCASE("triggers") {
    beside.app.run(
        "CREATE TABLE heard(name); CREATE TRIGGER hear AFTER UPDATE ON notes BEGIN "
        "INSERT INTO heard VALUES(NEW.name); END");
  }
  SUBCASE("listeners") {
    beside.listens = true;
    triggers = false;
  }
  int looks = 0;
  beside.between = [&] { ++looks; };
  const RoundResult result = beside.round(beside.all_renamed());
  CHECK(looks == 0);
  CHECK(beside.names() == "new:2000");
  if (triggers)
    CHECK(beside.app.value("SELECT count(*) FROM heard") == "2000");
  else
    CHECK(result.changes.size() == count);
  beside.check_sound();
}

TEST_CASE("a round beside the tables gives up where it does not fit, and leaves nothing") {
  Beside beside;
  std::vector<PulledRow> rows = beside.all_renamed();
  const auto refused = [&] { CHECK_THROWS_AS(beside.round(rows), NotBesideTables); };
  SUBCASE("an index is made meanwhile") {
    beside.between = [&] { beside.app.run("CREATE INDEX IF NOT EXISTS later ON notes(age)"); };
    refused();
  }
  SUBCASE("a trigger is made meanwhile") {
    beside.between = [&] {
      beside.app.run(
          "CREATE TRIGGER IF NOT EXISTS later AFTER DELETE ON notes BEGIN SELECT 1; END");
    };
    refused();
  }
  SUBCASE("somebody begins to listen") {
    beside.between = [&] { beside.listens = true; };
    refused();
  }
  SUBCASE("the object is to be read whole") {
    rows.push_back(row("reread", "notes", "", "begin"));
    refused();
  }
  SUBCASE("the app's UNIQUE index does not allow it") {
    beside.app.run("CREATE UNIQUE INDEX one ON notes(name) WHERE name<>'old'");
    refused();
  }
  CHECK(beside.names() == "old:2000");
  beside.file.db->tidy();
  beside.check_sound();
}

TEST_CASE("what a crash leaves of a round beside the tables is tidied away, or goes with detach") {
  Beside beside;
  struct Stopped {};
  int steps = 0;
  beside.between = [&] {
    if (++steps == 4) throw Stopped();
  };
  CHECK_THROWS_AS(beside.round(beside.all_renamed()), Stopped);
  CHECK(beside.names() == "old:2000");
  CHECK(beside.app.value("SELECT count(*) > 0 FROM _incoming_notes") == "1");
  SUBCASE("tidied, with work going on") {
    beside.app.run("UPDATE notes SET age=1000 WHERE id='" + id_of(1) + "'");
    beside.file.db->tidy();
    CHECK(beside.file.db->queue().size() == 1);
    beside.check_sound();
    beside.between = [] {};
    beside.round(beside.all_renamed());
    CHECK(beside.names() == "new:2000");
    beside.check_sound();
  }
  SUBCASE("detached") {
    beside.file.db.reset();
    LocalDatabase::detach(beside.file.path);
    CHECK(beside.app.value("SELECT group_concat(name, ' ') FROM sqlite_master WHERE type='table' "
                           "AND name NOT LIKE 'sqlite%'") == "notes places");
  }
}

TEST_CASE("without its being forced, a round of few records changes the table in place") {
  Beside beside;
  unsetenv("OBJECTOS_LONG_ROUND");
  int looks = 0;
  beside.between = [&] { ++looks; };
  beside.round(beside.all_renamed());
  CHECK(looks == 0);
  CHECK(beside.names() == "new:2000");
  beside.check_sound();
}
