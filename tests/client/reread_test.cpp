// Reading objects again: what the server says now counts.
#include <doctest/doctest.h>

#include "tests/client/store_file.h"

using namespace store_file;

TEST_CASE("rows read again count whatever their version: a restored server gives older ones") {
  File file(schema({object_schema("contacts", {"id"}, {{"id"}, {"name"}})}));
  file.round({row("mutation", "contacts", "1", "insert", R"({"id":"1","name":"lost"})", 50),
              row("mutation", "contacts", "2", "insert", R"({"id":"2","name":"lost"})", 51)});
  CHECK(file.shell("UPDATE contacts SET name = 'mine' WHERE id = '2'") == "");
  file.round({row("reread", "contacts", "", "begin"),
              row("mutation", "contacts", "1", "insert", R"({"id":"1","name":"restored"})", 9),
              row("mutation", "contacts", "2", "insert", R"({"id":"2","name":"restored"})", 8),
              row("reread", "contacts", "", "end")});
  CHECK(file.shell("SELECT id, name FROM contacts ORDER BY id") == "1|restored\n2|mine");
  CHECK(file.shell("SELECT _version FROM contacts WHERE id = '1'") == "9");
  CHECK(file.shell("SELECT image, version FROM _base") == R"({"id":"2","name":"restored"}|8)");
}

TEST_CASE("a version that a restored server may give out once more is claimed no longer") {
  File file(schema({object_schema("contacts", {"id"}, {{"id"}, {"name"}})}));
  for (const char* id : {"1", "2", "3"})
    file.round({row("mutation", "contacts", id, "insert",
                    std::string(R"({"name":"a","id":")") + id + "\"}", 50)});
  CHECK(file.shell("UPDATE contacts SET name = 'mine'") == "");
  file.round({row("reread", "contacts", "", "begin"),
              row("mutation", "contacts", "1", "insert", R"({"name":"a","id":"1"})", 8),
              row("mutation", "contacts", "2", "insert", R"({"name":"a","id":"2"})", 50),
              row("mutation", "contacts", "3", "insert", R"({"name":"b","id":"3"})", 50),
              row("reread", "contacts", "", "end")});
  file.shell("UPDATE contacts SET name = 'later'");
  const std::string claims =
      "SELECT record_id, coalesce(version, '-') FROM _mutations ORDER BY client_sequence";
  CHECK(file.shell(claims) == "1|-\n2|50\n3|-\n1|-\n2|50\n3|-");
  CHECK(file.db->verify_local().empty());
}
