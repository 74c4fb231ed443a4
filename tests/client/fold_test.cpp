// Steps on one record that were never sent go as one where the server would make the same of them.
#include <doctest/doctest.h>

#include <map>
#include <random>

#include "store/json_slices.h"
#include "tests/client/store_file.h"

using namespace store_file;

namespace {

const Column kId{"id"}, kName{"name"}, kN{"n", "integer", "bigint"};

struct Notes : File {
  Notes() : File(schema({object_schema("notes", {"id"}, {kId, kName, kN})})) {
    round({row("mutation", "notes", "1", "insert", R"({"id":"1","name":"A","n":1})", 11),
           row("mutation", "notes", "2", "insert", R"({"id":"2","name":"B","n":2})", 12)});
  }
  std::vector<QueuedMutation> batch(std::size_t max = 100, int64_t after = 0) {
    return db->next_batch({max, std::size_t{4} << 20, true}, after);
  }
  // "update:1{…}<{…}", data and original as they are sent.
  static std::string sent(const std::vector<QueuedMutation>& batch) {
    std::string text;
    for (const QueuedMutation& mutation : batch) {
      const RawMembers message = json_members(mutation.frozen);
      const std::string *data = json_find(message, "data"),
                        *original = json_find(message, "original");
      text += (text.empty() ? "" : " ") + mutation.operation + ":" + mutation.record_id +
              (data == nullptr ? "" : *data) + (original == nullptr ? "" : "<" + *original);
    }
    return text;
  }
  std::string rows() { return shell("SELECT id, name, n, _synced FROM notes ORDER BY id"); }
};

}  // namespace

TEST_CASE("two updates go as one when the later one writes every field of the earlier one") {
  Notes file;
  file.shell(
      "UPDATE notes SET name = 'a' WHERE id = '1'; UPDATE notes SET name = 'ab' WHERE id = "
      "'1'; UPDATE notes SET name = 'abc', n = 5 WHERE id = '1';");
  const std::string last = file.db->queue().back().id;
  const auto batch = file.batch();
  CHECK(file.sent(batch) == R"(update:1{"name":"abc","n":5}<{"name":"A","n":1})");
  CHECK(batch[0].id == last);
  CHECK(batch[0].version == 11);
  CHECK(file.db->queue().size() == 1);
  CHECK(file.rows() == "1|abc|5|0\n2|B|2|1");
  CHECK(file.db->verify_local().empty());
  file.db->store_verdicts({verdict(last, "rejected", 0)});
  CHECK(file.rows() == "1|A|1|1\n2|B|2|1");
}

TEST_CASE("updates stay two where a field would get a later time, or would seem untouched") {
  Notes file;
  file.shell(
      "UPDATE notes SET name = 'a' WHERE id = '1'; UPDATE notes SET n = 5 WHERE id = '1';"
      "UPDATE notes SET n = 6 WHERE id = '2'; UPDATE notes SET n = 2 WHERE id = '2';");
  CHECK(file.sent(file.batch()) == R"(update:1{"name":"a"}<{"name":"A"} update:1{"n":5}<{"n":1} )"
                                   R"(update:2{"n":6}<{"n":2} update:2{"n":2}<{"n":6})");
}

TEST_CASE("an insert takes in what is done to the record next; with its deletion nothing is left") {
  Notes file;
  file.shell(
      "INSERT INTO notes(id, n) VALUES ('3', 3); UPDATE notes SET name = 'C' WHERE id = '3';"
      "UPDATE notes SET n = NULL WHERE id = '3';"
      "INSERT INTO notes(id) VALUES ('4'); UPDATE notes SET n = 4 WHERE id = '4';"
      "DELETE FROM notes WHERE id = '4';");
  CHECK(file.sent(file.batch()) == R"(insert:3{"id":"3","n":null,"name":"C"})");
  CHECK(file.shell("SELECT record_id FROM _base") == "3");
  CHECK(file.db->verify_local().empty());
  file.push_all();
  CHECK(file.rows() == "1|A|1|1\n2|B|2|1\n3|C||1");
}

TEST_CASE("a deletion takes in the update before it, and says what the server had") {
  Notes file;
  file.shell(
      "UPDATE notes SET name = 'a', n = 5 WHERE id = '1'; DELETE FROM notes WHERE id = '1';");
  CHECK(file.sent(file.batch()) == R"(delete:1<{"id":"1","name":"A","n":1})");
  CHECK(file.db->verify_local().empty());
}

TEST_CASE("steps with another record's between them, in a group, or sent already stay themselves") {
  Notes file;
  file.shell(
      "UPDATE notes SET n = 5 WHERE id = '1'; UPDATE notes SET n = 6 WHERE id = '2';"
      "UPDATE notes SET n = 7 WHERE id = '1';"
      "INSERT INTO _group DEFAULT VALUES; UPDATE notes SET n = 8 WHERE id = '1';"
      "UPDATE notes SET n = 9 WHERE id = '1'; DELETE FROM _group;"
      "DELETE FROM notes WHERE id = '2'; INSERT INTO notes(id) VALUES ('2');");
  CHECK(file.batch().size() == 7);
  file.shell("UPDATE notes SET n = 10 WHERE id = '1'; UPDATE notes SET n = 11 WHERE id = '1';");
  CHECK(file.batch().size() == 7);
  file.push_all();
  file.shell("UPDATE notes SET n = 12 WHERE id = '1'; UPDATE notes SET n = 13 WHERE id = '1';");
  CHECK(file.sent(file.batch()) == R"(update:1{"n":13}<{"n":11})");
}

TEST_CASE("a batch of which nothing is left does not hide the ones behind it") {
  Notes file;
  for (int i = 0; i < 5; ++i)
    file.shell("INSERT INTO notes(id) VALUES ('x'); DELETE FROM notes WHERE id = 'x';");
  file.shell("UPDATE notes SET n = 5 WHERE id = '1';");
  CHECK(file.sent(file.batch(2)) == R"(update:1{"n":5}<{"n":1})");
  CHECK(file.db->queue().size() == 1);
  CHECK(file.shell("SELECT count(*) FROM _base") == "1");
}

TEST_CASE("random writes: folded or not, the rows and what the server would hold are the same") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto one_of = [&](int count) {
      return static_cast<int>(random() % static_cast<unsigned>(count));
    };
    Notes plain, folded;
    std::string script;
    for (int i = 0; i < 12; ++i) {
      const std::string id = std::to_string(1 + one_of(3)), value = std::to_string(one_of(4));
      switch (one_of(5)) {
        case 0:
          script += "INSERT OR IGNORE INTO notes(id, n) VALUES ('" + id + "', " + value + ");";
          break;
        case 1:
          script += "DELETE FROM notes WHERE id = '" + id + "';";
          break;
        case 2:
          script += "UPDATE notes SET name = '" + value + "' WHERE id = '" + id + "';";
          break;
        default:
          script += "UPDATE notes SET n = " + value + " WHERE id = '" + id + "';";
      }
    }
    // What a server makes of a batch that it applies as it comes.
    const auto outcome = [](Notes& file, const std::vector<QueuedMutation>& batch) {
      std::map<std::string, std::optional<RawMembers>> server;
      server["1"] = json_members(R"({"id":"1","name":"A","n":1})");
      server["2"] = json_members(R"({"id":"2","name":"B","n":2})");
      for (const QueuedMutation& mutation : batch) {
        const RawMembers message = json_members(mutation.frozen);
        const std::string* data = json_find(message, "data");
        std::optional<RawMembers>& image = server[mutation.record_id];
        CHECK(image.has_value() == (mutation.operation != "insert"));
        if (mutation.operation == "delete") {
          image.reset();
          continue;
        }
        if (!image) image = json_members(R"({"id":null,"name":null,"n":null})");
        for (const auto& [name, raw] : json_members(*data))
          for (auto& field : *image)
            if (field.first == name) field.second = raw;
      }
      std::string text;
      for (const auto& [id, image] : server)
        if (image) text += id + json_object(*image);
      CHECK(file.db->verify_local().empty());
      return text;
    };
    REQUIRE(plain.shell(script) == "");
    REQUIRE(folded.shell(script) == "");
    const auto many = plain.db->next_batch(100), few = folded.batch();
    CHECK(few.size() <= many.size());
    CHECK(outcome(plain, many) == outcome(folded, few));
    CHECK(plain.rows() == folded.rows());
  }
}
