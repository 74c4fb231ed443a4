// Undo and redo within one file: what it remembers, how long, and what an inverse group writes.
// tests/e2e/undo_test.cpp has the server's side.
#include <doctest/doctest.h>

#include "objectos/sync_engine.h"
#include "tests/client/store_file.h"

using namespace store_file;

namespace {

const char* const notes =
    R"({"object":"notes","key":["id"],"fields":{"n":"counter"},"columns":[)"
    R"({"name":"id","type":"text","kind":"text"},{"name":"name","type":"text","kind":"text"},)"
    R"({"name":"n","type":"bigint","kind":"integer"},)"
    R"({"name":"price","type":"numeric","kind":"numeric"},)"
    R"({"name":"raw","type":"jsonb","kind":"json"}]})";

struct Notebook : File {
  Notebook() : File(schema({notes})) {
    round({row("mutation", "notes", "1", "insert",
               R"({"id":"1","name":"one","n":1,"price":1.50,"raw":null})", 1),
           row("mutation", "notes", "2", "insert",
               R"({"id":"2","name":"two","n":2,"price":null,"raw":null})", 2)});
  }
  UndoResult undo() { return db->invert_group(false); }
  UndoResult redo() { return db->invert_group(true); }
  std::string name(const std::string& id) {
    return shell("SELECT name FROM notes WHERE id='" + id + "'");
  }
  std::string error(bool redo) {
    try {
      db->invert_group(redo);
    } catch (const StoreError& error) {
      if (error.kind == StoreErrorKind::nothing_to_undo) return "nothing_to_undo";
      if (error.kind == StoreErrorKind::nothing_to_redo) return "nothing_to_redo";
      return error.what();
    }
    return "";
  }
  // "done update:1 insert:2; undone …", the newest first.
  std::string remembered() {
    std::string text;
    for (const HistoryGroup& group : db->history()) {
      text += (text.empty() ? "" : "; ") + group.state;
      for (const HistoryMutation& mutation : group.mutations)
        text += " " + mutation.operation + ":" + mutation.record_id;
    }
    return text;
  }
  void sound() { CHECK(db->verify_local().empty()); }
};

std::string left_of(const UndoResult& result) {
  std::string text;
  for (const LeftAlone& left : result.left)
    text += (text.empty() ? "" : "; ") + left.record_id + " " + left.field + ": " + left.written +
            " then, " + left.found + " now";
  return text;
}

}  // namespace

TEST_CASE("undo takes back the newest write, redo takes the undo back, as often as wanted") {
  Notebook book;
  CHECK(book.shell("UPDATE notes SET name='a' WHERE id='1'") == "");
  CHECK(book.shell("UPDATE notes SET name='b', n=5 WHERE id='1'") == "");
  for (int i = 0; i < 3; ++i) {
    CHECK(book.undo().mutations == 1);
    CHECK(book.name("1") == "a");
    CHECK(book.undo().mutations == 1);
    CHECK(book.name("1") == "one");
    CHECK(book.error(false) == "nothing_to_undo");
    CHECK(book.redo().mutations == 1);
    CHECK(book.name("1") == "a");
    CHECK(book.redo().mutations == 1);
    CHECK(book.shell("SELECT name,n FROM notes WHERE id='1'") == "b|5");
    CHECK(book.error(true) == "nothing_to_redo");
  }
  book.sound();
}

TEST_CASE("an undo is an ordinary group in the queue, each mutation marked with the one undone") {
  Notebook book;
  book.shell(
      "BEGIN; INSERT INTO _group DEFAULT VALUES; UPDATE notes SET name='a' WHERE id='1';"
      "DELETE FROM notes WHERE id='2'; INSERT INTO notes(id,name) VALUES('3','c');"
      "DELETE FROM _group; COMMIT;");
  const auto written = book.db->queue();
  REQUIRE(written.size() == 3);
  const UndoResult result = book.undo();
  CHECK(result.mutations == 3);
  const auto queue = book.db->queue();
  REQUIRE(queue.size() == 6);
  const std::vector<std::string> expected = {"delete 3", "insert 2", "update 1"};
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(queue[3 + i].operation + " " + queue[3 + i].record_id == expected[i]);
    CHECK(queue[3 + i].undo_of == written[2 - i].id);
    CHECK(queue[3 + i].group == result.group);
    CHECK(written[i].undo_of == "");
  }
  const auto batch = book.db->next_batch(10);
  CHECK(batch[5].frozen.find("\"undo_of\":\"" + written[0].id + "\"") != std::string::npos);
  CHECK(batch[0].frozen.find("undo_of") == std::string::npos);
  CHECK(book.shell("SELECT id,name,n FROM notes ORDER BY id") == "1|one|1\n2|two|2");
  book.sound();
}

TEST_CASE("a deleted record comes back whole, values of every kind as they were") {
  Notebook book;
  book.shell("UPDATE notes SET price='12345678901234567890.10', raw='{\"a\": [1]}' WHERE id='1'");
  book.shell("DELETE FROM notes WHERE id='1'");
  const UndoResult back = book.undo();
  CHECK(back.mutations == 1);
  CHECK(book.shell("SELECT * FROM notes WHERE id='1'") ==
        "1|one|1|12345678901234567890.10|{\"a\": [1]}||0");
  book.redo();
  CHECK(book.shell("SELECT count(*) FROM notes WHERE id='1'") == "0");
  book.undo();
  CHECK(book.undo().mutations == 1);
  CHECK(book.shell("SELECT price,raw IS NULL FROM notes WHERE id='1'") == "1.50|1");
  book.sound();
}

TEST_CASE("what somebody else wrote since stays, and is named with what was and what is") {
  Notebook book;
  book.shell("UPDATE notes SET name='mine', price=2 WHERE id='1'");
  book.push_all();
  book.round({row("mutation", "notes", "1", "update", R"({"name":"theirs"})", 5000)});
  const UndoResult result = book.undo();
  CHECK(result.mutations == 1);
  CHECK(left_of(result) == "1 name: \"mine\" then, \"theirs\" now");
  CHECK(book.shell("SELECT name,price FROM notes WHERE id='1'") == "theirs|1.50");
  CHECK(book.redo().mutations == 1);  // what the undo wrote, and no more
  CHECK(book.shell("SELECT name,price FROM notes WHERE id='1'") == "theirs|2");
  book.sound();
}

TEST_CASE("an undo for which nothing is left writes nothing and is over") {
  Notebook book;
  book.shell("UPDATE notes SET name='mine' WHERE id='1'");
  book.push_all();
  book.round({row("mutation", "notes", "1", "update", R"({"name":"theirs"})", 5000)});
  const UndoResult result = book.undo();
  CHECK(result.mutations == 0);
  CHECK(result.group == "");
  CHECK(result.left.size() == 1);
  CHECK(book.remembered() == "");
  CHECK(book.db->queue().empty());
  CHECK(book.shell("SELECT count(*) FROM _group") == "0");
}

TEST_CASE("a counter gets the difference back, whatever others added") {
  Notebook book;
  book.shell("UPDATE notes SET n=n+3 WHERE id='1'");
  book.push_all();
  book.round({row("mutation", "notes", "1", "update", R"({"n":104})", 5000)});
  const UndoResult result = book.undo();
  CHECK(result.left.empty());
  CHECK(book.shell("SELECT n FROM notes WHERE id='1'") == "101");
  CHECK(book.db->queue().back().original == R"({"n":104})");
  book.redo();
  CHECK(book.shell("SELECT n FROM notes WHERE id='1'") == "104");
  book.sound();
}

TEST_CASE("an inserted record that somebody has changed stays; one that is gone is no news") {
  Notebook book;
  book.shell("INSERT INTO notes(id,name) VALUES('3','c')");
  book.push_all();
  book.shell("INSERT INTO notes(id,name) VALUES('4','d')");
  book.push_all();
  book.round({row("mutation", "notes", "3", "update", R"({"n":7})", 5000),
              row("mutation", "notes", "4", "delete", "", 5001)});
  CHECK(left_of(book.undo()) == "");
  CHECK(left_of(book.undo()) == "3 n: null then, 7 now");
  CHECK(book.name("3") == "c");
  book.sound();
}

TEST_CASE("a record deleted here and made again elsewhere is left, with what it is now") {
  Notebook book;
  book.shell("DELETE FROM notes WHERE id='1'");
  book.push_all();
  book.round({row("mutation", "notes", "1", "insert",
                  R"({"id":"1","name":"new","n":null,"price":null,"raw":null})", 5000)});
  CHECK(left_of(book.undo()) ==
        "1 :  then, {\"id\":\"1\",\"name\":\"new\",\"n\":null,\"price\":null,\"raw\":null} now");
  CHECK(book.name("1") == "new");
}

TEST_CASE("an edit in a record that is gone is left alone") {
  Notebook book;
  book.shell("UPDATE notes SET name='mine' WHERE id='1'");
  book.push_all();
  book.round({row("mutation", "notes", "1", "delete", "", 5000)});
  CHECK(left_of(book.undo()) == "1 name: \"mine\" then,  now");
  CHECK(book.shell("SELECT count(*) FROM notes WHERE id='1'") == "0");
}

TEST_CASE("a new write after an undo ends what could be redone; a pull does not") {
  Notebook book;
  book.shell("UPDATE notes SET name='a' WHERE id='1'");
  book.shell("UPDATE notes SET name='b' WHERE id='1'");
  book.undo();
  book.push_all();
  book.round({row("mutation", "notes", "2", "update", R"({"name":"theirs"})", 5000)});
  CHECK(book.remembered() == "undone update:1; done update:1");
  book.shell("UPDATE notes SET name='c' WHERE id='2'");
  CHECK(book.remembered() == "done update:2; done update:1");
  CHECK(book.error(true) == "nothing_to_redo");
  book.undo();
  book.undo();
  CHECK(book.shell("SELECT name FROM notes ORDER BY id") == "one\ntheirs");
}

TEST_CASE("history is there after the file was opened again, and in every process") {
  Notebook book;
  book.shell("UPDATE notes SET name='a' WHERE id='1'");
  book.undo();
  book.db.reset();
  book.db = LocalDatabase::open(book.path, LocalDatabase::Mode::tool);
  CHECK(book.remembered() == "undone update:1");
  auto other = LocalDatabase::open(book.path, LocalDatabase::Mode::tool);
  CHECK(other->invert_group(true).mutations == 1);
  CHECK(book.name("1") == "a");
  CHECK(book.remembered() == "done update:1");
}

TEST_CASE("a moved record is one step, as is a row that REPLACE put another one's place") {
  Notebook book;
  book.shell("UPDATE notes SET id='9' WHERE id='1'");
  CHECK(book.remembered() == "done delete:1 insert:9");
  CHECK(book.undo().mutations == 2);
  CHECK(book.shell("SELECT id,name,n,price FROM notes ORDER BY id") == "1|one|1|1.50\n2|two|2|");
  CHECK(book.redo().mutations == 2);
  CHECK(book.name("9") == "one");
  book.shell("INSERT OR REPLACE INTO notes(id,name) VALUES('2','other')");
  book.shell("UPDATE notes SET name='later' WHERE id='9'");
  CHECK(book.remembered() == "done update:9; done update:2; done delete:1 insert:9");
  book.undo();
  book.undo();
  CHECK(book.shell("SELECT name,n FROM notes WHERE id='2'") == "two|2");
  book.sound();
}

TEST_CASE("a rejected mutation takes its group out of the history, and no other") {
  Notebook book;
  book.shell("UPDATE notes SET name='a' WHERE id='1'");
  book.shell(
      "BEGIN; INSERT INTO _group DEFAULT VALUES; UPDATE notes SET name='b' WHERE id='1';"
      "UPDATE notes SET name='b' WHERE id='2'; DELETE FROM _group; COMMIT;");
  const auto batch = book.db->next_batch(10);
  book.db->store_verdicts({verdict(batch[0].id, "applied", 10), verdict(batch[1].id, "rejected", 0),
                           verdict(batch[2].id, "rejected", 0)});
  CHECK(book.remembered() == "done update:1");
  CHECK(book.name("1") == "a");
  book.undo();
  CHECK(book.name("1") == "one");
  book.sound();
}

TEST_CASE("what would undo a rejected mutation, or redo it, is given up with it") {
  Notebook book;
  book.shell("UPDATE notes SET n=500 WHERE id='1'");
  const auto batch = book.db->next_batch(10);
  book.undo();
  book.redo();
  book.undo();
  book.shell("UPDATE notes SET name='kept' WHERE id='1'");
  const auto rejected = book.db->store_verdicts({verdict(batch[0].id, "rejected", 0)});
  REQUIRE(rejected.size() == 4);
  CHECK(rejected[3].reason == "depends_on_rejected");
  CHECK(book.remembered() == "done update:1");
  CHECK(book.shell("SELECT name,n FROM notes WHERE id='1'") == "kept|1");
  CHECK(book.db->queue().size() == 1);
  book.sound();
}

TEST_CASE("only so many groups are remembered, and a smaller number counts at once") {
  Notebook book;
  book.db->limit_history(3);
  for (int i = 0; i < 5; ++i)
    book.shell("UPDATE notes SET name='" + std::to_string(i) + "' WHERE id='1'");
  CHECK(book.db->history().size() == 3);
  book.shell(
      "BEGIN; INSERT INTO _group DEFAULT VALUES; UPDATE notes SET name='x'; DELETE FROM _group;"
      "COMMIT;");
  CHECK(book.remembered() == "done update:1 update:2; done update:1; done update:1");
  book.db->limit_history(1);
  CHECK(book.remembered() == "done update:1 update:2");
  book.db->limit_history(0);
  book.shell("UPDATE notes SET name='y'");
  CHECK(book.remembered() == "");
  CHECK(book.error(false) == "nothing_to_undo");
}

TEST_CASE("a group beyond the limit of mutations stays while it is the newest") {
  Notebook book;
  const std::string many =
      "WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM i WHERE i<60000) ";
  book.shell("UPDATE notes SET name='first' WHERE id='1'");
  book.shell("BEGIN; INSERT INTO _group DEFAULT VALUES; " + many +
             "INSERT INTO notes(id) SELECT 'a'||i FROM i; " + many +
             "INSERT INTO notes(id) SELECT 'b'||i FROM i; DELETE FROM _group; COMMIT;");
  auto groups = book.db->history();
  REQUIRE(groups.size() == 1);
  CHECK(groups[0].mutations.size() == 120'000);
  CHECK(book.undo().mutations == 120'000);
  CHECK(book.shell("SELECT count(*) FROM notes") == "2");
}

TEST_CASE("an app's index that refuses an undo leaves everything as it was") {
  Notebook book;
  book.shell("DELETE FROM notes WHERE id='1'");
  book.push_all();
  book.shell("CREATE UNIQUE INDEX one_of_a_name ON notes(name)");
  book.round({row("mutation", "notes", "7", "insert",
                  R"({"id":"7","name":"one","n":1,"price":null,"raw":null})", 5000)});
  const std::string error = book.error(false);
  CHECK(error == "the undo was refused by the file");
  CHECK(book.remembered() == "done delete:1");
  CHECK(book.db->queue().empty());
  CHECK(book.shell("SELECT (SELECT count(*) FROM _group),inverting FROM _history_control") ==
        "0|0");
}

TEST_CASE("values that mean the same are the same, though the server writes them otherwise") {
  Notebook book;
  book.shell("UPDATE notes SET price='2.5', raw='{\"a\":1}' WHERE id='1'");
  book.push_all();
  book.round(
      {row("mutation", "notes", "1", "update", R"({"price":2.50,"raw":"{\"a\": 1}"})", 5000)});
  const UndoResult result = book.undo();
  CHECK(left_of(result) == "");
  CHECK(book.shell("SELECT price,raw IS NULL FROM notes WHERE id='1'") == "1.50|1");
}

TEST_CASE("what the server made of a write is what an undo looks for") {
  Notebook book;
  book.shell("INSERT INTO notes(id,name) VALUES('3','c'); UPDATE notes SET name='d' WHERE id='3'");
  auto batch = book.db->next_batch(10);
  book.db->store_verdicts(
      {verdict(batch[0].id, "applied", 10), verdict(batch[1].id, "applied", 11)});
  // A trigger shouts, a default counts.
  book.round({row("mutation", "notes", "3", "insert",
                  R"({"id":"3","name":"D","n":9,"price":null,"raw":null})", 11)});
  CHECK(left_of(book.undo()) == "");
  CHECK(book.name("3") == "c");
  batch = book.db->next_batch(10);
  REQUIRE(batch.size() == 1);
  book.db->store_verdicts({verdict(batch[0].id, "applied", 12)});
  book.round({row("mutation", "notes", "3", "update", R"({"name":"C"})", 12)});
  CHECK(left_of(book.undo()) == "");
  CHECK(book.shell("SELECT count(*) FROM notes WHERE id='3'") == "0");
  book.sound();
}

TEST_CASE("what somebody else wrote upon a write is not taken for the server's form of it") {
  Notebook book;
  book.shell("UPDATE notes SET name='mine' WHERE id='1'");
  const auto batch = book.db->next_batch(10);
  book.db->store_verdicts({verdict(batch[0].id, "applied", 10)});
  book.round({row("mutation", "notes", "1", "update", R"({"name":"theirs"})", 11)});
  CHECK(left_of(book.undo()) == "1 name: \"mine\" then, \"theirs\" now");
}

TEST_CASE("a merged write does not make others' values its own") {
  Notebook book;
  book.shell("UPDATE notes SET name='mine' WHERE id='1'");
  const auto batch = book.db->next_batch(10);
  book.db->store_verdicts({verdict(batch[0].id, "merged", 10)});
  book.round({row("mutation", "notes", "1", "update", R"({"name":"both"})", 10)});
  CHECK(left_of(book.undo()) == "1 name: \"mine\" then, \"both\" now");
}

TEST_CASE("a changed schema carries the history along: columns renamed, dropped, retyped") {
  Notebook book;
  const std::string numbered = R"({"object":"notes","key":["id"],"columns":[)"
                               R"({"name":"id","type":"text","kind":"text","attnum":1},)"
                               R"({"name":"name","type":"text","kind":"text","attnum":2},)"
                               R"({"name":"n","type":"text","kind":"text","attnum":3}]})";
  PulledRow changed = row("schema");
  changed.data = schema({numbered});
  book.round({changed});
  book.shell("UPDATE notes SET name='a', n='7' WHERE id='1'; DELETE FROM notes WHERE id='2'");
  changed.data = schema({R"({"object":"notes","key":["id"],"columns":[)"
                         R"({"name":"id","type":"text","kind":"text","attnum":1},)"
                         R"({"name":"title","type":"text","kind":"text","attnum":2},)"
                         R"({"name":"extra","type":"text","kind":"text","attnum":4}]})"});
  book.round({changed});
  book.undo();
  CHECK(left_of(book.undo()) == "");
  CHECK(book.shell("SELECT id,title,extra FROM notes ORDER BY id") == "1|one|\n2|two|");
  book.sound();
}

TEST_CASE("a file of a version that remembered nothing remembers from now on") {
  Notebook book;
  book.db.reset();
  CHECK(
      book.shell("DROP TRIGGER _queue_history_drop; DROP TRIGGER _queue_history_edit; DROP TRIGGER "
                 "_queue_move_notes; DROP TABLE _history; DROP TABLE _history_control;"
                 "DROP INDEX _mutations_undo;"
                 "ALTER TABLE _mutations DROP COLUMN undo_of") == "");
  book.db = LocalDatabase::open(book.path, LocalDatabase::Mode::engine);
  book.shell("UPDATE notes SET name='a' WHERE id='1'");
  book.undo();
  CHECK(book.name("1") == "one");
}

TEST_CASE("a file whose history was written at each write goes on with it") {
  Notebook book;
  book.shell("UPDATE notes SET name='a' WHERE id='1'; UPDATE notes SET name='b' WHERE id='1'");
  book.undo();
  book.db.reset();
  REQUIRE(
      book.shell("DROP TRIGGER _queue_history_drop; DROP TRIGGER _queue_history_edit; DROP "
                 "TRIGGER _queue_history_join; DROP TRIGGER _queue_history_part; ALTER TABLE "
                 "_history_control DROP COLUMN noted; CREATE TRIGGER _history_note AFTER INSERT "
                 "ON _mutations BEGIN SELECT 1; END") == "");
  book.db = LocalDatabase::open(book.path, LocalDatabase::Mode::engine);
  CHECK(book.remembered() == "undone update:1; done update:1");
  book.shell("UPDATE notes SET name='c' WHERE id='2'");
  CHECK(book.remembered() == "done update:2; done update:1");
  book.undo();
  book.undo();
  CHECK(book.shell("SELECT name FROM notes ORDER BY id") == "one\ntwo");
  book.sound();
}

TEST_CASE("a write leaves the history to whoever moves the queue, and is in it at once") {
  Notebook book;
  book.shell("UPDATE notes SET name='a' WHERE id='1'");
  CHECK(book.shell("SELECT count(*) FROM _history") == "0");
  CHECK(book.remembered() == "done update:1");
  book.push_all();
  CHECK(book.shell("SELECT count(*) FROM _history") == "1");
  CHECK(book.remembered() == "done update:1");
}

TEST_CASE(
    "what any program takes out of the queue, or changes there, stays in the history as it was") {
  Notebook book;
  book.shell("UPDATE notes SET name='a' WHERE id='1'; UPDATE notes SET name='b' WHERE id='2'");
  REQUIRE(book.shell("DELETE FROM _mutations WHERE record_id='1'") == "");
  CHECK(book.remembered() == "done update:2; done update:1");
  book.shell("INSERT INTO notes(id) VALUES('3')");
  REQUIRE(book.shell("UPDATE _mutations SET data='{}' WHERE record_id='3'") == "");
  CHECK(book.db->history()[0].mutations[0].data == R"({"id":"3"})");
}

TEST_CASE("more writes than are remembered wait no longer than they must") {
  Notebook book;
  book.db->limit_history(3);
  for (int i = 0; i < 10; ++i)
    book.shell("UPDATE notes SET name='" + std::to_string(i) + "' WHERE id='1'");
  book.shell("UPDATE notes SET id='9' WHERE id='1'; UPDATE notes SET name='last' WHERE id='9'");
  CHECK(book.remembered() == "done update:9; done delete:1 insert:9; done update:1");
  book.push_all();
  CHECK(book.shell("SELECT count(*) FROM _history") == "4");
  CHECK(book.remembered() == "done update:9; done delete:1 insert:9; done update:1");
  for (int i = 0; i < 3; ++i) book.undo();
  CHECK(book.name("1") == "8");
  CHECK(book.error(false) == "nothing_to_undo");
}

TEST_CASE("the app's own trigger writes along, also when a step is undone") {
  Notebook book;
  book.shell(
      "CREATE TRIGGER double AFTER UPDATE OF name ON notes WHEN NEW.id='1' BEGIN "
      "UPDATE notes SET name='of '||NEW.name WHERE id='2'; END");
  book.shell(
      "BEGIN; INSERT INTO _group DEFAULT VALUES; UPDATE notes SET name='a' WHERE id='1';"
      "DELETE FROM _group; COMMIT;");
  CHECK(book.name("2") == "of a");
  book.undo();
  CHECK(book.name("1") == "one");
  book.sound();
}

TEST_CASE(
    "the engine undoes beside an engine that holds the file, and says when nothing is there") {
  Notebook book;
  SyncEngine engine(Options{.database = book.path, .history_groups = 2});
  engine.transaction([](Transaction& transaction) {
    transaction.execute("UPDATE notes SET name='a'");
    transaction.execute("DELETE FROM notes WHERE id='2'");
  });
  REQUIRE(engine.history().size() == 1);
  CHECK(engine.history()[0].mutations.size() == 3);
  CHECK(engine.history()[0].state == "done");
  CHECK(engine.undo().mutations == 3);
  CHECK(engine.history()[0].state == "undone");
  CHECK(book.shell("SELECT group_concat(name) FROM notes") == "one,two");
  CHECK(engine.redo().mutations == 3);
  CHECK(book.shell("SELECT group_concat(name) FROM notes") == "a");
  for (const bool redo : {true, false}) {
    try {
      if (!redo) engine.undo();
      redo ? engine.redo() : engine.undo();
      FAIL_CHECK("nothing was refused");
    } catch (const Error& error) {
      CHECK(error.error_class() == ErrorClass::usage);
      CHECK(error.code() == (redo ? "nothing_to_redo" : "nothing_to_undo"));
    }
  }
  CHECK(book.shell("SELECT groups_max FROM _history_control") == "2");
}
