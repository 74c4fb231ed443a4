// Files that are made by a clone, and rounds of many pages: what may be seen of them before they
// have ended, and what they leave behind.
#include <doctest/doctest.h>

#include <filesystem>

#include "store_file.h"

using namespace store_file;
using objectos::LocalDatabase;

namespace {

const std::string notes = schema({object_schema("notes", {"id"}, {{"id"}, {"name"}})});

LocalDatabase::CreateOptions options(const std::string& path) {
  return {path, "phone-1", "ann", "e", "postgresql:///crm", notes};
}

PulledRow whole(const std::string& id, const std::string& name, int64_t version) {
  return row("mutation", "notes", id, "insert", "{\"id\":\"" + id + "\",\"name\":\"" + name + "\"}",
             version);
}

StoreErrorKind kind_of_open(const std::string& path) {
  try {
    LocalDatabase::open(path, LocalDatabase::Mode::tool);
  } catch (const StoreError& error) {
    return error.kind;
  }
  return StoreErrorKind::internal;
}

PulledRow checkpoint(const std::string& text) {
  PulledRow last = row("checkpoint");
  last.checkpoint = text;
  return last;
}

}  // namespace

TEST_CASE("a new file comes under its name only when it is complete") {
  File file;
  file.db = LocalDatabase::create(options(file.path));
  CHECK_FALSE(std::filesystem::exists(file.path));
  CHECK(kind_of_open(file.path) == StoreErrorKind::incomplete);
  file.db->begin_load()->finish("c0", "2026-01-01T00:00:00Z");
  CHECK(file.db->state().complete);
  CHECK(file.shell("PRAGMA journal_mode; PRAGMA integrity_check") == "wal\nok");
  CHECK_FALSE(std::filesystem::exists(file.path + "-cloning"));
}

TEST_CASE("a file whose load left objects out is incomplete until a round has brought them") {
  File file;
  file.db = LocalDatabase::create(options(file.path));
  file.db->begin_load()->finish("c0", "2026-01-01T00:00:00Z", false);
  CHECK_FALSE(file.db->state().complete);
  CHECK(kind_of_open(file.path) == StoreErrorKind::incomplete);
  { file.db->begin_round()->apply(whole("1", "lost", 1)); }
  CHECK(kind_of_open(file.path) == StoreErrorKind::incomplete);
  file.round({whole("1", "A", 1)});
  CHECK(file.db->state().complete);
  CHECK(file.shell("SELECT name FROM notes") == "A");
}

TEST_CASE("a clone that broke off leaves a file that is incomplete, and can be made anew") {
  File file;
  file.db = LocalDatabase::create(options(file.path));
  file.db->begin_load();
  file.db.reset();
  CHECK(kind_of_open(file.path) == StoreErrorKind::incomplete);
  file.db = LocalDatabase::create(options(file.path));
  file.db->begin_load()->finish("c0", "2026-01-01T00:00:00Z");
  CHECK(file.db->state().complete);
}

TEST_CASE("a clone into a file with the app's own tables is made in place and keeps them") {
  File file;
  file.shell("CREATE TABLE own(x); INSERT INTO own VALUES(7)");
  file.db = LocalDatabase::create(options(file.path));
  CHECK(file.shell("SELECT x FROM own; SELECT complete FROM _sync_state") == "7\n0");
  file.db->begin_load()->finish("c0", "2026-01-01T00:00:00Z");
  CHECK(file.shell("SELECT x FROM own; SELECT complete FROM _sync_state") == "7\n1");
}

TEST_CASE("a file that another program made meanwhile is not overwritten") {
  File file;
  file.db = LocalDatabase::create(options(file.path));
  auto loader = file.db->begin_load();
  file.shell("CREATE TABLE own(x); INSERT INTO own VALUES(7)");
  CHECK_THROWS_AS(loader->finish("c0", "2026-01-01T00:00:00Z"), StoreError);
  CHECK(file.shell("SELECT x FROM own") == "7");
}

TEST_CASE("a round of many pages queues nothing, and after it local writes are queued again") {
  File file(notes);
  {
    auto round = file.db->begin_round();
    round->apply(whole("1", "A", 1));
    round->expect_many();
    round->apply(row("mutation", "notes", "1", "update", R"({"name":"B"})", 2));
    round->apply(whole("2", "C", 3));
    round->apply(checkpoint("c1"));
    round->commit("2026-01-02T00:00:00Z");
  }
  CHECK(file.db->queue().empty());
  CHECK(file.shell("SELECT name FROM notes ORDER BY id") == "B\nC");
  file.shell("UPDATE notes SET name='mine' WHERE id='1'");
  CHECK(file.db->queue().size() == 1);
  file.push_all();
  CHECK(file.db->verify_local().empty());
}

TEST_CASE("the app's own triggers fire in a round of many pages") {
  File file(notes);
  file.shell(
      "CREATE TABLE heard(name); CREATE TRIGGER hear AFTER INSERT ON notes BEGIN INSERT INTO heard "
      "VALUES(NEW.name); END");
  {
    auto round = file.db->begin_round();
    round->expect_many();
    round->apply(whole("1", "A", 1));
    round->apply(checkpoint("c1"));
    round->commit("2026-01-02T00:00:00Z");
  }
  CHECK(file.shell("SELECT name FROM heard") == "A");
  CHECK(file.db->queue().empty());
}

TEST_CASE("a round that breaks off after many pages leaves the file as it was") {
  File file(notes);
  file.round({whole("1", "A", 1)});
  {
    auto round = file.db->begin_round();
    round->expect_many();
    for (int i = 0; i < 5000; ++i) round->apply(whole("n" + std::to_string(i), "x", 10 + i));
  }
  CHECK(file.shell("SELECT count(*), max(name) FROM notes") == "1|A");
  file.shell("UPDATE notes SET name='mine' WHERE id='1'");
  CHECK(file.db->queue().size() == 1);
  CHECK(file.db->verify_local().empty());
}

TEST_CASE("pulled values with escapes, and an older version, end as the server means them") {
  File file(notes);
  file.round({whole("a\\\"\\u00e9", "t\\n\\\\", 5)});
  CHECK(file.shell("SELECT id='a\"é', name='t'||char(10)||'\\' FROM notes") == "1|1");
  CHECK(file.round({row("mutation", "notes", "a\"é", "update", R"({"name":"old"})", 4)})
            .missing_rows == 0);
  CHECK(file.shell("SELECT count(*) FROM notes WHERE name='old'") == "0");
  CHECK(file.round({row("mutation", "notes", "a\"é", "update", R"({"name":"new","gone":1})", 6)})
            .missing_rows == 0);
  CHECK(file.shell("SELECT name, _version FROM notes") == "new|6");
}

TEST_CASE("a round that breaks off after a changed schema leaves the schema as it was") {
  File file(notes);
  file.round({whole("1", "A", 1)});
  {
    auto round = file.db->begin_round();
    PulledRow changed = row("schema");
    changed.data = schema({object_schema("notes", {"id"}, {{"id"}, {"name"}, {"more"}})});
    round->apply(changed);
    round->apply(row("mutation", "notes", "1", "update", R"({"more":"new"})", 2));
  }
  CHECK(file.db->objects()[0].columns.size() == 2);
  file.shell("UPDATE notes SET name='mine' WHERE id='1'");
  file.round({row("mutation", "notes", "1", "update", R"({"name":"B"})", 2), whole("2", "C", 3)});
  CHECK(file.shell("SELECT name FROM notes ORDER BY id") == "mine\nC");
  CHECK(file.db->verify_local().empty());
}
