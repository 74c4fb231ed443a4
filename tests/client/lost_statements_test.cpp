// The app's indexes, triggers and views on an object's table whose columns the server changes.
#include <doctest/doctest.h>

#include "tests/client/store_file.h"

using namespace store_file;

namespace {

const Column kId{"id"}, kName{"name"}, kN{"n", "integer", "bigint"}, kCity{"city"};

std::string notes(const std::vector<Column>& columns) {
  return schema({object_schema("notes", {"id"}, columns)});
}

PulledRow changed_to(const std::string& schema_text) {
  PulledRow changed = row("schema");
  changed.data = schema_text;
  return changed;
}

std::string names(const File& file) {
  return file.shell(
      "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_master WHERE "
      "name LIKE 'my%' ORDER BY name)");
}

// An app that has one of each on the column `city`, and one of each beside it.
struct AppFile : File {
  AppFile() : File(notes({kId, kName, kN, kCity})) {
    round({store_file::row("mutation", "notes", "1", "insert",
                           R"({"id":"1","name":"A","n":1,"city":"Rome"})", 1)});
    CHECK(shell("CREATE TABLE mylog(a);"
                "CREATE INDEX myindex_city ON notes(city); CREATE INDEX myindex_n ON notes(n);"
                "CREATE VIEW myview_city AS SELECT city FROM notes;"
                "CREATE VIEW myview_n AS SELECT n FROM notes;"
                "CREATE TRIGGER mytrigger_city AFTER UPDATE ON notes BEGIN "
                "INSERT INTO mylog VALUES (NEW.city); END;"
                "CREATE TRIGGER mytrigger_n AFTER UPDATE OF n ON notes BEGIN "
                "INSERT INTO mylog VALUES (NEW.n); END;") == "");
  }
};

}  // namespace

TEST_CASE("what names a dropped column is kept as text and told of; the rest survives and works") {
  AppFile file;
  CHECK(file.shell("UPDATE notes SET name = 'pending' WHERE id = '1'") == "");
  const RoundResult result = file.round({changed_to(notes({kId, kName, kN}))});
  CHECK(names(file) == "myindex_n mylog mytrigger_n myview_city myview_n");
  REQUIRE(result.lost.size() == 3);
  CHECK(result.lost[0].find("myindex_city: ") == 0);
  CHECK(result.lost[1].find("mytrigger_city: no such column: NEW.city") == 0);
  CHECK(result.lost[2].find("the view myview_city: no such column: city") == 0);
  CHECK(file.shell("SELECT group_concat(name || ' ' || object || ' ' || substr(sql, 1, 12)) FROM "
                   "_lost_statements") ==
        "myindex_city notes CREATE INDEX,mytrigger_city notes CREATE TRIGG");
  // Local writes and rounds go on, and what is left of the app's triggers fires.
  CHECK(file.shell("DELETE FROM mylog; UPDATE notes SET n = 7; SELECT group_concat(a) FROM mylog;"
                   "SELECT n FROM myview_n INDEXED BY x") != "");
  CHECK(file.shell("SELECT group_concat(a) FROM mylog") == "7");
  file.round({row("mutation", "notes", "2", "insert", R"({"id":"2","name":"B","n":2})", 9)});
  CHECK(file.shell("SELECT count(*) FROM notes") == "2");
  CHECK(file.db->verify_local().empty());
  CHECK(file.round({changed_to(notes({kId, kN}))}).lost.empty());  // told once
}

TEST_CASE("what was lost is made again when the column comes back") {
  AppFile file;
  file.round({changed_to(notes({kId, kName, kN}))});
  CHECK(file.round({changed_to(notes({kId, kName, kN, kCity}))}).lost.empty());
  CHECK(names(file) ==
        "myindex_city myindex_n mylog mytrigger_city mytrigger_n myview_city myview_n");
  CHECK(file.shell("SELECT count(*) FROM _lost_statements") == "0");
  CHECK(file.shell("DELETE FROM mylog; UPDATE notes SET city = 'Oslo';"
                   "SELECT DISTINCT a FROM mylog") == "Oslo");
}

TEST_CASE("an object that goes and comes back finds its indexes and triggers again") {
  AppFile file;
  const RoundResult gone = file.round({changed_to(schema({}))});
  REQUIRE(gone.lost.size() == 6);
  CHECK(gone.lost[0].find(": the object notes is gone") != std::string::npos);
  CHECK(names(file) == "mylog myview_city myview_n");
  file.round({changed_to(notes({kId, kName, kN, kCity}))});
  CHECK(names(file) ==
        "myindex_city myindex_n mylog mytrigger_city mytrigger_n myview_city myview_n");
  CHECK(file.shell("INSERT INTO notes(id, city) VALUES ('9', 'Bonn'); DELETE FROM mylog;"
                   "UPDATE notes SET city = 'x'; SELECT DISTINCT a FROM mylog") == "x");
}

TEST_CASE("the app's triggers fire for its own writes and for rows that arrive, once each") {
  File file(notes({kId, kName}));
  file.shell(
      "CREATE TABLE mylog(a); CREATE TRIGGER mytrigger AFTER INSERT ON notes BEGIN "
      "INSERT INTO mylog VALUES (NEW.id); END;");
  CHECK(file.shell("INSERT INTO notes VALUES ('own', 'x', NULL, 1)") == "");
  file.round({changed_to(notes({kId, kName, kN}))});
  file.round({row("mutation", "notes", "other", "insert", R"({"id":"other","name":"B"})", 9)});
  CHECK(file.shell("SELECT group_concat(a) FROM mylog WHERE a = 'other'") == "other");
  CHECK(file.shell("SELECT group_concat(record_id) FROM _mutations") == "own");
}
