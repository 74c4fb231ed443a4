// Writes as SQLite allows them: whatever statement it was, the queue holds what became of the rows.
#include <doctest/doctest.h>

#include "tests/client/store_file.h"

using namespace store_file;

namespace {

const Column kId{"id"}, kName{"name"}, kN{"n", "integer", "bigint"}, kPhoto{"b", "bytes", "bytea"};

std::string notes() {
  return schema({object_schema("notes", {"id"}, {kId, kName, kN, kPhoto})});
}

struct Notes : File {
  Notes() : File(notes()) {
    round({row("mutation", "notes", "1", "insert", R"({"id":"1","name":"A","n":1,"b":null})", 11),
           row("mutation", "notes", "2", "insert", R"({"id":"2","name":"B","n":2,"b":null})", 12),
           row("mutation", "notes", "3", "insert", R"({"id":"3","name":"C","n":3,"b":null})", 13)});
  }
  // A program that opens the engine after it has made its indexes and triggers.
  void reopen() {
    db.reset();
    db = LocalDatabase::open(path, LocalDatabase::Mode::engine);
  }
  // "update:1{…} delete:2", data of updates and inserts in it.
  std::string queued() {
    std::string text;
    for (const QueuedMutation& mutation : db->queue())
      text += (text.empty() ? "" : " ") + mutation.operation + ":" + mutation.record_id +
              (mutation.operation == "delete" ? "" : mutation.data);
    return text;
  }
  std::string base(const std::string& id) {
    return shell("SELECT coalesce(image, 'none') FROM _base WHERE record_id = '" + id + "'");
  }
  // Everything that is queued goes through, and the rows stay as they are.
  void check_goes_through() {
    CHECK(db->verify_local().empty());
    const std::string before = shell("SELECT id, name, n, hex(b) FROM notes ORDER BY id");
    push_all();
    CHECK(shell("SELECT id, name, n, hex(b) FROM notes ORDER BY id") == before);
    CHECK(shell("SELECT count(*) FROM _base") == "0");
    CHECK(shell("SELECT count(*) FROM notes WHERE _synced = 0") == "0");
    CHECK(db->verify_local().empty());
  }
};

const char* const base_of_1 = R"({"id":"1","name":"A","n":1,"b":null})";

}  // namespace

TEST_CASE("a BLOB is queued byte by byte; NULL, empty and zero bytes stay three values") {
  Notes file;
  CHECK(file.shell("UPDATE notes SET b = x'00ff5c22' WHERE id = '1';"
                   "UPDATE notes SET b = x'' WHERE id = '2';"
                   "UPDATE notes SET b = x'00' WHERE id = '3';"
                   "UPDATE notes SET b = NULL WHERE id = '1';"
                   "INSERT INTO notes(id, b) VALUES ('4', zeroblob(3));") == "");
  CHECK(file.queued() == R"(update:1{"b":"\\x00ff5c22"} update:2{"b":"\\x"} update:3{"b":"\\x00"} )"
                         R"(update:1{"b":null} insert:4{"id":"4","b":"\\x000000"})");
  file.check_goes_through();
  CHECK(file.shell("SELECT id, typeof(b), length(b) FROM notes ORDER BY id") ==
        "1|null|\n2|blob|0\n3|blob|1\n4|blob|3");
}

// trap: replace-fires-no-delete
TEST_CASE("INSERT OR REPLACE under recursive_triggers is a delete and an insert of each record") {
  Notes file;
  CHECK(file.shell("CREATE UNIQUE INDEX notes_name ON notes(name);") == "");
  file.reopen();
  CHECK(file.shell("PRAGMA recursive_triggers = ON;"
                   "INSERT OR REPLACE INTO notes(id, name, n) VALUES ('1', 'C', 5);"
                   "REPLACE INTO notes(id, name) VALUES ('9', 'B');") == "");
  CHECK(
      file.queued() ==
      R"(delete:3 delete:1 insert:1{"id":"1","name":"C","n":5} delete:2 insert:9{"id":"9","name":"B"})");
  CHECK(file.base("1") == base_of_1);
  file.check_goes_through();
}

TEST_CASE("UPSERT queues what it did: an update, an insert, or nothing") {
  Notes file;
  CHECK(file.shell("INSERT INTO notes(id, n) VALUES ('1', 10), ('4', 40) "
                   "ON CONFLICT(id) DO UPDATE SET n = excluded.n WHERE notes.n < excluded.n;"
                   "INSERT INTO notes(id, n) VALUES ('2', 1), ('5', 50) "
                   "ON CONFLICT(id) DO UPDATE SET n = excluded.n WHERE notes.n < excluded.n;"
                   "INSERT INTO notes(id, n) VALUES ('3', 30), ('6', 60) ON CONFLICT DO NOTHING;"
                   "INSERT OR IGNORE INTO notes(id, n) VALUES ('3', 31), ('7', 70);"
                   "UPDATE notes SET n = 31 WHERE id = '3';") == "");
  CHECK(file.queued() == R"(update:1{"n":10} insert:4{"id":"4","n":40} insert:5{"id":"5","n":50} )"
                         R"(insert:6{"id":"6","n":60} insert:7{"id":"7","n":70} update:3{"n":31})");
  CHECK(file.base("1") == base_of_1);
  file.check_goes_through();
}

TEST_CASE("rows that UPDATE OR IGNORE leaves alone are not queued, then or later") {
  Notes file;
  CHECK(file.shell("CREATE UNIQUE INDEX notes_name ON notes(name);") == "");
  file.reopen();
  CHECK(file.shell("UPDATE OR IGNORE notes SET name = 'C', n = n + 10 WHERE id IN ('2', '3');"
                   "UPDATE OR IGNORE notes SET id = '1' WHERE id = '2';") == "");
  CHECK(file.queued() == R"(update:3{"n":13})");
  // What those would have displaced goes in another way: one delete, not two.
  CHECK(file.shell("INSERT OR REPLACE INTO notes(id, name) VALUES ('9', 'C');"
                   "UPDATE notes SET n = 22 WHERE id = '2';") == "");
  CHECK(file.queued() ==
        R"(update:3{"n":13} delete:3 insert:9{"id":"9","name":"C"} update:2{"n":22})");
  file.check_goes_through();
}

TEST_CASE("UPDATE OR REPLACE by the key and by an index of the app's deletes what it displaces") {
  Notes file;
  CHECK(file.shell("CREATE UNIQUE INDEX notes_name ON notes(name);") == "");
  file.reopen();
  CHECK(file.shell("UPDATE OR REPLACE notes SET id = '2', name = 'C' WHERE id = '1';") == "");
  CHECK(file.shell("SELECT id, name, n FROM notes") == "2|C|1");
  CHECK(file.queued() == R"(delete:1 delete:3 update:2{"id":"2","name":"C","n":1,"b":null})");
  file.check_goes_through();
}

TEST_CASE("a record of 1,000 columns is replaced, upserted and deleted") {
  std::vector<Column> columns = {kId};
  std::string data = "{\"id\":\"1\"", names = "id", values = "'1'";
  for (int i = 1; i < 1000; ++i) {
    columns.push_back({"c" + std::to_string(i), "integer", "integer"});
    data += ",\"c" + std::to_string(i) + "\":" + std::to_string(i);
    names += ",c" + std::to_string(i);
    values += "," + std::to_string(i == 500 ? -1 : i);
  }
  File file(schema({object_schema("wide", {"id"}, columns)}));
  file.round({row("mutation", "wide", "1", "insert", data + "}", 1)});
  CHECK(file.shell("INSERT OR REPLACE INTO wide(" + names + ") VALUES(" + values + ");") == "");
  CHECK(file.shell("INSERT INTO wide(" + names + ") VALUES(" + values +
                   ") ON CONFLICT(id) DO UPDATE SET c7 = -7;") == "");
  const auto batch = file.db->next_batch(10);
  REQUIRE(batch.size() == 2);
  CHECK(batch[0].frozen.find(R"("data":{"c500":-1},"original":{"c500":500},)") !=
        std::string::npos);
  CHECK(batch[1].frozen.find(R"("data":{"c7":-7},"original":{"c7":7},)") != std::string::npos);
  file.push_all();
  CHECK(file.shell("DELETE FROM wide;") == "");
  CHECK(file.db->queue().at(0).operation == "delete");
  CHECK(file.db->verify_local().empty());
  file.push_all();
  CHECK(file.shell("SELECT count(*) FROM _base") == "0");
}

TEST_CASE("an app's trigger that writes the same record again is queued after what set it off") {
  for (const char* trigger : {"CREATE TRIGGER stamp AFTER UPDATE ON notes BEGIN "
                              "UPDATE notes SET n = 100 WHERE id = NEW.id; END;",
                              "CREATE TRIGGER stamp AFTER UPDATE OF name ON notes BEGIN "
                              "UPDATE notes SET n = 100 WHERE id = NEW.id; END;"}) {
    CAPTURE(trigger);
    Notes file;
    CHECK(file.shell(trigger) == "");
    file.reopen();
    CHECK(file.shell("UPDATE notes SET name = 'Ada', n = 7 WHERE id = '1';") == "");
    CHECK(file.queued() == R"(update:1{"name":"Ada","n":7} update:1{"n":100})");
    CHECK(file.base("1") == base_of_1);
    CHECK(file.shell("UPDATE notes SET name = 'Eve', n = 8 WHERE id = '1';") == "");
    CHECK(file.queued() == R"(update:1{"name":"Ada","n":7} update:1{"n":100} )"
                           R"(update:1{"name":"Eve","n":8} update:1{"n":100})");
    file.check_goes_through();
  }
}

TEST_CASE("an app's trigger that completes a new record is queued after the insert") {
  Notes file;
  CHECK(file.shell("CREATE TRIGGER stamp AFTER INSERT ON notes BEGIN "
                   "UPDATE notes SET n = 100 WHERE id = NEW.id; END;") == "");
  file.reopen();
  CHECK(file.shell("INSERT INTO notes(id, name) VALUES ('4', 'D');"
                   "INSERT OR REPLACE INTO notes(id, name) VALUES ('1', 'Z');") == "");
  CHECK(file.queued() == R"(insert:4{"id":"4","name":"D"} update:4{"n":100} )"
                         R"(update:1{"id":"1","name":"Z","n":null,"b":null} update:1{"n":100})");
  CHECK(file.base("4") == "none");
  CHECK(file.base("1") == base_of_1);
  file.check_goes_through();
}

TEST_CASE("an app's trigger that writes other records does not hide what was replaced") {
  Notes file;
  CHECK(file.shell("CREATE UNIQUE INDEX notes_name ON notes(name);"
                   "CREATE TRIGGER before_it BEFORE INSERT ON notes WHEN NEW.id < '7' "
                   "AND NOT EXISTS (SELECT 1 FROM _applying) BEGIN "
                   "INSERT INTO notes(id, n) VALUES ('7' || NEW.id, 0) ON CONFLICT DO NOTHING; END;"
                   "CREATE TRIGGER after_it AFTER INSERT ON notes WHEN NEW.id < '7' "
                   "AND NOT EXISTS (SELECT 1 FROM _applying) BEGIN "
                   "UPDATE notes SET n = n + 1 WHERE id = '3'; END;") == "");
  file.reopen();
  CHECK(file.shell("INSERT OR REPLACE INTO notes(id, name) VALUES ('1', 'B');") == "");
  CHECK(file.queued() == R"(insert:71{"id":"71","n":0} delete:2 )"
                         R"(update:1{"id":"1","name":"B","n":null,"b":null} update:3{"n":4})");
  CHECK(file.base("1") == base_of_1);
  file.check_goes_through();
}

TEST_CASE("an app's trigger that deletes children has them queued before their parent") {
  for (const bool with_index : {false, true}) {
    Notes file;
    CHECK(file.shell("CREATE TRIGGER cascade AFTER DELETE ON notes WHEN OLD.id = '1' BEGIN "
                     "DELETE FROM notes WHERE id IN ('2', '3'); END;") == "");
    if (with_index) CHECK(file.shell("CREATE UNIQUE INDEX notes_name ON notes(name);") == "");
    file.reopen();
    CHECK(file.shell("DELETE FROM notes WHERE id = '1';") == "");
    CHECK(file.queued() == "delete:2 delete:3 delete:1");
    file.check_goes_through();
  }
}

TEST_CASE("a pulled change of an edited row fires no DELETE trigger of the app") {
  Notes file;
  CHECK(file.shell("CREATE TRIGGER cascade AFTER DELETE ON notes WHEN OLD.id = '1' BEGIN "
                   "DELETE FROM notes WHERE id IN ('2', '3'); END;") == "");
  file.reopen();
  CHECK(file.shell("UPDATE notes SET n = 7 WHERE id = '1'; INSERT INTO notes(id) VALUES ('4');") ==
        "");
  file.round({row("mutation", "notes", "1", "update", R"({"name":"Z"})", 20)});
  CHECK(file.shell("SELECT id, name, n FROM notes") == "1|Z|7\n2|B|2\n3|C|3\n4||");
  file.check_goes_through();
}

TEST_CASE("triggers that the app makes while the engine is open are followed by its next work") {
  Notes file;
  CHECK(file.shell("CREATE TRIGGER stamp AFTER INSERT ON notes BEGIN "
                   "UPDATE notes SET n = 100 WHERE id = NEW.id; END;") == "");
  file.round({});
  CHECK(file.shell("INSERT INTO notes(id) VALUES ('4');") == "");
  CHECK(file.queued() == R"(insert:4{"id":"4"} update:4{"n":100})");
  CHECK(file.base("4") == "none");
}

TEST_CASE("PRAGMA foreign_keys on or off, the queue holds what the rows went through") {
  for (const char* on : {"ON", "OFF"}) {
    CAPTURE(on);
    Notes file;
    CHECK(file.shell("CREATE TABLE pins(note TEXT REFERENCES notes(id) ON DELETE CASCADE);"
                     "INSERT INTO pins VALUES ('1');") == "");
    CHECK(file.shell(std::string("PRAGMA foreign_keys = ") + on +
                     "; DELETE FROM notes WHERE id = '1'; UPDATE notes SET n = 7 WHERE id = '2';"
                     "INSERT OR REPLACE INTO notes(id) VALUES ('3');") == "");
    CHECK(file.queued() ==
          R"(delete:1 update:2{"n":7} update:3{"id":"3","name":null,"n":null,"b":null})");
    CHECK(file.shell("SELECT count(*) FROM pins") == (std::string(on) == "ON" ? "0" : "1"));
    file.check_goes_through();
  }
}

TEST_CASE("what is written through an ATTACHed name is queued in the file it is written to") {
  Notes file;
  const std::string other = file.directory / "other.db";
  CHECK(file.shell("ATTACH '" + other +
                   "' AS side; CREATE TABLE side.notes(id, name, n, b);"
                   "INSERT INTO side.notes VALUES ('1', 'side', 0, NULL);") == "");
  CHECK(file.shell("ATTACH '" + other +
                   "' AS side; UPDATE side.notes SET n = 9;"
                   "UPDATE notes SET n = (SELECT n FROM side.notes) WHERE id = '1';") == "");
  CHECK(file.queued() == R"(update:1{"n":9})");
  const std::string mine = file.path;
  file.path = other;
  CHECK(file.shell("ATTACH '" + mine +
                   "' AS phone; BEGIN; UPDATE phone.notes SET n = 8;"
                   "INSERT OR REPLACE INTO phone.notes(id) VALUES ('2');"
                   "INSERT INTO phone.notes(id) VALUES ('4'); DELETE FROM phone.notes WHERE id = "
                   "'3'; DELETE FROM notes; COMMIT;") == "");
  file.path = mine;
  CHECK(file.queued() ==
        R"(update:1{"n":9} update:1{"n":8} update:2{"n":8} update:3{"n":8} )"
        R"(update:2{"id":"2","name":null,"n":null,"b":null} insert:4{"id":"4"} delete:3)");
  file.check_goes_through();
}

TEST_CASE("a statement that SQLite undoes leaves nothing in the queue") {
  Notes file;
  CHECK(file.shell("CREATE UNIQUE INDEX notes_name ON notes(name);") == "");
  file.reopen();
  CHECK(file.shell("UPDATE notes SET name = 'A';").find("UNIQUE") != std::string::npos);
  CHECK(file.shell("INSERT OR ROLLBACK INTO notes(id) VALUES ('8'), ('1');").find("UNIQUE") !=
        std::string::npos);
  CHECK(file.shell("BEGIN; SAVEPOINT s; DELETE FROM notes; ROLLBACK TO s; UPDATE notes SET n = 7 "
                   "WHERE id = '1'; COMMIT;") == "");
  CHECK(file.queued() == R"(update:1{"n":7})");
  // OR FAIL keeps what it did before the row that failed.
  CHECK(file.shell("INSERT OR FAIL INTO notes(id) VALUES ('8'), ('1'), ('9');").find("UNIQUE") !=
        std::string::npos);
  CHECK(file.queued() == R"(update:1{"n":7} insert:8{"id":"8"})");
  file.check_goes_through();
}

// trap: nul-in-text
TEST_CASE("what PostgreSQL cannot store is refused when it is written, in every column") {
  Notes file;
  const auto refused = [&](const std::string& sql) {
    return file.shell(sql).find("U+0000") != std::string::npos;
  };
  CHECK(refused("UPDATE notes SET name = 'a' || char(0) WHERE id = '1';"));
  CHECK(refused("UPDATE OR IGNORE notes SET name = 'a' || char(0);"));
  CHECK(refused("INSERT OR IGNORE INTO notes(id) VALUES ('4' || char(0));"));
  CHECK(refused("UPDATE notes SET id = char(0) WHERE id = '1';"));
  CHECK(refused("UPDATE notes SET name = x'610062' WHERE id = '1';"));  // a BLOB in a text column
  CHECK(file.queued().empty());
  CHECK(file.shell("SELECT group_concat(name) FROM notes") == "A,B,C");
  CHECK(file.shell("UPDATE notes SET b = x'610062' WHERE id = '1';") == "");
}
