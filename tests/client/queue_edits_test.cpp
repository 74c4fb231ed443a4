// What the app asks of its queue: discard, retry, dismiss.
#include <doctest/doctest.h>

#include <functional>

#include "objectos/sync_engine.h"
#include "tests/client/store_file.h"

using namespace store_file;

namespace {

const Column kId{"id"}, kName{"name"}, kN{"n", "integer", "bigint"}, kB{"b", "bytes", "bytea"};

// A file that no engine holds, and an engine on it.
struct Notes : File {
  Notes() : File(schema({object_schema("notes", {"id"}, {kId, kName, kN, kB})})) {
    round({row("mutation", "notes", "1", "insert", R"({"id":"1","name":"A","n":1,"b":null})", 11),
           row("mutation", "notes", "2", "insert", R"({"id":"2","name":"B","n":2,"b":null})", 12)});
    db.reset();
  }
  SyncEngine engine{Options{.database = path}};

  std::string id(int place) { return engine.pending().at(static_cast<std::size_t>(place)).id; }
  std::string queued() {
    std::string text;
    for (const PendingMutation& mutation : engine.pending())
      text +=
          (text.empty() ? "" : " ") + mutation.operation + ":" + mutation.record_id + mutation.data;
    return text;
  }
  std::string rows() { return shell("SELECT id, name, n FROM notes ORDER BY id"); }
  void check_sound() { CHECK(engine.verify_local().empty()); }
  void open() { db = LocalDatabase::open(path, LocalDatabase::Mode::engine); }
  // The server refuses all that is queued; the engine has the file again afterwards.
  void reject_all(const std::string& reason = "constraint_violation") {
    open();
    std::vector<StoredVerdict> verdicts;
    for (const QueuedMutation& mutation : db->next_batch(100)) {
      verdicts.push_back(verdict(mutation.id, "rejected", 0));
      verdicts.back().reason = reason;
    }
    db->store_verdicts(verdicts);
    db.reset();
  }
};

std::string code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return "";
}

}  // namespace

TEST_CASE("a discarded edit leaves the queue, and its row goes back to what the server has") {
  Notes file;
  file.shell(
      "UPDATE notes SET name = 'Ada', n = 9 WHERE id = '1'; DELETE FROM notes WHERE id = "
      "'2'; INSERT INTO notes(id) VALUES ('3');");
  for (const char* record : {"1", "2", "3"}) {
    const auto discarded = file.engine.discard(file.id(0));
    REQUIRE(discarded.size() == 1);
    CHECK(discarded[0].record_id == record);
    file.check_sound();
  }
  CHECK(file.rows() == "1|A|1\n2|B|2");
  CHECK(file.queued() == "");
  CHECK(file.shell("SELECT (SELECT count(*) FROM _base) || (SELECT count(*) FROM notes WHERE "
                   "_synced = 0) || (SELECT count(*) FROM _rejections)") == "000");
  CHECK(code_of([&] { file.engine.discard("no-such-id"); }) == "unknown_mutation");
}

TEST_CASE("edits made upon a discarded one go on without it, as if it had never been") {
  Notes file;
  file.shell(
      "UPDATE notes SET name = 'Ada', n = 5 WHERE id = '1';"
      "UPDATE notes SET n = 6 WHERE id = '1'; UPDATE notes SET n = 7 WHERE id = '1';");
  file.engine.discard(file.id(0));
  file.check_sound();
  CHECK(file.rows() == "1|A|7\n2|B|2");
  CHECK(file.queued() == R"(update:1{"n":6} update:1{"n":7})");
  file.open();
  const auto batch = file.db->next_batch(10);
  CHECK(batch[0].frozen.find(R"("data":{"n":6},"original":{"n":1},)") != std::string::npos);
  CHECK(batch[1].frozen.find(R"("data":{"n":7},"original":{"n":6},)") != std::string::npos);
  CHECK(batch[1].version == 11);
}

TEST_CASE("a deletion made upon a discarded edit deletes the row that the server has") {
  Notes file;
  file.shell("UPDATE notes SET name = 'Ada' WHERE id = '1'; DELETE FROM notes WHERE id = '1';");
  file.engine.discard(file.id(0));
  file.check_sound();
  file.open();
  const auto batch = file.db->next_batch(10);
  REQUIRE(batch.size() == 1);
  CHECK(batch[0].original == R"({"id":"1","name":"A","n":1,"b":null})");
}

TEST_CASE("an insert or a delete on which later edits build is discarded after them") {
  Notes file;
  file.shell(
      "INSERT INTO notes(id) VALUES ('3'); UPDATE notes SET n = 3 WHERE id = '3';"
      "DELETE FROM notes WHERE id = '1'; INSERT INTO notes(id, n) VALUES ('1', 8);");
  const std::string insert = file.id(0), update = file.id(1), removal = file.id(2);
  const std::string before = file.queued();
  try {
    file.engine.discard(insert);
    FAIL("it was discarded");
  } catch (const Error& error) {
    CHECK(error.code() == "mutation_needed");
    CHECK(error.detail() == update);
  }
  CHECK(code_of([&] { file.engine.discard(removal); }) == "mutation_needed");
  CHECK(file.queued() == before);
  file.check_sound();
  file.engine.discard(file.id(3));
  file.engine.discard(removal);
  file.engine.discard(update);
  file.engine.discard(insert);
  CHECK(file.rows() == "1|A|1\n2|B|2");
  file.check_sound();
}

TEST_CASE("an edit whose undo is queued is discarded after the undo") {
  Notes file;
  file.engine.transaction(
      [](Transaction& transaction) { transaction.execute("UPDATE notes SET n = 10"); });
  file.engine.undo();
  REQUIRE(file.engine.pending().size() == 4);
  CHECK(code_of([&] { file.engine.discard(file.id(0)); }) == "mutation_needed");
  CHECK(file.rows() == "1|A|1\n2|B|2");
  file.check_sound();
  file.engine.discard(file.id(3));
  file.engine.discard(file.id(0));
  CHECK(file.queued() == "");
  CHECK(file.rows() == "1|A|1\n2|B|2");
  file.check_sound();
}

TEST_CASE("with one mutation its whole group is discarded") {
  Notes file;
  file.engine.transaction([](Transaction& transaction) {
    transaction.execute(
        "INSERT INTO notes(id) VALUES('3'); UPDATE notes SET n = 30 WHERE id = '3'");
    transaction.execute("UPDATE notes SET n = 10 WHERE id = '1'");
    transaction.execute("UPDATE notes SET n = 11, name = 'x' WHERE id = '1'");
  });
  file.shell("UPDATE notes SET n = 12 WHERE id = '1';");
  const auto discarded = file.engine.discard(file.id(2));
  REQUIRE(discarded.size() == 4);
  CHECK(discarded[0].operation == "insert");
  CHECK(discarded[3].data == R"({"name":"x","n":11})");
  CHECK(file.queued() == R"(update:1{"n":12})");
  CHECK(file.rows() == "1|A|12\n2|B|2");
  file.check_sound();
  CHECK(file.shell("SELECT original FROM _mutations") == R"({"n":1})");
}

TEST_CASE("what was sent cannot be discarded, nor what is in a group with it") {
  Notes file;
  file.shell("UPDATE notes SET n = 10 WHERE id = '1';");
  const std::string sent = file.id(0);
  file.open();
  const auto batch = file.db->next_batch(10);
  CHECK(code_of([&] { file.engine.discard(sent); }) == "mutation_sent");
  file.db->store_verdicts({verdict(batch[0].id, "applied", 13)});
  CHECK(code_of([&] { file.engine.discard(sent); }) == "mutation_sent");
  CHECK(file.rows() == "1|A|10\n2|B|2");
  file.check_sound();
}

TEST_CASE("a change listener hears of the row that a discarded edit gives back") {
  Notes file;
  std::string told;
  const auto token = file.engine.on_change("notes", [&](const Change& change) {
    told += std::string(told.empty() ? "" : " ") + origin_name(change.origin) + ":" +
            change.operation + ":" + change.record_id;
  });
  file.shell("UPDATE notes SET n = 10 WHERE id = '1'; INSERT INTO notes(id) VALUES ('3');");
  file.engine.discard(file.id(1));
  file.engine.discard(file.id(0));
  CHECK(file.engine.drain(std::chrono::seconds(10)));
  CHECK(told == "local:update:1 local:insert:3 remote:delete:3 remote:update:1");
}

TEST_CASE("a rejected edit that is retried is a new edit of the row as it is now") {
  Notes file;
  file.shell(
      "UPDATE notes SET name = 'Ada', n = 9 WHERE id = '1'; DELETE FROM notes WHERE id = "
      "'2'; INSERT INTO notes(id, n, b) VALUES ('3', 3, x'00ff');");
  const std::string update = file.id(0), removal = file.id(1), insert = file.id(2);
  file.reject_all();
  CHECK(file.rows() == "1|A|1\n2|B|2");
  file.open();
  file.round({row("mutation", "notes", "1", "update", R"({"n":100})", 20)});
  file.db.reset();
  const std::string again = file.engine.retry(update);
  CHECK(again == file.id(0));
  CHECK(again != update);
  file.engine.retry(removal);
  file.engine.retry(insert);
  CHECK(file.queued() == R"(update:1{"name":"Ada","n":9} delete:2 )"
                         R"(insert:3{"id":"3","n":3,"b":"\\x00ff"})");
  CHECK(file.shell("SELECT original, version FROM _mutations LIMIT 1") ==
        R"({"name":"A","n":100}|20)");
  CHECK(file.engine.rejections().empty());
  CHECK(code_of([&] { file.engine.retry(update); }) == "unknown_mutation");
  file.check_sound();
}

TEST_CASE("a retried insert of a record that there is by now changes it; what is so already is") {
  Notes file;
  file.shell(
      "INSERT INTO notes(id, name) VALUES ('3', 'C'); UPDATE notes SET n = 9 WHERE id = '1';");
  const std::string insert = file.id(0), update = file.id(1);
  file.reject_all("version_mismatch");
  file.open();
  file.round(
      {row("mutation", "notes", "3", "insert", R"({"id":"3","name":"theirs","n":3,"b":null})", 30),
       row("mutation", "notes", "1", "update", R"({"n":9})", 31)});
  file.db.reset();
  file.engine.retry(insert);
  CHECK(file.engine.retry(update) == "");
  CHECK(file.queued() == R"(update:3{"name":"C"})");
  CHECK(file.rows() == "1|A|9\n2|B|2\n3|C|3");
  CHECK(file.engine.rejections().empty());
  file.check_sound();
}

TEST_CASE("a retry that cannot be keeps the rejection and says why") {
  Notes file;
  file.shell(
      "UPDATE notes SET name = 'Ada' WHERE id = '1'; INSERT INTO notes(id, name) VALUES "
      "('3', 'B');");
  const std::string update = file.id(0), insert = file.id(1);
  file.reject_all();
  file.shell("CREATE UNIQUE INDEX names ON notes(name);");
  file.open();
  file.round({row("mutation", "notes", "1", "delete", "", 20)});
  file.db.reset();
  CHECK(code_of([&] { file.engine.retry(update); }) == "record_missing");
  CHECK(code_of([&] { file.engine.retry(insert); }) == "statement_failed");
  CHECK(file.engine.rejections().size() == 2);
  CHECK(file.queued() == "");
  file.engine.dismiss(update);
  CHECK(file.engine.rejections().size() == 1);
  CHECK(file.engine.status().rejections == 1);
  CHECK(code_of([&] { file.engine.dismiss(update); }) == "unknown_mutation");
}
