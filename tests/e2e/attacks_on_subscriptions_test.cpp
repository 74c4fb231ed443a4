// Mallory says what she wants to get, and tries to get what she may not, or to have something run.
#include <doctest/doctest.h>

#include "protocol/limits.h"
#include "tests/e2e/attack_world.h"

using namespace e2e;

namespace {

Answer subscribe(Session& session, const std::string& client, const std::string& subscription) {
  return session.ask("SELECT sync_subscribe('" + client + "', $json$" + subscription +
                     "$json$::jsonb)");
}

std::string filter(const std::string& object, const std::string& expression) {
  return "{\"objects\": [\"" + object + "\"], \"filters\": {\"" + object + "\": \"" + expression +
         "\"}}";
}

Answer pull(Session& session, const std::string& client) {
  return session.ask("SELECT kind, record_id, data, tag FROM sync_pull('" + client +
                     "', '0', 100)");
}

std::string stored(AttackWorld& world) {
  return world.server.exec("SELECT count(*) FROM objectos_sync.subscriptions");
}

}  // namespace

TEST_CASE("a filter that everything matches shows no more than the policies do") {
  AttackWorld world;
  REQUIRE(subscribe(world.mallory, "m", filter("diary", "id IS NOT NULL OR owner <> $user"))
              .state.empty());
  const Answer answer = pull(world.mallory, "m");
  CHECK(answer.state.empty());
  CHECK_FALSE(answer.has("bobs-entry"));
  CHECK_FALSE(answer.has("bob-secret"));
}

TEST_CASE("a filter does not ask a column that its user may not read, nor say what is in it") {
  AttackWorld world;
  for (const char* asked :
       {"salary = 47114711", "salary < 5000", "id = 1 AND salary IS NOT NULL"}) {
    const Answer answer = subscribe(world.mallory, "m", filter("staff", asked));
    CHECK(answer.state == "OS019");
    const Answer missing = subscribe(world.mallory, "m", filter("staff", "no_such = 1"));
    CHECK(missing.state == answer.state);
  }
  CHECK(subscribe(world.mallory, "m",
                  R"({"objects": ["staff"], "filters": {"staff": {"salary": 47114711}}})")
            .state == "OS019");
  CHECK(stored(world) == "0");
}

TEST_CASE("a column whose right is taken away later is not asked any more either") {
  AttackWorld world;
  REQUIRE(subscribe(world.mallory, "m", filter("staff", "name = 'Ada'")).state.empty());
  world.server.exec("REVOKE SELECT (name) ON staff FROM mallory");
  const Answer answer = pull(world.mallory, "m");
  CHECK(answer.state == "OS019");
  CHECK_FALSE(answer.has("Ada"));
}

TEST_CASE(
    "an object that one may not read is as unknown to a subscription as one that is not there") {
  AttackWorld world;
  world.server.exec("CREATE TABLE payroll (id int PRIMARY KEY); SELECT sync_enable('payroll')");
  Answer hidden = subscribe(world.mallory, "m", R"({"objects": ["payroll"]})");
  Answer missing = subscribe(world.mallory, "m", R"({"objects": ["no_such"]})");
  CHECK(hidden.state == "OS004");
  CHECK(missing.state == "OS004");
  const auto name = hidden.message.find("payroll");
  REQUIRE(name != std::string::npos);
  CHECK(hidden.message.replace(name, 7, "no_such") == missing.message);
}

TEST_CASE("a client of somebody else's is not subscribed, and its subscription not shown") {
  AttackWorld world;
  REQUIRE(subscribe(world.bob, "bobs", filter("diary", "body = 'bob-secret'")).state.empty());
  const Answer changed = subscribe(world.mallory, "bobs", R"({"objects": []})");
  CHECK(changed.state == "42501");
  CHECK_FALSE(changed.has("bob-secret"));
  CHECK(world.mallory.ask("SELECT sync_subscribe('bobs', NULL)").state == "42501");
  CHECK_FALSE(world.mallory.ask("SELECT sync_hello('bobs')").has("bob-secret"));
  CHECK(world.mallory.ask("TABLE objectos_sync.subscriptions").state == "42501");
  CHECK(pull(world.bob, "bobs").has("bob-secret"));
}

TEST_CASE("SQL in a filter is no SQL, wherever it stands") {
  AttackWorld world;
  for (const char* expression : {"id = 'x'; DROP TABLE staff",
                                 "id = 'x') OR (true",
                                 "id = 'x' UNION SELECT 1",
                                 "id = (SELECT body FROM diary)",
                                 "pg_sleep(1) = 0",
                                 "id = pg_read_file('x')",
                                 "id = 'x'::text",
                                 "id = 'x' -- AND false",
                                 "id = 'x' /* */",
                                 "id ~ 'x'",
                                 "id OPERATOR(=) 'x'",
                                 "1 = 1",
                                 "true",
                                 "CASE WHEN true THEN 1 END = 1",
                                 "id = $1",
                                 "id = $$x$$",
                                 "id = E'x'",
                                 "id = U&'x'",
                                 "NOT id = 'x'",
                                 "ctid = '(0,1)'",
                                 "tableoid = 1",
                                 "diary.id = 'x'"}) {
    CAPTURE(expression);
    CHECK(subscribe(world.mallory, "m", filter("diary", expression)).state == "OS019");
  }
  // In a value it is a text like any.
  for (const char* value : {"'; DROP TABLE staff; --", "\\\\'; DROP TABLE staff; --", "$x$"}) {
    CAPTURE(value);
    REQUIRE(subscribe(world.mallory, "m",
                      std::string(R"({"objects": ["diary"], "filters": {"diary": {"body": ")") +
                          value + "\"}}}")
                .state != "XX000");
    CHECK(world.mallory.is_alive());
    const Answer answer = pull(world.mallory, "m");
    CHECK_FALSE(answer.has("bob-secret"));
  }
  CHECK(world.server.exec("SELECT count(*) FROM staff") == "2");
}

TEST_CASE("operators, casts and types of one's own take no part in a filter") {
  AttackWorld world;
  world.mallory.rows(
      "CREATE TABLE heard (who text); GRANT INSERT ON heard TO PUBLIC;"
      "CREATE FUNCTION always(text, text) RETURNS boolean LANGUAGE plpgsql AS $$"
      " BEGIN INSERT INTO heard VALUES (current_user); RETURN true; END $$;"
      "CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = always);"
      "CREATE OPERATOR <> (LEFTARG = text, RIGHTARG = text, FUNCTION = always);"
      "CREATE DOMAIN pg_temp.text AS int4");
  world.mallory.rows("INSERT INTO diary VALUES ('m1', 'mallory', 'x')");
  world.mallory.rows("SET search_path = pg_temp, public, pg_catalog");
  REQUIRE(
      subscribe(world.mallory, "m", filter("diary", "id = 'other' AND body <> 'x'")).state.empty());
  CHECK_FALSE(pull(world.mallory, "m").has("m1"));
  CHECK(world.server.exec("SELECT count(*) FROM public.heard") == "0");
}

TEST_CASE("filters are bounded: terms, depth and bytes are refused before they cost anything") {
  AttackWorld world;
  std::string terms = "id = 'x'";
  for (std::size_t i = 0; i <= objectos::limits::filter_terms_max; ++i) terms += " OR id = 'x'";
  std::string deep;
  for (std::size_t i = 0; i <= std::size_t{objectos::limits::filter_depth_max}; ++i) deep += "(";
  const std::string nested = deep + "id = 'x'" + std::string(deep.size(), ')');
  const std::string wide = "id = '" + std::string(objectos::limits::filter_bytes_max, 'x') + "'";
  for (const std::string& expression : {terms, nested, wide, std::string(60'000, '(')}) {
    const Answer answer = subscribe(world.mallory, "m", filter("diary", expression));
    CHECK((answer.state == "OS019" || answer.state == "OS007"));
    CHECK(world.mallory.is_alive());
  }
  CHECK(stored(world) == "0");
}

TEST_CASE("who may not update an object does not send its records round") {
  AttackWorld world;
  world.server.exec("REVOKE UPDATE ON diary FROM mallory");
  const std::string head = "SELECT count(*) FROM objectos_sync.mutations";
  const std::string before = world.server.exec(head);
  CHECK(world.mallory.ask("SELECT sync_touch('diary', '{bobs-entry}')").state == "42501");
  CHECK(world.mallory.ask("SELECT sync_depend('diary', 'owner', 'staff', 'name')").state ==
        "42501");
  CHECK(world.mallory.ask("SELECT sync_undepend('diary', 'owner', 'staff', 'name')").state ==
        "42501");
  CHECK(world.server.exec(head) == before);
}

TEST_CASE("touching a hidden record tells nothing of whether it is there") {
  AttackWorld world;
  const Answer hidden = world.mallory.ask("SELECT sync_touch('diary', '{bobs-entry}')");
  const Answer missing = world.mallory.ask("SELECT sync_touch('diary', '{zz}')");
  CHECK(hidden.state == missing.state);
  CHECK(hidden.rows == missing.rows);
  CHECK_FALSE(pull(world.mallory, "m").has("bobs-entry"));
}
