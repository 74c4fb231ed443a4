// Prepared statements that a connection keeps.
#include "store/statement_cache.h"

#include <doctest/doctest.h>

#include "store/sqlite_handle.h"

using namespace objectos;

namespace {

struct Memory {
  sqlite3* database = nullptr;
  StatementCache cache;

  Memory() {
    REQUIRE(sqlite3_open(":memory:", &database) == SQLITE_OK);
    cache.open(database);
    run_sql(database, "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT)");
    run_sql(database, "INSERT INTO notes VALUES(1,'one'),(2,'two')");
  }
  ~Memory() {
    cache.close();
    CHECK(sqlite3_close(database) == SQLITE_OK);  // nothing is left of what was prepared
  }
  int prepared() const {
    int count = 0;
    for (sqlite3_stmt* one = sqlite3_next_stmt(database, nullptr); one != nullptr;
         one = sqlite3_next_stmt(database, one))
      count++;
    return count;
  }
  std::string body(int64_t id) const {
    Statement row(database, "SELECT body FROM notes WHERE id=?");
    row.bind(1, id);
    return row.step() ? row.text(0) : "none";
  }
};

}  // namespace

TEST_CASE("a statement that comes again is prepared once, and forgets what was bound to it") {
  Memory memory;
  for (int i = 0; i < 3; i++) {
    CHECK(memory.body(1) == "one");
    CHECK(memory.body(2) == "two");
  }
  CHECK(memory.prepared() == 1);
  Statement unbound(memory.database, "SELECT body FROM notes WHERE id=?");
  CHECK(!unbound.step());
}

TEST_CASE("a statement within the rows of the same one is one of its own") {
  Memory memory;
  Statement outer(memory.database, "SELECT id FROM notes ORDER BY id");
  int64_t seen = 0;
  while (outer.step()) {
    Statement inner(memory.database, "SELECT id FROM notes ORDER BY id");
    REQUIRE(inner.step());
    CHECK(inner.integer(0) == 1);
    seen += outer.integer(0);
  }
  CHECK(seen == 3);
}

TEST_CASE("a kept statement holds no table, and follows what becomes of it") {
  Memory memory;
  Statement(memory.database, "SELECT body FROM notes WHERE id=?").bind(1, int64_t{1}).step();
  run_sql(memory.database,
          "CREATE TABLE others(id INTEGER PRIMARY KEY, body TEXT);"
          "INSERT INTO others VALUES(1,'other');"
          "DROP TABLE notes; ALTER TABLE others RENAME TO notes");
  CHECK(memory.body(1) == "other");
  run_sql(memory.database, "DROP TABLE notes");
  CHECK_THROWS_AS(memory.body(1), StoreError);
}

TEST_CASE("a kept statement runs the triggers that there are now") {
  Memory memory;
  const auto write = [&] {
    Statement(memory.database, "UPDATE notes SET body=? WHERE id=1").bind(1, "x").run();
  };
  write();
  run_sql(memory.database,
          "CREATE TRIGGER told AFTER UPDATE ON notes BEGIN INSERT INTO notes(body) VALUES('told'); "
          "END");
  write();
  CHECK(memory.body(3) == "told");
  sqlite3_db_config(memory.database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, static_cast<int*>(nullptr));
  write();
  CHECK(memory.body(4) == "none");
}

TEST_CASE("what is put together anew each time does not pile up") {
  Memory memory;
  for (int i = 0; i < 1'000; i++)
    Statement(memory.database, "SELECT " + std::to_string(i) + " FROM notes").step();
  CHECK(memory.prepared() <= static_cast<int>(StatementCache::statements_max));
  const std::string long_one = "SELECT '" + std::string(StatementCache::text_bytes_max, 'x') + "'";
  const int before = memory.prepared();
  Statement(memory.database, long_one).step();
  CHECK(memory.prepared() == before);
}

TEST_CASE("a PRAGMA that sets something, which works while it is prepared, is not kept") {
  CHECK(!StatementCache::keeps("PRAGMA synchronous=NORMAL"));
  CHECK(!StatementCache::keeps("CREATE TABLE t(x)"));
  CHECK(StatementCache::keeps("PRAGMA data_version"));
}
