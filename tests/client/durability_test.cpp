// Who writes to the disk, and when.
#include <doctest/doctest.h>

#include <filesystem>

#include "store/sqlite_handle.h"
#include "store/store.h"
#include "tests/client/store_file.h"

using namespace objectos;
using namespace store_file;

namespace {

std::int64_t pragma_of(sqlite3* database, const std::string& name) {
  Statement statement(database, "PRAGMA " + name);
  return statement.step() ? statement.integer(0) : -1;
}

}  // namespace

// trap: wal-reset-by-several
TEST_CASE("one connection checkpoints the WAL, the engine's; every commit waits for the disk") {
  File file(schema({object_schema("notes", {"id"}, {{"id"}, {"body"}})}));
  file.db.reset();
  Store engine, tool;
  engine.connect(file.path, LocalDatabase::Mode::engine, false);
  tool.connect(file.path, LocalDatabase::Mode::tool, false);
  for (const Store* store : {&engine, &tool}) {
    CHECK(pragma_of(store->database(), "synchronous") == 2);  // FULL
  }
  const auto size = [&] { return std::filesystem::file_size(file.path); };
  const std::string grow =
      "INSERT INTO notes(id, body) SELECT lower(hex(randomblob(16))), hex(randomblob(2000)) FROM "
      "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT i "
      "FROM n)";
  const auto before = size();
  // Some 16 MB: four times what SQLite checkpoints at by itself.
  run_sql(tool.database(), grow);
  run_sql(tool.database(), grow);
  CHECK(size() == before);
  run_sql(engine.database(), "DELETE FROM notes WHERE id < '1'");
  CHECK(size() > before);
}

TEST_CASE("commits wait for the disk again after a time in which they did not") {
  File file(schema({object_schema("notes", {"id"}, {{"id"}, {"body"}})}));
  file.db.reset();
  Store engine;
  engine.connect(file.path, LocalDatabase::Mode::engine, false);
  engine.make_durable();
  engine.wait_for_disk(false);
  CHECK(pragma_of(engine.database(), "synchronous") == 1);  // NORMAL
  run_sql(engine.database(), "INSERT INTO notes(id) VALUES ('1')");
  engine.wait_for_disk(true);
  CHECK(pragma_of(engine.database(), "synchronous") == 2);
  engine.make_durable();
  std::filesystem::rename(file.path + "-wal", file.path + "-elsewhere");
  engine.make_durable();  // nothing is left to do
  engine.wait_for_disk(false);
  engine.make_durable();  // no log: it was moved into the file, which syncs it
  std::filesystem::rename(file.path + "-elsewhere", file.path + "-wal");
}
