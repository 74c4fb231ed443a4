// Which version a queued mutation says it was made on: see claimed_versions.h.
#include <doctest/doctest.h>

#include "tests/client/store_file.h"

using namespace store_file;

namespace {

struct Notes : File {
  Notes()
      : File(schema(
            {object_schema("notes", {"id"}, {{"id"}, {"name"}, {"n", "integer", "bigint"}})})) {
    pulled("insert", R"({"id":"1","name":"b","n":1})", 1);
  }
  void pulled(const std::string& operation, const std::string& data, int64_t at) {
    round({row("mutation", "notes", "1", operation, data, at)});
  }
  // The claims of the next batch as the server gets them, "-" where there is none.
  std::string sent() {
    std::string text;
    batch = db->next_batch(10);
    for (const QueuedMutation& mutation : batch) {
      const std::size_t at = mutation.frozen.find("\"version\":");
      std::string claim = at == std::string::npos ? "-" : mutation.frozen.substr(at + 10);
      text += (text.empty() ? "" : " ") + claim.substr(0, claim.find(','));
      CHECK(claim.substr(0, claim.find(',')) ==
            (mutation.version ? std::to_string(*mutation.version) : "-"));
    }
    return text;
  }
  void judged(const std::vector<std::pair<std::string, int64_t>>& verdicts) {
    REQUIRE(batch.size() == verdicts.size());
    std::vector<StoredVerdict> stored;
    for (std::size_t i = 0; i < batch.size(); ++i)
      stored.push_back(verdict(batch[i].id, verdicts[i].first, verdicts[i].second));
    db->store_verdicts(stored);
  }
  void edit(const std::string& sql) { REQUIRE(shell(sql) == ""); }
  void check_sound() { CHECK(db->verify_local().empty()); }

  std::vector<QueuedMutation> batch;
};

}  // namespace

TEST_CASE("an edit claims the version it was made on, whatever is pulled before it is sent") {
  Notes file;
  file.edit("UPDATE notes SET name = 'c'");
  file.pulled("update", R"({"name":"s"})", 5);
  file.edit("UPDATE notes SET n = 2; DELETE FROM notes");
  CHECK(file.shell("SELECT json_extract(original, '$.name') FROM _mutations LIMIT 1") == "b");
  CHECK(file.sent() == "1 1 1");
  file.check_sound();
}

TEST_CASE("an edit made with nothing queued claims what was pulled last") {
  Notes file;
  file.pulled("update", R"({"name":"s"})", 5);
  file.edit("UPDATE notes SET name = 'c'");
  CHECK(file.sent() == "5");
}

TEST_CASE("an edit that follows an applied one claims the version after it") {
  for (const bool edited_before : {true, false}) {
    CAPTURE(edited_before);
    Notes file;
    file.edit("UPDATE notes SET name = 'c'; UPDATE notes SET name = 'd'");
    CHECK(file.sent() == "1 1");
    if (edited_before) file.edit("UPDATE notes SET n = 2");
    file.judged({{"applied", 2}, {"applied", 3}});
    if (!edited_before) file.edit("UPDATE notes SET n = 2");
    CHECK(file.sent() == "3");
    file.edit("DELETE FROM notes");
    file.judged({{"applied", 4}});
    CHECK(file.sent() == "4");
    file.check_sound();
  }
}

TEST_CASE("what follows an applied one keeps its version when that one has left the queue") {
  Notes file;
  file.edit("UPDATE notes SET name = 'c'");
  file.sent();
  file.edit("UPDATE notes SET n = 2");
  file.judged({{"applied", 2}});
  file.pulled("update", R"({"name":"s"})", 7);  // and somebody else's change
  CHECK(file.db->queue().size() == 1);
  file.edit("UPDATE notes SET n = 3");
  CHECK(file.sent() == "2 2");
  file.check_sound();
}

TEST_CASE("an acknowledgement carries the version of the answer that was lost") {
  Notes file;
  file.edit("UPDATE notes SET name = 'c'");
  file.sent();
  file.edit("UPDATE notes SET n = 2");
  PulledRow ack =
      row("acknowledgement", "notes", "1", "update", R"({"status":"applied","absorb":true})", 2);
  ack.id = file.batch.at(0).id;
  file.round({ack});
  CHECK(file.sent() == "2");
  file.check_sound();
}

TEST_CASE("what follows a mutation that met another's change vouches for no later version") {
  for (const char* status : {"merged", "conflict"}) {
    CAPTURE(status);
    Notes file;
    file.edit("UPDATE notes SET name = 'c'; UPDATE notes SET name = 'd'");
    file.sent();
    file.edit("UPDATE notes SET n = 2");
    file.judged({{status, 6}, {"applied", 7}});
    file.pulled("update", R"({"name":"d","n":5})", 7);
    CHECK(file.sent() == "1");
    file.check_sound();
  }
}

TEST_CASE("what follows a rejected edit claims what that one was made on") {
  Notes file;
  file.edit("UPDATE notes SET name = 'c'");
  file.sent();
  file.edit("UPDATE notes SET n = 2");
  file.judged({{"rejected", 0}});
  file.edit("UPDATE notes SET n = 3");
  CHECK(file.sent() == "1 1");
  file.check_sound();
}

TEST_CASE("edits of a record made here claim the version that its insert got") {
  Notes file;
  file.edit("INSERT INTO notes(id, n) VALUES ('2', 1); UPDATE notes SET n = 2 WHERE id = '2'");
  CHECK(file.sent() == "- -");
  file.judged({{"applied", 7}, {"applied", 8}});
  file.edit("UPDATE notes SET n = 3 WHERE id = '2'");
  CHECK(file.sent() == "8");
  file.check_sound();
}

TEST_CASE("a record deleted and made again here begins anew") {
  Notes file;
  file.edit("DELETE FROM notes; INSERT INTO notes(id, n) VALUES ('1', 2)");
  file.pulled("update", R"({"name":"s"})", 5);
  file.edit("UPDATE notes SET n = 3");
  CHECK(file.sent() == "1 - -");
  file.edit("UPDATE notes SET n = 4");
  file.judged({{"conflict", 5}, {"applied", 7}, {"applied", 8}});
  CHECK(file.sent() == "8");
  file.check_sound();
}

TEST_CASE("an edit of a record that left the view and came back keeps its claim") {
  Notes file;
  file.edit("UPDATE notes SET name = 'c'");
  file.round({row("removal", "notes", "1")});
  CHECK(file.shell("SELECT count(*) FROM notes") == "0");
  file.pulled("insert", R"({"id":"1","name":"s","n":1})", 9);
  CHECK(file.shell("SELECT name FROM notes") == "c");
  CHECK(file.sent() == "1");
  file.check_sound();
}

TEST_CASE("an edit without a claim gets none from what is judged by its original alone") {
  Notes file;
  file.edit("UPDATE notes SET name = 'c'");
  file.round({row("reread", "notes", "", "begin"),
              row("mutation", "notes", "1", "insert", R"({"id":"1","name":"b","n":9})", 1),
              row("reread", "notes", "", "end")});
  CHECK(file.sent() == "-");
  file.edit("UPDATE notes SET n = 2");
  file.judged({{"applied", 3}});
  CHECK(file.sent() == "-");
  file.check_sound();
}
