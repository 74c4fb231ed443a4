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
  CHECK(file.shell("SELECT id, name, _version FROM contacts ORDER BY id") ==
        "1|restored|9\n2|mine|8");
  CHECK(file.shell("SELECT image, version FROM _base") == R"({"id":"2","name":"restored"}|8)");
}
