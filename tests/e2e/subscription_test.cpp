// Logical replication applies rows into a synced table: clients get them like any other change.
#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/e2e/replica.h"
#include "tests/e2e/support.h"

using namespace e2e;

namespace {

// A publication in one database and its subscription in another one of the same cluster.
class Subscription {
 public:
  Subscription(Server& publisher, Server& subscriber, const std::string& tables)
      : publisher_(publisher), subscriber_(subscriber) {
    publisher_.exec("CREATE PUBLICATION pub FOR TABLE " + tables);
    // Made beforehand: within one cluster CREATE SUBSCRIPTION would wait for itself.
    publisher_.exec("SELECT pg_create_logical_replication_slot('" + slot_ + "', 'pgoutput')");
    subscriber_.exec("CREATE SUBSCRIPTION sub CONNECTION '" + publisher_.conninfo() +
                     "' PUBLICATION pub WITH (create_slot = false, slot_name = '" + slot_ + "')");
  }
  ~Subscription() {
    subscriber_.exec("ALTER SUBSCRIPTION sub DISABLE");
    subscriber_.exec("ALTER SUBSCRIPTION sub SET (slot_name = NONE)");
    subscriber_.exec("DROP SUBSCRIPTION sub");
    for (int i = 0; i < 100 && publisher_.exec(kActive) != "0"; i++) usleep(100000);
    publisher_.exec("SELECT pg_drop_replication_slot('" + slot_ + "')");
  }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  // Until the subscriber answers `sql` with `wanted`; what it answers at last.
  std::string wait_for(const std::string& sql, const std::string& wanted) {
    std::string answer;
    for (int i = 0; i < 600; i++) {
      answer = subscriber_.exec(sql);
      if (answer == wanted) break;
      usleep(50000);
    }
    return answer;
  }

 private:
  static constexpr const char* kActive =
      "SELECT count(*) FROM pg_replication_slots WHERE active AND database = current_database()";
  Server &publisher_, &subscriber_;
  std::string slot_ = "sub_" + std::to_string(getpid());
};

}  // namespace

TEST_CASE("rows that a subscription applies reach the clients of the synced table") {
  Server publisher, subscriber;
  Directory directory;
  const std::string phone = directory.file("phone.db");
  for (Server* server : {&publisher, &subscriber}) {
    server->exec("CREATE TABLE items (id int PRIMARY KEY, name text)");
    server->exec(
        "CREATE TABLE parts (id int, kind text, v text, PRIMARY KEY (id, kind)) PARTITION BY LIST "
        "(kind)");
    server->exec("CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a')");
    server->exec("CREATE TABLE parts_b PARTITION OF parts FOR VALUES IN ('b')");
  }
  subscriber.exec("SELECT sync_enable('items'), sync_enable('parts')");
  publisher.exec("INSERT INTO items VALUES (1, 'copied'), (2, 'copied')");
  Ended ended = command("clone " + shell_quoted(subscriber.conninfo()) + " " + shell_quoted(phone));
  REQUIRE_MESSAGE(ended.code == 0, ended.output);
  const auto sync = [&] {
    ended = command("sync " + shell_quoted(phone));
    CHECK_MESSAGE(ended.code == 0, ended.output);
    for (const char* table : {"items", "parts"}) {
      const std::vector<std::string> columns = table == std::string("items")
                                                   ? std::vector<std::string>{"id", "name"}
                                                   : std::vector<std::string>{"id", "kind", "v"};
      CHECK(local_rows(phone, table, columns) == server_rows(subscriber, table, columns));
    }
  };

  Subscription subscription(publisher, subscriber, "items, parts");
  CHECK(subscription.wait_for("SELECT string_agg(name, ',' ORDER BY id) FROM items",
                              "copied,copied") == "copied,copied");
  sync();
  publisher.exec("INSERT INTO items SELECT n, 'applied' FROM generate_series(3, 50) n");
  publisher.exec("UPDATE items SET name = 'renamed' WHERE id < 3");
  publisher.exec("UPDATE items SET id = 100 WHERE id = 3");
  publisher.exec("DELETE FROM items WHERE id = 4");
  publisher.exec("INSERT INTO parts VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'a', 'z')");
  publisher.exec("UPDATE parts SET kind = 'b', v = 'moved' WHERE id = 1");
  publisher.exec("DELETE FROM parts WHERE id = 3");
  publisher.exec("INSERT INTO items VALUES (1000, 'last')");
  CHECK(subscription.wait_for("SELECT name FROM items WHERE id = 1000", "last") == "last");
  sync();
  CHECK(local(phone, "SELECT count(*) FROM items") == "50");
  CHECK(
      local(phone, "SELECT group_concat(id || kind || v) FROM (SELECT * FROM parts ORDER BY id)") ==
      "1bmoved,2by");

  // An edit of the client and one of the publisher to the same record: the stamp tells them apart.
  local(phone, "UPDATE items SET name = 'from the phone' WHERE id = 5");
  publisher.exec("UPDATE items SET name = 'from the publisher' WHERE id = 6");
  CHECK(subscription.wait_for("SELECT name FROM items WHERE id = 6", "from the publisher") ==
        "from the publisher");
  sync();
  sync();
  CHECK(subscriber.exec("SELECT name FROM items WHERE id = 5") == "from the phone");
  publisher.exec("TRUNCATE items");
  CHECK(subscription.wait_for("SELECT count(*) FROM items", "0") == "0");
  sync();
  CHECK(local(phone, "SELECT count(*) FROM items") == "0");
  CHECK(leftovers(phone, "items") == kNoLeftovers);
}
