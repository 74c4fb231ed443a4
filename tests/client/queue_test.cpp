// The queue's edges: what it holds, how it is cut into batches, and what it leaves behind.
#include <doctest/doctest.h>

#include "store/queue_sql.h"
#include "tests/client/store_file.h"

using namespace store_file;

namespace {

const Column kId{"id"}, kName{"name"}, kN{"n", "integer", "bigint"};

std::string notes() {
  return schema({object_schema("notes", {"id"}, {kId, kName, kN})});
}

}  // namespace

TEST_CASE("an emptied queue leaves no base image and no unsynced mark") {
  File file(notes());
  file.round({row("mutation", "notes", "1", "insert", R"({"id":"1","name":"A","n":1})", 1),
              row("mutation", "notes", "2", "insert", R"({"id":"2","name":"B","n":2})", 2)});
  CHECK(
      file.shell("UPDATE notes SET n = 5 WHERE id = '1'; DELETE FROM notes WHERE id = '2';"
                 "INSERT INTO notes(id, n) VALUES ('3', 3); UPDATE notes SET n = 4 WHERE id = '3';"
                 "INSERT INTO notes(id) VALUES ('4'); DELETE FROM notes WHERE id = '4';") == "");
  CHECK(file.shell("SELECT count(*) FROM _base") == "4");
  CHECK(file.db->queue().size() == 6);
  file.push_all();
  CHECK(file.shell("SELECT count(*) FROM _base") == "0");
  CHECK(file.shell("SELECT id, n, _synced FROM notes ORDER BY id") == "1|5|1\n3|4|1");
  CHECK(file.db->verify_local().empty());
}

TEST_CASE("a rejected insert and a rejected delete leave the server's rows and no base image") {
  File file(notes());
  file.round({row("mutation", "notes", "1", "insert", R"({"id":"1","name":"A","n":1})", 1)});
  file.shell("DELETE FROM notes; INSERT INTO notes(id) VALUES ('2');");
  auto batch = file.db->next_batch(10);
  REQUIRE(batch.size() == 2);
  auto rejected = file.db->store_verdicts(
      {verdict(batch[0].id, "rejected", 0), verdict(batch[1].id, "rejected", 0)});
  CHECK(rejected.size() == 2);
  CHECK(file.shell("SELECT id, name, n, _version, _synced FROM notes") == "1|A|1|1|1");
  CHECK(file.shell("SELECT count(*) FROM _base") == "0");
  CHECK(file.db->confirmed() == 2);
}

TEST_CASE("a batch never cuts a group; a group larger than the batch goes alone and whole") {
  File file(notes());
  file.shell(
      "INSERT INTO notes(id) VALUES ('a'), ('b');"
      "INSERT INTO _group DEFAULT VALUES;"
      "INSERT INTO notes(id) VALUES ('c'), ('d'), ('e');"
      "DELETE FROM _group;"
      "INSERT INTO notes(id) VALUES ('f');");
  auto take = [&](std::size_t max) {
    std::string ids;
    std::vector<StoredVerdict> verdicts;
    for (const QueuedMutation& mutation : file.db->next_batch(max)) {
      ids += mutation.record_id;
      verdicts.push_back(verdict(mutation.id, "applied", 1));
    }
    file.db->store_verdicts(verdicts);
    return ids;
  };
  CHECK(take(3) == "ab");
  CHECK(take(2) == "cde");
  CHECK(take(2) == "f");
  CHECK(take(2) == "");
}

namespace {

std::string records(const std::vector<QueuedMutation>& batch) {
  std::string ids;
  for (const QueuedMutation& mutation : batch) ids += mutation.record_id;
  return ids;
}

}  // namespace

TEST_CASE("what is frozen while a batch is under way holds none of its records") {
  File file(notes());
  file.shell(
      "INSERT INTO notes(id) VALUES ('a'), ('b'), ('c'), ('d'), ('e'); UPDATE notes SET n = 1 "
      "WHERE id = 'b'; INSERT INTO notes(id) VALUES ('f'), ('g'), ('h');");
  const auto first = file.db->next_batch(3);
  CHECK(records(first) == "abc");
  const auto ahead = file.db->next_batch(4, first.back().client_sequence);
  CHECK(records(ahead) == "de");
  CHECK(file.db->next_batch(4, ahead.back().client_sequence).empty());  // b waits for its verdict
  file.db->store_verdicts({verdict(first[0].id, "applied", 1), verdict(first[1].id, "applied", 2),
                           verdict(first[2].id, "applied", 3)});
  const auto last = file.db->next_batch(4, ahead.back().client_sequence);
  REQUIRE(records(last) == "bfgh");
  CHECK(last[0].version == 2);
}

TEST_CASE("what would be little to send waits for the verdicts, too") {
  File file(notes());
  file.shell("INSERT INTO notes(id) VALUES ('a'), ('b'), ('c'); UPDATE notes SET n = 1;");
  const auto first = file.db->next_batch(2);
  CHECK(records(first) == "ab");
  CHECK(file.db->next_batch(4, first.back().client_sequence).empty());
  CHECK(file.shell("SELECT count(*) FROM _mutations WHERE state = 'in_flight'") == "2");
}

TEST_CASE("no group is cut before a record that is under way") {
  File file(notes());
  file.shell(
      "INSERT INTO notes(id) VALUES ('a'), ('b'), ('c');"
      "INSERT INTO _group DEFAULT VALUES;"
      "INSERT INTO notes(id) VALUES ('d'); UPDATE notes SET n = 1 WHERE id = 'a';"
      "DELETE FROM _group;");
  const auto first = file.db->next_batch(1);
  CHECK(records(first) == "a");
  CHECK(records(file.db->next_batch(4, first.back().client_sequence)) == "bc");
}

TEST_CASE("two batches in flight are sent again, and what belongs together is not parted") {
  File file(notes());
  file.shell(
      "INSERT INTO notes(id) VALUES ('a'), ('b'), ('c'), ('d'); UPDATE notes SET n = 1 "
      "WHERE id = 'c'; INSERT INTO notes(id) VALUES ('e'), ('f');");
  const auto first = file.db->next_batch(2);
  const auto second = file.db->next_batch(4, first.back().client_sequence);
  REQUIRE(records(first) + records(second) == "abcdce");
  CHECK(records(file.db->next_batch(6)) == "abcdce");
  CHECK(records(file.db->next_batch(4)) == "ab");  // c comes twice, in one push
  const auto rest = file.db->next_batch(4, first.back().client_sequence);
  CHECK(records(rest) == "cdce");
  CHECK(rest[0].frozen == second[0].frozen);
  CHECK(records(file.db->next_batch(1, first.back().client_sequence)) == "cdc");
}

// trap: edited-in-flight
TEST_CASE("a batch in flight is sent again as it was, whatever has been edited since") {
  File file(notes());
  file.shell("INSERT INTO notes(id, n) VALUES ('a', 1);");
  auto first = file.db->next_batch(10);
  file.shell("UPDATE notes SET n = 2; UPDATE notes SET n = 3;");
  auto again = file.db->next_batch(10);
  REQUIRE(again.size() == 1);
  CHECK(again[0].frozen == first[0].frozen);
  file.db->store_verdicts({verdict(first[0].id, "applied", 7)});
  CHECK(file.db->next_batch(10).size() == 2);
  CHECK(file.shell("SELECT n FROM notes") == "3");
}

TEST_CASE("a composite key of text, number and bytes names one record on both sides") {
  File file(schema({object_schema("parts", {"b", "a", "c"},
                                  {{"a", "integer", "integer"},
                                   {"b"},
                                   {"c", "bytes", "bytea"},
                                   {"n", "integer", "integer"}})}));
  std::string id = R"(["q\"\\\n/é",7,"\\x00ff"])";
  file.round({row("mutation", "parts", id, "insert",
                  R"({"a":7,"b":"q\"\\\n/é","c":"\\x00ff","n":1})", 3)});
  CHECK(file.shell("UPDATE parts SET n = 2;") == "");
  auto queue = file.db->queue();
  REQUIRE(queue.size() == 1);
  CHECK(queue[0].record_id == id);
  file.round({row("mutation", "parts", id, "update", R"({"n":9})", 4)});
  CHECK(file.shell("SELECT n FROM parts") == "2");
  file.push_all();
  file.round({row("mutation", "parts", id, "delete", "", 2000)});
  CHECK(file.shell("SELECT count(*) FROM parts") == "0");
  CHECK(file.db->verify_local().empty());
}

// trap: strange-keys
TEST_CASE("a key of 2,000 characters is a key like any other") {
  File file(notes());
  std::string key;
  for (int i = 0; i < 500; ++i) key += "ab'é";
  std::string quoted;
  for (char c : key) quoted += c == '\'' ? "''" : std::string(1, c);
  CHECK(file.shell("INSERT INTO notes(id, n) VALUES ('" + quoted + "', 1);") == "");
  REQUIRE(file.db->queue().size() == 1);
  CHECK(file.db->queue()[0].record_id == key);
  file.push_all();
  file.round({row("mutation", "notes", key, "update", R"({"n":2})", 2000)});
  CHECK(file.shell("SELECT n FROM notes") == "2");
  CHECK(file.db->verify_local().empty());
}

// trap: many-columns
TEST_CASE("a record of 1,000 columns is edited, pulled and rebased") {
  std::vector<Column> columns = {kId};
  std::string data = "{\"id\":\"1\"";
  for (int i = 1; i < 1000; ++i) {
    columns.push_back({"c" + std::to_string(i), "integer", "integer"});
    data += ",\"c" + std::to_string(i) + "\":" + std::to_string(i);
  }
  File file(schema({object_schema("wide", {"id"}, columns)}));
  file.round({row("mutation", "wide", "1", "insert", data + "}", 1)});
  CHECK(file.shell("UPDATE wide SET c999 = -1, c1 = -2;") == "");
  REQUIRE(file.db->queue().size() == 1);
  CHECK(file.db->queue()[0].data == R"({"c1":-2,"c999":-1})");
  file.round({row("mutation", "wide", "1", "update", R"({"c500":5,"c1":7})", 2)});
  CHECK(file.shell("SELECT c1, c500, c999 FROM wide") == "-2|5|-1");
  CHECK(file.shell("INSERT INTO wide(id, c7) VALUES ('2', 7);") == "");
  CHECK(file.db->verify_local().empty());
  file.push_all();
  CHECK(file.shell("SELECT count(*) FROM _base") == "0");
}

TEST_CASE("every statement of the queue finds its rows by an index, however long the queue is") {
  File file(notes());
  const std::string of_queue = queue_sql::columns;
  for (const std::string& sql :
       {of_queue + queue_sql::in_flight, of_queue + queue_sql::pending,
        of_queue + queue_sql::of_record, of_queue + queue_sql::numbered,
        std::string(queue_sql::oldest_pending), std::string(queue_sql::records_in_flight),
        std::string(queue_sql::numbers_in_flight), std::string(queue_sql::confirmed),
        std::string(queue_sql::judged_of_record), std::string(queue_sql::pending_of_record),
        std::string(queue_sql::claim), std::string(queue_sql::forget_claims),
        std::string(queue_sql::rewrite), std::string(queue_sql::freeze),
        std::string(queue_sql::judge), std::string(queue_sql::drop),
        std::string(queue_sql::pending_undo_of)}) {
    const std::string plan = file.shell("EXPLAIN QUERY PLAN " + sql);
    CAPTURE(sql);
    CAPTURE(plan);
    CHECK(plan.find("SEARCH _mutations") != std::string::npos);
    CHECK(plan.find("SCAN _mutations") == std::string::npos);
    CHECK(plan.find("B-TREE FOR ORDER BY") == std::string::npos);
  }
}

TEST_CASE("a verdict that comes again changes nothing") {
  File file(notes());
  file.shell("INSERT INTO notes(id) VALUES ('a');");
  const auto batch = file.db->next_batch(10);
  REQUIRE(batch.size() == 1);
  file.db->store_verdicts({verdict(batch[0].id, "applied", 7)});
  CHECK(file.db->store_verdicts({verdict(batch[0].id, "rejected", 8)}).empty());
  CHECK(file.shell("SELECT state, json_extract(verdict, '$.version') FROM _mutations") ==
        "judged|7");
}
