// Transactions of the app's through the engine: one group, one SQLite transaction.
#include <doctest/doctest.h>

#include <stdexcept>
#include <thread>

#include "objectos/sync_engine.h"
#include "tests/client/store_file.h"

using namespace store_file;

namespace {

const char* const notes = R"({"object":"notes","key":["id"],"columns":[)"
                          R"({"name":"id","type":"integer","kind":"integer"},)"
                          R"({"name":"body","type":"text","kind":"text"},)"
                          R"({"name":"weight","type":"float8","kind":"float"},)"
                          R"({"name":"photo","type":"bytea","kind":"bytes"}]})";

// A file that no engine holds, and an engine on it.
struct Phone : File {
  Phone() : File(schema({notes})) { db.reset(); }
  SyncEngine engine{Options{.database = path}};
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

TEST_CASE("a transaction is one group in the queue, and says how many mutations it made") {
  Phone phone;
  const TransactionResult result = phone.engine.transaction([](Transaction& transaction) {
    transaction.execute("INSERT INTO notes(id,body) VALUES(?,?)", {1, "one"});
    transaction.execute("INSERT INTO notes(id,body) VALUES(2,'two'); UPDATE notes SET body='TWO'");
  });
  CHECK(result.mutations == 4);
  CHECK(phone.shell("SELECT count(*), count(DISTINCT \"group\"), max(\"group\") FROM _mutations") ==
        "4|1|" + result.group);
  phone.shell("UPDATE notes SET body='alone' WHERE id=1");
  CHECK(phone.shell("SELECT count(*) FROM _mutations WHERE \"group\" IS NULL") == "1");
  CHECK(phone.engine.verify_local().empty());
}

TEST_CASE("values of every kind go in and come out of a transaction as they are") {
  Phone phone;
  const std::string zeros("\0\x01\xff", 3);
  std::vector<Row> rows;
  phone.engine.transaction([&](Transaction& transaction) {
    transaction.execute("INSERT INTO notes VALUES(?,?,?,?,NULL,0)",
                        {9007199254740993, "it's \xF0\x9F\x98\x80", 0.1, Blob{zeros}});
    transaction.execute("INSERT INTO notes(id,body,photo) VALUES(?,?,?)", {2, nullptr, Blob{""}});
    rows = transaction.query("SELECT id,body,weight,photo FROM notes WHERE id>?1 ORDER BY id", {0});
  });
  REQUIRE(rows.size() == 2);
  CHECK(rows[1] == Row{9007199254740993, "it's \xF0\x9F\x98\x80", 0.1, Blob{zeros}});
  CHECK(rows[0] == Row{2, nullptr, nullptr, Blob{""}});
  CHECK(rows[0][1].is_null());
}

TEST_CASE("a transaction whose function throws leaves nothing, and what it threw goes on") {
  Phone phone;
  CHECK_THROWS_AS(phone.engine.transaction([](Transaction& transaction) {
    transaction.execute("INSERT INTO notes(id) VALUES(1)");
    throw std::runtime_error("changed my mind");
  }),
                  std::runtime_error);
  CHECK(phone.shell("SELECT (SELECT count(*) FROM notes),(SELECT count(*) FROM _mutations),"
                    "(SELECT count(*) FROM _group)") == "0|0|0");
  CHECK(phone.engine.transaction([](Transaction&) {}).mutations == 0);
}

TEST_CASE("a statement that SQLite refuses is an error by name, and the transaction may go on") {
  Phone phone;
  const auto refused = [](Transaction& transaction, const char* sql,
                          const std::vector<Value>& parameters = {}) {
    return code_of([&] { transaction.execute(sql, parameters); });
  };
  phone.engine.transaction([&](Transaction& transaction) {
    transaction.execute("INSERT INTO notes(id) VALUES(1)");
    CHECK(refused(transaction, "INSERT INTO notes(id) VALUES(1)") == "statement_failed");
    CHECK(refused(transaction, "SELEKT") == "statement_failed");
    CHECK(refused(transaction, "SELECT ?", {1, 2}) == "statement_failed");
    CHECK(refused(transaction, "COMMIT") == "statement_failed");
    CHECK(refused(transaction, "ROLLBACK") == "statement_failed");
    CHECK(refused(transaction, "UPDATE notes SET body=?", {std::string("a\0b", 3)}) ==
          "statement_failed");
  });
  CHECK(phone.shell("SELECT count(*) FROM _mutations") == "1");
}

TEST_CASE("a transaction that SQLite rolled back by itself does not go on outside its group") {
  Phone phone;
  CHECK(code_of([&] {
          phone.engine.transaction([&](Transaction& transaction) {
            transaction.execute("INSERT INTO notes(id) VALUES(1)");
            CHECK_THROWS(transaction.execute("INSERT OR ROLLBACK INTO notes(id) VALUES(1)"));
            transaction.execute("INSERT INTO notes(id) VALUES(2)");
          });
        }) == "statement_failed");
  CHECK(phone.shell("SELECT (SELECT count(*) FROM notes),(SELECT count(*) FROM _group)") == "0|0");
}

TEST_CASE("transactions of several threads come one after the other, each a group of its own") {
  Phone phone;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&phone, thread] {
      for (int i = 0; i < 10; ++i)
        phone.engine.transaction([&](Transaction& transaction) {
          transaction.execute("INSERT INTO notes(id) VALUES(?)", {thread * 100 + 2 * i});
          transaction.execute("INSERT INTO notes(id) VALUES(?)", {thread * 100 + 2 * i + 1});
        });
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(phone.shell("SELECT count(*),count(DISTINCT \"group\") FROM _mutations") == "80|40");
  CHECK(phone.shell("SELECT count(*) FROM (SELECT \"group\" FROM _mutations GROUP BY 1 HAVING "
                    "max(client_sequence)-min(client_sequence)<>1)") == "0");
}

TEST_CASE("a transaction within a transaction, and a sync within one, are refused") {
  Phone phone;
  phone.engine.transaction([&](Transaction& transaction) {
    transaction.execute("INSERT INTO notes(id) VALUES(1)");
    CHECK(code_of([&] { phone.engine.transaction([](Transaction&) {}); }) == "reentrant");
    CHECK(code_of([&] { phone.engine.sync_now(); }) == "reentrant");
  });
  CHECK(phone.shell("SELECT count(*) FROM notes") == "1");
}

TEST_CASE("a transaction works while an engine holds the file") {
  Phone phone;
  auto held = LocalDatabase::open(phone.path, LocalDatabase::Mode::engine);
  phone.engine.transaction(
      [](Transaction& transaction) { transaction.execute("INSERT INTO notes(id) VALUES(1)"); });
  CHECK(held->counters().pending == 1);
  CHECK(held->next_batch(10).size() == 1);
}
