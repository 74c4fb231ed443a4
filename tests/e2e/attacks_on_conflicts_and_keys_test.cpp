// Mallory tries to end conflicts she cannot see, and to draw keys from sequences that are not hers.
#include <doctest/doctest.h>

#include "tests/e2e/attack_world.h"

using namespace e2e;

namespace {

struct World : AttackWorld {
  World() : AttackWorld(", on_conflict => 'manual'") {
    bob.rows("UPDATE diary SET body = 'bob-secret 2'");
    push(bob, "b",
         mutation(1, "diary", "bobs-entry", "update",
                  R"("data":{"body":"bob-secret 3"},"original":{"body":"?"},"version":1)"));
    conflict = bob.rows("SELECT conflict_id FROM sync_conflicts()");
  }
  std::string conflict;
};

}  // namespace

TEST_CASE(
    "a conflict of a hidden record is not listed, and ending it is answered as if there were "
    "none") {
  World world;
  REQUIRE(world.conflict.size() == 36);
  CHECK(world.mallory.rows("SELECT count(*) FROM sync_conflicts()") == "0");
  const auto end = [&](const std::string& id, const std::string& choice) {
    Answer answer = world.mallory.ask("SELECT * FROM sync_resolve('" + id + "', " + choice + ")");
    if (const auto at = answer.message.find(id); at != std::string::npos)
      answer.message.replace(at, 36, "ID");
    return answer;
  };
  for (const char* choice : {"'client_wins'", "'server_wins'", "'{\"body\":\"m\"}'::jsonb"}) {
    const Answer hidden = end(world.conflict, choice), none = end(mutation_id(77), choice);
    CHECK(hidden.state == "OS012");
    CHECK(hidden.message == none.message);
  }
  CHECK(world.server.exec("SELECT status FROM objectos_sync.conflicts") == "open");
  CHECK(world.server.exec("SELECT body FROM diary") == "bob-secret 2");
}

TEST_CASE("a conflict is told without the columns that one may not read") {
  AttackWorld world;
  world.server.exec("SELECT sync_enable('staff', on_conflict => 'manual')");
  push(world.ada, "a",
       mutation(
           1, "staff", "1", "update",
           R"("data":{"salary":815,"name":"x"},"original":{"salary":1,"name":"y"},"version":1)"));
  for (const char* question :
       {"SELECT * FROM sync_conflicts()", "SELECT * FROM sync_pull('m', '0')"}) {
    const Answer answer = world.mallory.ask(question);
    for (const char* secret : {"47114711", "815", "salary"})
      CHECK_FALSE_MESSAGE(answer.has(secret), question);
  }
  CHECK(world.mallory.rows("SELECT count(*) FROM sync_conflicts()") == "1");
}

TEST_CASE("ending a conflict does not write what one may not write") {
  AttackWorld world;
  world.server.exec(
      "SELECT sync_enable('staff', on_conflict => 'manual'); REVOKE UPDATE ON staff FROM mallory");
  push(world.ada, "a",
       mutation(1, "staff", "1", "update",
                R"("data":{"name":"x"},"original":{"name":"y"},"version":1)"));
  const std::string id = world.mallory.rows("SELECT conflict_id FROM sync_conflicts()");
  const Answer answer =
      world.mallory.ask("SELECT status, detail FROM sync_resolve('" + id + "', 'client_wins')");
  CHECK_MESSAGE(answer.has("42501"), answer.rows);
  CHECK(world.server.exec("SELECT status FROM objectos_sync.conflicts") == "open");
  CHECK(world.server.exec("SELECT name FROM staff WHERE id = 1") == "Ada");
}

TEST_CASE("naming a version of before a record was one's own does not give away what it held") {
  AttackWorld world(", on_conflict => 'manual'");
  const std::string version = world.bob.rows("SELECT _version FROM diary");
  world.bob.rows("UPDATE diary SET body = 'harmless'");
  world.server.exec("UPDATE diary SET owner = 'mallory'");
  push(world.mallory, "m",
       mutation(1, "diary", "bobs-entry", "update",
                "\"data\":{\"body\":\"m\"},\"version\":" + version));
  CHECK(world.mallory.rows("SELECT count(*) FROM sync_conflicts()") == "1");
  for (const char* question :
       {"SELECT * FROM sync_conflicts()", "SELECT * FROM sync_pull('m', '0')"})
    CHECK_FALSE_MESSAGE(world.mallory.ask(question).has("secret"), question);
}

TEST_CASE("a key default that names somebody else's sequence draws nothing from it") {
  AttackWorld world;
  world.let_mallory_enable();
  world.server.exec("CREATE SEQUENCE bobs; ALTER SEQUENCE bobs OWNER TO bob");
  for (const std::string sequence : {"bobs", "objectos_sync.mutation_sequence"}) {
    CAPTURE(sequence);
    world.mallory.rows("CREATE TABLE mine (id bigint PRIMARY KEY DEFAULT nextval('" + sequence +
                       "'));"
                       " SELECT sync_enable('mine')");
    const std::string before = world.server.exec("SELECT last_value FROM " + sequence);
    CHECK(world.mallory.ask("SELECT * FROM sync_reserve_ids('mine', 1000)").state == "42501");
    CHECK(world.server.exec("SELECT last_value FROM " + sequence) == before);
    world.mallory.rows("DROP TABLE mine");
  }
  // One of her own, and a serial's, she may.
  world.mallory.rows("CREATE TABLE mine (id bigserial PRIMARY KEY); SELECT sync_enable('mine')");
  CHECK(world.mallory.ask("SELECT * FROM sync_reserve_ids('mine', 10)").state == "");
}

TEST_CASE("keys are reserved only for objects that one may insert into, and so many at a time") {
  AttackWorld world;
  world.server.exec(
      "CREATE TABLE orders (id serial PRIMARY KEY, v text); SELECT sync_enable('orders')");
  CHECK(world.mallory.ask("SELECT * FROM sync_reserve_ids('orders', 1)").state == "OS004");
  world.server.exec("GRANT SELECT ON orders TO mallory");
  CHECK(world.mallory.ask("SELECT * FROM sync_reserve_ids('orders', 1)").state == "42501");
  world.server.exec("GRANT INSERT ON orders TO mallory");
  CHECK(world.mallory.ask("SELECT * FROM sync_reserve_ids('orders', 1)").state == "");
  CHECK(world.mallory.ask("SELECT * FROM sync_reserve_ids('orders', 9223372036854775807)").state ==
        "OS007");
  CHECK(world.server.exec("SELECT last_value FROM orders_id_seq") == "1");
}
