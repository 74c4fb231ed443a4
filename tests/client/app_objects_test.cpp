// The file belongs to the app too: its tables, indexes, views and triggers, and what a changed
// server schema does to a file with work in its queue.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include "tests/client/store_file.h"

using namespace store_file;

namespace {

const Column kId{"id"}, kName{"name"}, kN{"n", "integer", "bigint"}, kCity{"city"};

std::string notes(const std::vector<Column>& columns) {
  return schema({object_schema("notes", {"id"}, columns)});
}
std::string whole(const std::string& id, const std::string& name, int n) {
  return "{\"id\":\"" + id + "\",\"name\":\"" + name + "\",\"n\":" + std::to_string(n) + "}";
}
PulledRow arrived(const std::string& id, const std::string& name, int n, int64_t version) {
  return row("mutation", "notes", id, "insert", whole(id, name, n), version);
}
std::string queued(const File& file) {
  std::string text;
  for (const QueuedMutation& mutation : file.db->queue())
    text += (text.empty() ? "" : " ") + mutation.operation + ":" + mutation.record_id;
  return text;
}

}  // namespace

TEST_CASE("the app's table, index, view and trigger survive create, migration and detach") {
  File file;
  file.shell(
      "CREATE TABLE mine(a); INSERT INTO mine VALUES ('kept');"
      "CREATE INDEX mine_a ON mine(a); CREATE VIEW mine_view AS SELECT a FROM mine;");
  file.create(notes({kId, kName, kN}));
  CHECK(file.shell("SELECT a FROM mine_view INDEXED BY mine_a") != "");
  CHECK(file.shell("CREATE INDEX notes_name ON notes(name);"
                   "CREATE VIEW names AS SELECT name FROM notes;"
                   "CREATE TRIGGER note_log AFTER INSERT ON notes BEGIN "
                   "INSERT INTO mine VALUES (NEW.id); END;") == "");
  file.round({arrived("1", "A", 1, 1)});
  PulledRow changed = row("schema");
  changed.data = notes({kId, kName, kN, kCity});
  file.round({changed});
  std::string present =
      "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_master WHERE "
      "name IN ('mine', 'mine_a', 'mine_view', 'notes_name', 'names', 'note_log')"
      " ORDER BY name)";
  CHECK(file.shell(present) == "mine mine_a mine_view names note_log notes_name");
  CHECK(file.shell("SELECT name FROM names") == "A");
  file.db.reset();
  LocalDatabase::detach(file.path);
  CHECK(file.shell(present) == "mine mine_a mine_view names note_log notes_name");
  CHECK(file.shell("SELECT id, name, n FROM notes; SELECT a FROM mine") == "1|A|1\nkept\n1");
  CHECK(file.shell("SELECT count(*) FROM sqlite_master WHERE name LIKE '\\_%' ESCAPE '\\'") == "0");
}

TEST_CASE("a column added or dropped on the server leaves pending work as it is") {
  File file(notes({kId, kName, kN}));
  file.round({arrived("1", "A", 1, 1), arrived("2", "B", 2, 2)});
  file.shell(
      "UPDATE notes SET name = 'edited' WHERE id = '1';"
      "INSERT INTO notes(id, name, n) VALUES ('3', 'new', 3);");
  PulledRow changed = row("schema");
  changed.data = notes({kId, kName, kN, kCity});
  file.round({changed, row("mutation", "notes", "1", "update", R"({"city":"Rome"})", 5)});
  CHECK(file.shell("SELECT name, city FROM notes WHERE id = '1'") == "edited|Rome");
  CHECK(file.db->verify_local().empty());
  CHECK(file.shell("UPDATE notes SET city = 'Oslo' WHERE id = '1';") == "");
  changed.data = notes({kId, kName, kCity});
  file.round({changed});
  CHECK(file.shell("SELECT id, name, city FROM notes ORDER BY id") ==
        "1|edited|Oslo\n2|B|\n3|new|");
  CHECK(queued(file) == "update:1 insert:3 update:1");
  CHECK(file.db->verify_local().empty());
  file.push_all();
  CHECK(queued(file) == "");
  CHECK(file.db->verify_local().empty());
  CHECK(file.shell("SELECT id, name, city FROM notes ORDER BY id") ==
        "1|edited|Oslo\n2|B|\n3|new|");
}

TEST_CASE("a column renamed on the server keeps its values, here and in unsent edits") {
  auto numbered = [](const std::string& third) {
    return R"({"epoch":"e","protocol":1,"objects":[{"object":"notes","key":["id"],"columns":[)"
           R"({"name":"id","type":"text","kind":"text","attnum":1},)"
           R"({"name":"name","type":"text","kind":"text","attnum":2},)"
           R"({"name":")" +
           third + R"(","type":"bigint","kind":"integer","attnum":3}]}]})";
  };
  File file(numbered("n"));
  file.round({arrived("1", "A", 1, 1), arrived("2", "B", 2, 2)});
  file.shell("UPDATE notes SET n = 9 WHERE id = '2';");
  PulledRow changed = row("schema");
  changed.data = numbered("amount");
  file.round({changed});
  CHECK(file.shell("SELECT id, amount FROM notes ORDER BY id") == "1|1\n2|9");
  auto queue = file.db->queue();
  REQUIRE(queue.size() == 1);
  CHECK(queue[0].data == R"({"amount":9})");
  CHECK(queue[0].original == R"({"amount":2})");
  CHECK(file.db->verify_local().empty());
  file.push_all();
  CHECK(file.shell("SELECT id, amount FROM notes ORDER BY id") == "1|1\n2|9");
}

TEST_CASE("an object that is no longer readable goes, and its pending work stays in the queue") {
  std::string other = object_schema("other", {"id"}, {kId, kN});
  File file(schema({object_schema("notes", {"id"}, {kId, kName, kN}), other}));
  file.round({arrived("1", "A", 1, 1)});
  file.shell("UPDATE notes SET n = 7;");
  PulledRow changed = row("schema");
  changed.data = schema({other});
  file.round({changed});
  CHECK(file.shell("SELECT count(*) FROM sqlite_master WHERE name = 'notes'") == "0");
  auto batch = file.db->next_batch(10);
  REQUIRE(batch.size() == 1);
  StoredVerdict refused = verdict(batch[0].id, "rejected", 0);
  refused.reason = "unknown_object";
  CHECK(file.db->store_verdicts({refused}).size() == 1);
  CHECK(queued(file) == "");
  CHECK(file.db->verify_local().empty());
}

TEST_CASE("a removal by tag drops the record; pending work on it stays and is judged") {
  File file(notes({kId, kName, kN}));
  PulledRow tagged = arrived("1", "A", 1, 1), other = arrived("2", "B", 2, 2);
  tagged.tag = "t1", other.tag = "t2";
  file.round({tagged, other});
  file.shell("UPDATE notes SET n = 9 WHERE id = '2';");
  PulledRow first = row("removal"), second = row("removal"), unknown = row("removal");
  first.tag = "t1", second.tag = "t2", unknown.tag = "t9";
  auto result = file.round({first, second, unknown});
  CHECK(result.changes.size() == 2);
  CHECK(file.shell("SELECT count(*) FROM notes WHERE id = '1'") == "0");
  CHECK(queued(file) == "update:2");
  CHECK(file.db->verify_local().empty());
  CHECK(file.shell("SELECT count(*) FROM _tags") == "0");
}

TEST_CASE("a conflict row is kept open until it is resolved, here or by another device") {
  File file(notes({kId, kName, kN}));
  PulledRow opened = row("conflict", "notes", "1");
  opened.data = R"({"conflict_id":"c","mutation_id":"m","object":"notes","record_id":"1",)"
                R"("reason":"concurrent_update","status":"open","conflicts":[]})";
  file.round({arrived("1", "A", 1, 1), opened});
  REQUIRE(file.db->conflicts().size() == 1);
  CHECK(file.db->conflicts()[0].data == opened.data);
  CHECK(file.db->counters().conflicts_open == 1);
  opened.data.replace(opened.data.find("\"open\""), 6, "\"resolved\"");
  file.round({opened});
  CHECK(file.db->conflicts().empty());
  CHECK(file.db->conflicts(false).size() == 1);
}

// trap: replace-fires-no-delete
TEST_CASE(
    "INSERT OR REPLACE over the app's UNIQUE index queues the delete of the row it displaced") {
  File file(notes({kId, kName, kN}));
  CHECK(file.shell("CREATE UNIQUE INDEX notes_name ON notes(name);") == "");
  file.round({arrived("1", "A", 1, 1), arrived("2", "B", 2, 2), arrived("3", "C", 3, 3)});
  CHECK(file.shell("INSERT OR REPLACE INTO notes(id, name, n) VALUES ('9', 'A', 5);") == "");
  CHECK(queued(file) == "delete:1 insert:9");
  CHECK(file.db->verify_local().empty());
  CHECK(file.shell("UPDATE OR REPLACE notes SET name = 'C' WHERE id = '2';") == "");
  CHECK(queued(file) == "delete:1 insert:9 delete:3 update:2");
  CHECK(file.shell("INSERT OR IGNORE INTO notes(id, name) VALUES ('8', 'C');") == "");
  CHECK(queued(file) == "delete:1 insert:9 delete:3 update:2");
  CHECK(file.db->verify_local().empty());
  file.push_all();
  CHECK(file.shell("SELECT id, name FROM notes ORDER BY id") == "2|C\n9|A");
}

TEST_CASE("values that trade places on the server pass the app's UNIQUE index") {
  File file(notes({kId, kName, kN}));
  file.round({arrived("1", "A", 1, 1), arrived("2", "B", 2, 2)});
  CHECK(file.shell("CREATE UNIQUE INDEX notes_name ON notes(name);") == "");
  file.round({row("mutation", "notes", "1", "update", R"({"name":"B"})", 3),
              row("mutation", "notes", "2", "update", R"({"name":"A"})", 4)});
  CHECK(file.shell("SELECT id, name FROM notes ORDER BY id") == "1|B\n2|A");
}
