// Keys made offline: UUIDs by default, numbers from leased blocks.
#include <doctest/doctest.h>

#include "tests/client/store_file.h"

using namespace store_file;

namespace {

std::string keyed_object(const std::string& name, const std::string& type,
                         const std::string& source, const std::string& more_key = {}) {
  const std::string kind = source == "uuid" ? "text" : "integer";
  std::string key = "\"id\"";
  if (!more_key.empty()) key = "\"" + more_key + "\"," + key;
  return "{\"object\":\"" + name + "\",\"key\":[" + key +
         "],\"columns\":[{\"name\":\"id\",\"type\":\"" + type + "\",\"kind\":\"" + kind +
         "\",\"key_source\":\"" + source +
         "\"},{\"name\":\"name\",\"type\":\"text\",\"kind\":\"text\"},"
         "{\"name\":\"step\",\"type\":\"text\",\"kind\":\"text\"}]}";
}

File numbered() {
  return File(schema({keyed_object("orders", "integer", "sequence")}));
}

std::string queued(const File& file) {
  return file.shell(
      "SELECT group_concat(record_id || ' ' || operation || ' ' || coalesce(data,''), '; ') FROM "
      "(SELECT * FROM _mutations ORDER BY client_sequence)");
}

}  // namespace

TEST_CASE("a uuid key that nobody gave is made by the file and queued") {
  File file(schema({keyed_object("notes", "uuid", "uuid")}));
  CHECK(file.shell("INSERT INTO notes(name) VALUES('a'),('b')") == "");
  CHECK(file.shell("SELECT count(DISTINCT id) FROM notes WHERE id LIKE "
                   "'________-____-4___-____-____________' AND substr(id,20,1) GLOB '[89ab]' "
                   "AND id NOT GLOB '*[^0-9a-f-]*'") == "2");
  CHECK(file.shell("SELECT count(*) FROM _mutations m JOIN notes n ON n.id = m.record_id AND "
                   "json_extract(m.data,'$.id') = n.id") == "2");
}

TEST_CASE("a numbered key that nobody gave comes from the lease; the final row is queued once") {
  File file = numbered();
  file.db->add_lease("orders", 101, 105, 1);
  CHECK(file.shell("INSERT INTO orders(name) VALUES('a'),('b')") == "");
  CHECK(queued(file) == R"(101 insert {"id":101,"name":"a"}; 102 insert {"id":102,"name":"b"})");
  CHECK(file.shell("SELECT group_concat(id || name || _synced) FROM orders") == "101a0,102b0");
  CHECK(file.db->leases().at(0).left == 3);
  CHECK(file.db->verify_local().empty());
}

TEST_CASE("a new key is at hand for a child at once, by the rowid of its row") {
  File file = numbered();
  file.db->add_lease("orders", 7, 9, 1);
  CHECK(file.shell("BEGIN; INSERT INTO orders(name) VALUES('a');"
                   "SELECT id FROM orders WHERE rowid = last_insert_rowid(); COMMIT;") == "7");
}

TEST_CASE("an empty lease refuses the insert and says what to do; nothing of it stays") {
  File file = numbered();
  file.db->add_lease("orders", 7, 7, 1);
  CHECK(file.shell("INSERT INTO orders(name) VALUES('a')") == "");
  const std::string refused = file.shell("INSERT INTO orders(name) VALUES('b')");
  CHECK(refused.find("no keys are left for orders: sync to get more keys") != std::string::npos);
  CHECK(queued(file) == R"(7 insert {"id":7,"name":"a"})");
  CHECK(file.shell("SELECT count(*) FROM orders") == "1");
  CHECK(file.db->leases().at(0).left == 0);
}

TEST_CASE("blocks follow one another, also downwards and by steps") {
  File file = numbered();
  file.db->add_lease("orders", 10, 14, 2);
  file.db->add_lease("orders", -1, -3, -1);
  CHECK(file.db->leases().at(0).left == 6);
  CHECK(file.shell("INSERT INTO orders(name) VALUES(1),(2),(3),(4),(5),(6)") == "");
  CHECK(file.shell("SELECT group_concat(id) FROM (SELECT id FROM orders ORDER BY rowid)") ==
        "10,12,14,-1,-2,-3");
  CHECK(file.shell("INSERT INTO orders(name) VALUES(7)").find("no keys are left") !=
        std::string::npos);
}

TEST_CASE("numbers of the lease that were given by hand are passed over, never replaced") {
  File file = numbered();
  file.db->add_lease("orders", 101, 104, 1);
  CHECK(file.shell("INSERT INTO orders(id,name) VALUES(101,'x'),(102,'y'),(104,'z')") == "");
  CHECK(file.shell("INSERT OR REPLACE INTO orders(name) VALUES('new')") == "");
  CHECK(file.shell("SELECT group_concat(id || name) FROM (SELECT * FROM orders ORDER BY id)") ==
        "101x,102y,103new,104z");
  CHECK(file.shell("INSERT OR REPLACE INTO orders(name) VALUES('more')").find("no keys are left") !=
        std::string::npos);
}

TEST_CASE("REPLACE by an index of the app's and a leased key queue a delete and an insert") {
  File file = numbered();
  file.db->add_lease("orders", 101, 110, 1);
  file.shell("CREATE UNIQUE INDEX by_name ON orders(name)");
  file.round({row("mutation", "orders", "1", "insert", R"({"id":1,"name":"a","step":null})", 5)});
  CHECK(file.shell("INSERT OR REPLACE INTO orders(name) VALUES('a')") == "");
  CHECK(queued(file) == R"(1 delete ; 101 insert {"id":101,"name":"a"})");
  CHECK(file.db->verify_local().empty());
}

TEST_CASE("a number goes into a composite key beside what the writer gives") {
  File file(schema({keyed_object("lines", "bigint", "sequence", "name")}));
  file.db->add_lease("lines", 5, 9, 1);
  CHECK(file.shell("INSERT INTO lines(name) VALUES('a'),('b')") == "");
  CHECK(file.shell("SELECT group_concat(name || id) FROM lines") == "a5,b6");
  CHECK(file.shell("SELECT group_concat(record_id) FROM _mutations") == R"(["a",5],["b",6])");
  CHECK(file.shell("INSERT INTO lines(id) VALUES(1)").find("a key column is NULL") !=
        std::string::npos);
}

TEST_CASE("a key is never taken away again, and a row with one is queued as ever") {
  File file = numbered();
  file.db->add_lease("orders", 101, 110, 1);
  CHECK(file.shell("INSERT INTO orders(name) VALUES('a')") == "");
  CHECK(file.shell("UPDATE orders SET id = NULL").find("a key column is NULL") !=
        std::string::npos);
  CHECK(file.shell("UPDATE orders SET name = 'b'; UPDATE orders SET id = 5; DELETE FROM orders") ==
        "");
  CHECK(file.shell("SELECT group_concat(record_id || operation) FROM (SELECT * FROM _mutations "
                   "ORDER BY client_sequence)") == "101insert,101update,101delete,5insert,5delete");
}

TEST_CASE("leases live in the file: another opener goes on where the first one stopped") {
  File file = numbered();
  file.db->add_lease("orders", 101, 110, 1);
  file.shell("INSERT INTO orders(name) VALUES('a')");
  file.db.reset();
  file.db = LocalDatabase::open(file.path, LocalDatabase::Mode::engine);
  CHECK(file.db->leases().at(0).left == 9);
  file.db->drop_leases();
  CHECK(file.db->leases().at(0).left == 0);
}
