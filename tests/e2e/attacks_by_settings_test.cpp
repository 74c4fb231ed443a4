// Mallory sets what everybody may set before she calls: she gets the same answers, or an error of
// PostgreSQL's with nothing done.
#include <doctest/doctest.h>

#include "tests/e2e/attack_world.h"

using namespace e2e;

namespace {

// Whatever the session's settings, these say the same.
std::string told(Session& session) {
  return session.rows(
             "SELECT kind, record_id, data FROM public.sync_pull('m', '0') WHERE kind <> "
             "'checkpoint'"
             " ORDER BY kind, record_id") +
         session.rows("SELECT * FROM public.sync_digest('m', 1)") +
         session.rows("SELECT public.sync_schema()");
}

}  // namespace

TEST_CASE("settings of output, input and planning change no byte of what is told") {
  AttackWorld world;
  world.server.exec(
      "CREATE TABLE values (id int PRIMARY KEY, t timestamptz, i interval, b bytea, f float8,"
      " m money, r regclass, l text[], x xml, d date)");
  world.server.exec("SELECT sync_enable('values'); GRANT ALL ON values TO mallory");
  world.server.exec(
      "INSERT INTO values VALUES (1, '2024-01-02 03:04:05+06', '1 mon 2 days', '\\x00ff', 0.1,"
      " 12.34, 'staff', '{a,NULL}', '<a/>', '2024-12-31')");
  const std::string before = told(world.mallory);
  REQUIRE(before.find("2024-01-01T21:04:05") != std::string::npos);
  for (const char* setting : {"TimeZone = 'Asia/Kolkata'",
                              "DateStyle = 'SQL, DMY'",
                              "IntervalStyle = 'sql_standard'",
                              "bytea_output = 'escape'",
                              "extra_float_digits = -15",
                              "search_path = pg_catalog",
                              "quote_all_identifiers = on",
                              "array_nulls = off",
                              "xmloption = document",
                              "lc_monetary = 'C'",
                              "standard_conforming_strings = off",
                              "backslash_quote = on",
                              "transform_null_equals = on",
                              "enable_indexscan = off",
                              "enable_seqscan = off",
                              "enable_nestloop = off",
                              "plan_cache_mode = force_custom_plan",
                              "plan_cache_mode = force_generic_plan",
                              "from_collapse_limit = 1",
                              "join_collapse_limit = 1",
                              "geqo_threshold = 2",
                              "work_mem = '64kB'",
                              "jit_above_cost = 0",
                              "constraint_exclusion = on",
                              "client_min_messages = debug5",
                              "check_function_bodies = off",
                              "default_transaction_isolation = 'serializable'",
                              "gin_fuzzy_search_limit = 1",
                              "default_tablespace = ''",
                              "synchronous_commit = off",
                              "row_security = on"}) {
    CAPTURE(setting);
    world.mallory.rows(std::string("SET ") + setting);
    const bool same = told(world.mallory) == before;
    CHECK(same);
    world.mallory.rows("RESET ALL");
  }
}

TEST_CASE("what is pushed under odd settings is stored as anybody would") {
  AttackWorld world;
  world.server.exec(
      "CREATE TABLE values (id int PRIMARY KEY, t timestamptz, d date, b bytea, l text[], s text)");
  world.server.exec("SELECT sync_enable('values'); GRANT ALL ON values TO mallory");
  const std::string data =
      R"("data":{"t":"2024-02-01T00:00:00+00:00","d":"2024-02-01","b":"\\x5c00","l":["NULL",null,"a\"b\\"],"s":"\\'"})";
  int number = 0;
  for (const char* setting :
       {"DateStyle = 'ISO, DMY'", "DateStyle = 'SQL, MDY'", "TimeZone = 'Pacific/Apia'",
        "array_nulls = off", "standard_conforming_strings = off", "backslash_quote = on",
        "bytea_output = 'escape'", "quote_all_identifiers = on"}) {
    CAPTURE(setting);
    world.mallory.rows(std::string("SET ") + setting);
    ++number;
    const Answer answer = push(world.mallory, "m",
                               mutation(number, "values", std::to_string(number), "insert", data));
    CHECK_MESSAGE(answer.has("applied|"), answer.rows << answer.message);
    world.mallory.rows("RESET ALL");
  }
  CHECK(world.server.exec("SELECT count(DISTINCT (t, d, b, l, s)) FROM values") == "1");
  CHECK(world.server.exec("SELECT l::text || s FROM values LIMIT 1") ==
        R"({"NULL",NULL,"a\"b\\"}\')");
}

TEST_CASE("row_security = off is an error where rows would be hidden, and shows none") {
  AttackWorld world;
  world.mallory.rows("SET row_security = off");
  for (const char* call :
       {"sync_pull('m', '0')", "sync_pull_response('m', '0')", "sync_digest('m', 1)",
        "sync_records('m', 'diary', '{bobs-entry}')", "sync_history('diary', 'bobs-entry')"}) {
    CAPTURE(call);
    const Answer answer = world.mallory.ask(std::string("SELECT * FROM ") + call);
    CHECK_FALSE(answer.has("secret"));
    CHECK(answer.state == "42501");
  }
  const Answer answer = push(
      world.mallory, "m", mutation(1, "diary", "bobs-entry", "update", R"("data":{"body":"x"})"));
  CHECK(answer.has("42501"));
  CHECK(world.server.exec("SELECT body FROM diary") == "bob-secret");
}

TEST_CASE("a push in a read-only transaction ends with nothing done") {
  AttackWorld world;
  world.mallory.rows("SET default_transaction_read_only = on");
  const Answer answer =
      push(world.mallory, "m", mutation(1, "diary", "m1", "insert", R"("data":{"body":"x"})"));
  CHECK_MESSAGE(answer.state == "25006", answer.rows << answer.message);
  world.mallory.rows("RESET default_transaction_read_only");
  // It is no verdict: sent again, it is judged.
  CHECK(push(world.mallory, "m", mutation(1, "diary", "m1", "insert", R"("data":{"body":"x"})"))
            .has("applied|"));
}

TEST_CASE("a push that is stopped by a timeout leaves nothing, and no verdict") {
  AttackWorld world;
  world.let_mallory_enable();
  world.mallory.rows(R"(CREATE TABLE slow (id int PRIMARY KEY, v text); SELECT sync_enable('slow');
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF NEW.id = 2 THEN PERFORM pg_sleep(10); END IF; RETURN NEW; END $$;
    CREATE TRIGGER t BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION wait())");
  world.mallory.rows("SET statement_timeout = '500ms'");
  const Answer answer = push(world.mallory, "m",
                             mutation(1, "slow", "1", "insert", R"("data":{})") + "," +
                                 mutation(2, "slow", "2", "insert", R"("data":{})"));
  CHECK(answer.state == "57014");
  CHECK(world.mallory.rows("SELECT count(*) FROM slow") == "0");
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.verdicts") == "0");
}

TEST_CASE("a session that ends at any error is the caller's own") {
  AttackWorld world;
  world.mallory.rows("SET exit_on_error = on");
  world.mallory.ask("SELECT * FROM sync_pull('m', 'garbage')");
  CHECK_FALSE(world.mallory.is_alive());
  CHECK(world.bob.is_alive());
  CHECK(world.bob.rows("SELECT count(*) FROM sync_pull('b', '0') WHERE record_id = 'bobs-entry'") ==
        "1");
}

TEST_CASE("messages of the server's own statements do not show hidden values at any level") {
  AttackWorld world;
  for (const char* setting : {"debug_print_parse = on", "debug_print_plan = on",
                              "log_statement_stats = off", "client_min_messages = debug1"})
    world.mallory.ask(std::string("SET ") + setting);
  const Answer answer =
      push(world.mallory, "m", mutation(1, "diary", "m1", "insert", R"("data":{"email":"bob@x"})"));
  CHECK_FALSE(answer.has("diary_email_key"));
}
