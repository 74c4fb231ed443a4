// Mallory names things so that statements of ours would take hers for theirs, or run what is in a
// name. The long list of operators and functions is tests/regress/sql/hostile_path.sql.
#include <doctest/doctest.h>

#include "tests/e2e/attack_world.h"
#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

constexpr const char* kOddName = R"(x"; DROP TABLE staff; --')";

std::string quoted(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string in_json(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  return out;
}

}  // namespace

TEST_CASE("temporary tables with the names of ours are not read or written") {
  AttackWorld world;
  for (const char* table :
       {"state", "objects", "shapes", "mutations", "clients", "verdicts", "conflicts",
        "field_clocks", "samples", "tombstones", "partitions", "text_ops"})
    world.mallory.rows(std::string("CREATE TEMP TABLE ") + table + " (client_id text, id text)");
  world.mallory.rows("SET search_path = pg_temp, public, objectos_sync");
  CHECK(push(world.mallory, "m", mutation(1, "diary", "m1", "insert", R"("data":{"body":"x"})"))
            .has("applied|"));
  CHECK(world.mallory.ask("SELECT * FROM sync_pull('m', '0')").has("m1"));
  CHECK(world.mallory.rows("SELECT count(*) FROM pg_temp.mutations") == "0");
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.clients") == "1");
}

TEST_CASE("a temporary table with the name of an object's table is not the object") {
  AttackWorld world;
  world.mallory.rows(
      "CREATE TEMP TABLE diary (id text PRIMARY KEY, owner name, body text, email text)");
  world.mallory.rows("INSERT INTO diary VALUES ('t', 'mallory', 'temporary', '')");
  CHECK_FALSE(world.mallory.ask("SELECT * FROM sync_pull('m', '0')").has("temporary"));
  push(world.mallory, "m", mutation(1, "diary", "m1", "insert", R"("data":{"body":"x"})"));
  CHECK(world.mallory.rows("SELECT count(*) FROM pg_temp.diary") == "1");
  CHECK(world.server.exec("SELECT owner FROM public.diary WHERE id = 'm1'") == "mallory");
}

TEST_CASE("temporary types and domains with names of PostgreSQL's are not taken for them") {
  AttackWorld world;
  for (const char* type :
       {"text", "int8", "jsonb", "uuid", "timestamptz", "xid8", "bool", "regclass"})
    world.mallory.rows("CREATE DOMAIN pg_temp." + quoted(type) +
                       " AS pg_catalog.int4 CHECK (false)");
  world.mallory.rows("SET search_path = pg_temp, pg_catalog, public");
  CHECK(push(world.mallory, "m", mutation(1, "diary", "m1", "insert", R"("data":{"body":"x"})"))
            .has("applied|"));
  CHECK(push(world.mallory, "m",
             mutation(2, "diary", "m1", "update", R"("data":{"body":"y"},"original":{"body":"x"})"))
            .has("applied|"));
  CHECK(world.mallory.ask("SELECT * FROM sync_pull('m', '0')").state == "");
  CHECK(world.mallory.ask("SELECT * FROM sync_digest('m', 1)").state == "");
  CHECK(world.mallory.ask("SELECT * FROM sync_history('diary', 'm1')").state == "");
}

TEST_CASE("an empty, a missing and an odd search_path change nothing") {
  AttackWorld world;
  int number = 0;
  for (const char* path :
       {"''", "nowhere", R"('"x; DROP TABLE staff"')", "objectos_sync", "pg_toast"}) {
    CAPTURE(path);
    world.mallory.rows(std::string("SET search_path = ") + path);
    ++number;
    const std::string key = "m" + std::to_string(number);
    const std::string one = mutation(number, "diary", key, "insert", R"("data":{"body":"x"})");
    CHECK(
        world.mallory.ask("SELECT * FROM public.sync_push('m', '[" + one + "]')").has("applied|"));
    CHECK(world.mallory.ask("SELECT * FROM public.sync_pull('m', '0')").state == "");
    CHECK(world.mallory.ask("SELECT * FROM public.sync_snapshot('m')").state == "");
    CHECK(world.mallory.ask("SELECT public.sync_schema()").has("staff"));
  }
}

TEST_CASE("SQL in the names of object, record, column, client, device and group is only a name") {
  AttackWorld world;
  const std::string odd = in_json(kOddName);
  const std::string data = "\"data\":{\"" + odd + "\":1}";
  push(world.mallory, kOddName, "");
  for (const std::string& one :
       {mutation(1, odd, "1", "insert", R"("data":{})"), mutation(2, "diary", odd, "delete"),
        mutation(3, "staff", "1", "update", data),
        mutation(4, "diary", "m1", "insert",
                 "\"data\":{\"body\":\"" + odd + "\"},\"device\":\"" + odd + "\",\"group\":\"" +
                     odd + "\",\"user\":\"" + odd + "\"")}) {
    const Answer answer = push(world.mallory, "m", one);
    CHECK_MESSAGE(answer.state.empty(), answer.message);
  }
  const std::string literal = "$odd$" + std::string(kOddName) + "$odd$";
  for (const std::string& call :
       {"sync_pull(" + literal + ", '0')", "sync_pull('m', " + literal + ")",
        "sync_history(" + literal + ", '1')", "sync_history('diary', " + literal + ")",
        "sync_records('m', " + literal + ", ARRAY['1'])",
        "sync_records('m', 'diary', ARRAY[" + literal + "])",
        "sync_digest_records('m', 1, " + literal + ", 0, '{0}')",
        "sync_reserve_ids(" + literal + ", 1)", "sync_hello(" + literal + ")"})
    world.mallory.ask("SELECT * FROM " + call);
  CHECK(world.server.exec("SELECT count(*) FROM staff") == "2");
  CHECK(world.server.exec("SELECT body FROM diary WHERE id = 'm1'") == kOddName);
}

TEST_CASE("a table, schema, column and key whose names are SQL sync like any other") {
  AttackWorld world;
  world.let_mallory_enable();
  const std::string odd = quoted(kOddName);
  world.server.exec("CREATE SCHEMA " + odd + " AUTHORIZATION mallory");
  world.mallory.rows("CREATE TABLE " + odd + "." + odd + " (" + odd +
                     " text PRIMARY KEY, \"b\"\"c\" text, \"d'e\" text[])");
  world.mallory.rows("SELECT sync_enable($$" + odd + "." + odd + "$$::regclass, object => 'odd')");
  world.mallory.rows("INSERT INTO " + odd + "." + odd + " VALUES ('k', 'x', '{a}')");
  world.mallory.rows("UPDATE " + odd + "." + odd + " SET \"b\"\"c\" = 'y'");
  CHECK(push(world.mallory, "m",
             mutation(1, "odd", "k", "update", R"("data":{"b\"c":"z"},"original":{"b\"c":"y"})"))
            .has("applied|"));
  CHECK(world.mallory.ask("SELECT * FROM sync_pull('m', '0')").has("DROP TABLE"));
  CHECK(world.mallory.ask("SELECT * FROM sync_digest('m', 7)").has("odd|1|"));
  const std::string query =
      world.mallory.rows("SELECT query FROM sync_snapshot('m') WHERE object = 'odd'");
  CHECK(query.find(odd + "." + odd) != std::string::npos);
  world.mallory.rows("ALTER TABLE " + odd + "." + odd + " DROP COLUMN \"d'e\"");
  world.mallory.rows("SELECT sync_disable($$" + odd + "." + odd + "$$::regclass)");
  CHECK(world.server.exec("SELECT count(*) FROM staff") == "2");
}

TEST_CASE("a device takes the names of a hostile server for names") {
  Synced device;
  const std::string odd = quoted(R"(x"); DROP TABLE _mutations; --)");
  device.server.exec("CREATE TABLE " + odd + " (id int PRIMARY KEY, " + odd +
                     " text, \"a'b\" text)");
  device.server.exec("INSERT INTO " + odd + " VALUES (1, '''); DROP TABLE _mutations; --', 'v')");
  device.server.exec("SELECT sync_enable($$" + odd + "$$::regclass)");
  REQUIRE(device.clone().code == 0);
  device.server.exec("UPDATE " + odd + " SET \"a'b\" = 'w'");
  local(device.phone, "UPDATE " + odd + " SET " + odd + " = 'mine'");
  CHECK(device.sync().code == 0);
  CHECK(local(device.phone, "SELECT " + odd + " || \"a'b\" FROM " + odd) == "minew");
  CHECK(local(device.phone, "SELECT count(*) FROM _mutations") == "0");
}

TEST_CASE("SQL in the name of a merge function is refused as a name, or is one") {
  AttackWorld world;
  world.let_mallory_enable();
  world.mallory.rows("CREATE TABLE mine (id int PRIMARY KEY, v text)");
  for (const char* name :
       {"public.f($1,$2,$3,$4)); DROP TABLE mine; --", "public.f; DROP TABLE mine",
        "pg_catalog.\"pg_sleep(9)\"", "f", "public.", ".f", "public.f.g", "public.\"f",
        "pg_catalog.jsonb_set", "public.\"x\"\"(1)\""}) {
    CAPTURE(name);
    const Answer answer =
        world.mallory.ask("SELECT sync_enable('mine', $f$function:" + std::string(name) + "$f$)");
    CHECK_MESSAGE(answer.state.substr(0, 2) == "OS", answer.message);
  }
  const std::string odd = R"("f($1,$2,$3,$4)); DROP TABLE mine; --")";
  world.mallory.rows("CREATE FUNCTION " + odd +
                     "(base jsonb, client jsonb, server jsonb, context jsonb) RETURNS jsonb"
                     " LANGUAGE sql AS 'SELECT $3'");
  world.mallory.rows("SELECT sync_enable('mine', $f$function:public." + odd + "$f$)");
  world.mallory.rows("INSERT INTO mine VALUES (1, 'server')");
  push(world.mallory, "m",
       mutation(1, "mine", "1", "update",
                R"("data":{"v":"client"},"original":{"v":"old"},"version":1)"));
  CHECK(world.mallory.rows("SELECT v FROM mine") == "server");
}

TEST_CASE("a role whose name is SQL is granted sync and nothing else happens") {
  AttackWorld world;
  world.server.exec("CREATE ROLE " + quoted(kOddName));
  world.server.exec("SELECT sync_grant($$" + quoted(kOddName) + "$$::regrole)");
  CHECK(world.server.exec("SELECT has_function_privilege($$" + std::string(kOddName) +
                          "$$, 'sync_schema()', 'EXECUTE')") == "t");
  world.server.exec("SELECT sync_revoke($$" + quoted(kOddName) + "$$::regrole)");
  world.server.exec("DROP ROLE " + quoted(kOddName));
  CHECK(world.server.exec("SELECT count(*) FROM staff") == "2");
}

TEST_CASE(
    "enabling a table under a disabled object's name shows neither its conflicts nor deletes") {
  AttackWorld world(", on_conflict => 'manual', deletes => 'update_wins'");
  world.let_mallory_enable();
  world.bob.rows("UPDATE diary SET body = 'bob-secret 2'");
  push(world.bob, "b",
       mutation(1, "diary", "bobs-entry", "update",
                R"("data":{"body":"bob-secret 3"},"original":{"body":"?"},"version":1)"));
  REQUIRE(world.bob.rows("SELECT count(*) FROM sync_conflicts()") == "1");
  world.bob.rows(
      "SELECT * FROM sync_resolve((SELECT conflict_id FROM sync_conflicts()), 'server_wins')");
  world.bob.rows(
      "INSERT INTO diary VALUES ('b2', 'bob', 'bob-secret 4'); DELETE FROM diary WHERE id = 'b2'");
  world.server.exec("SELECT sync_disable('diary'); ALTER TABLE diary RENAME TO old_diary");
  world.mallory.rows("CREATE TABLE diary (id text PRIMARY KEY, owner name, body text, email text)");
  world.mallory.rows("SELECT sync_enable('diary', deletes => 'update_wins')");
  world.mallory.rows("INSERT INTO diary VALUES ('bobs-entry')");
  const Answer answer =
      push(world.mallory, "m",
           mutation(1, "diary", "b2", "update", R"("data":{"email":"m"},"version":1)"));
  CHECK(answer.has("deleted"));
  for (const char* question :
       {"SELECT * FROM diary", "SELECT * FROM sync_conflicts()",
        "SELECT * FROM sync_history('diary', 'bobs-entry')",
        "SELECT * FROM sync_history('diary', 'b2')", "SELECT * FROM sync_pull('m', '0')",
        "SELECT sync_pull_response('m', '0')"})
    CHECK_FALSE_MESSAGE(world.mallory.ask(question).has("secret"), question);
}
