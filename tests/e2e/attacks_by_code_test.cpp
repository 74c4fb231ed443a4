// Mallory owns tables, and puts code of hers wherever PostgreSQL lets her. It must run as whoever
// writes or reads, never as the extension's owner: each piece notes who it runs as.
#include <doctest/doctest.h>

#include "tests/e2e/attack_world.h"

using namespace e2e;

namespace {

struct World : AttackWorld {
  World() {
    let_mallory_enable();
    server.exec("CREATE TABLE ran_as (place text, role name); GRANT INSERT ON ran_as TO PUBLIC");
    mallory.rows(
        R"(CREATE FUNCTION note(place text) RETURNS boolean LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO public.ran_as VALUES (place, current_user);
        RETURN true;
      END $$)");
  }
  // Who ran what, without Mallory herself and Ada, who is let in on purpose.
  std::string strangers() {
    return server.exec(
        "SELECT string_agg(place || ' as ' || role, ', ') FROM ran_as"
        " WHERE role NOT IN ('mallory', 'ada')");
  }
  std::string places(const std::string& role) {
    return server.exec(
        "SELECT string_agg(DISTINCT place, ' ' ORDER BY place) FROM ran_as WHERE role = '" + role +
        "'");
  }
  // All that sync does with an object, by the operator, too.
  void whole_way(Session& session, const std::string& client) {
    push(session, client, mutation(1, "trap", "1", "insert", R"("data":{"v":"a"})"));
    push(session, client,
         mutation(2, "trap", "1", "update", R"("data":{"v":"b"},"original":{"v":"a"})"));
    push(
        session, client,
        mutation(3, "trap", "1", "update", R"("data":{"v":"c"},"original":{"v":"0"},"version":1)"));
    push(session, client, mutation(4, "trap", "9", "insert", R"("data":{"v":"a"})"));
    push(session, client, mutation(5, "trap", "9", "delete"));
    for (const char* call :
         {"sync_pull('%', '0')", "sync_pull_response('%', '0')", "sync_snapshot('%')",
          "sync_digest('%', 1)", "sync_records('%', 'trap', '{1}')", "sync_history('trap', '1')",
          "sync_conflicts()"}) {
      std::string text = call;
      if (const auto at = text.find('%'); at != std::string::npos) text.replace(at, 1, client);
      session.ask("SELECT * FROM " + text);
    }
    session.ask(
        "SELECT * FROM sync_resolve((SELECT conflict_id FROM sync_conflicts() LIMIT 1), "
        "'client_wins')");
    server.exec("SELECT sync_prune('0'), (SELECT count(*) FROM sync_status())");
  }
  void finish() {
    mallory.rows("GRANT SELECT, INSERT, UPDATE, DELETE ON trap TO ada");
    whole_way(mallory, "m");
    whole_way(ada, "a");
    CHECK(strangers() == "");
  }
};

}  // namespace

TEST_CASE("triggers run as whoever writes") {
  World world;
  world.mallory.rows(R"(CREATE TABLE trap (id int PRIMARY KEY, v text);
    SELECT sync_enable('trap', on_conflict => 'manual');
    CREATE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM public.note(TG_WHEN || TG_LEVEL);
      RETURN coalesce(NEW, OLD);
    END $$;
    CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON trap FOR EACH ROW
      EXECUTE FUNCTION spring();
    CREATE TRIGGER b AFTER INSERT OR UPDATE OR DELETE ON trap FOR EACH ROW
      EXECUTE FUNCTION spring();
    CREATE TRIGGER c AFTER INSERT OR UPDATE OR DELETE ON trap FOR EACH STATEMENT
      EXECUTE FUNCTION spring();
    CREATE CONSTRAINT TRIGGER d AFTER INSERT OR UPDATE ON trap DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION spring())");
  world.finish();
  CHECK(world.places("ada") == "AFTERROW AFTERSTATEMENT BEFOREROW");
}

TEST_CASE(
    "defaults, checks, domains, generated columns and index expressions run as whoever writes") {
  World world;
  world.mallory.rows(
      R"(CREATE FUNCTION noted(place text, value text) RETURNS text LANGUAGE plpgsql IMMUTABLE
      AS $$ BEGIN PERFORM public.note(place); RETURN value; END $$;
    CREATE FUNCTION always(place text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
      AS $$ BEGIN RETURN public.note(place); END $$;
    CREATE DOMAIN watched AS text CHECK (public.note('domain'));
    CREATE TABLE trap (id int PRIMARY KEY, v watched, w text DEFAULT public.noted('default', 'w'),
      g text GENERATED ALWAYS AS (public.noted('generated', w)) STORED,
      CHECK (public.note('check')));
    CREATE INDEX ON trap (public.noted('index', w));
    CREATE INDEX ON trap (w) WHERE public.always('predicate');
    SELECT sync_enable('trap', on_conflict => 'manual'))");
  world.finish();
  // A domain's check is part of its input function, which a constant expression folds.
  CHECK(world.places("ada") == "check default domain generated index predicate");
}

TEST_CASE("policies run as whoever reads or writes") {
  World world;
  world.mallory.rows(R"(CREATE FUNCTION policy_note(v text) RETURNS boolean LANGUAGE plpgsql AS $$
      BEGIN RETURN public.note('policy'); END $$;
    CREATE TABLE trap (id int PRIMARY KEY, v text);
    SELECT sync_enable('trap', on_conflict => 'manual');
    ALTER TABLE trap ENABLE ROW LEVEL SECURITY;
    ALTER TABLE trap FORCE ROW LEVEL SECURITY;
    CREATE POLICY p ON trap USING (public.policy_note(v)) WITH CHECK (public.policy_note(v)))");
  world.finish();
  CHECK(world.places("ada") == "policy");
}

TEST_CASE("merge functions run as whoever pushes") {
  World world;
  world.mallory.rows(
      R"(CREATE FUNCTION merging(base jsonb, client jsonb, server jsonb, context jsonb)
      RETURNS jsonb LANGUAGE plpgsql AS
      $$ BEGIN PERFORM public.note('merge'); RETURN client; END $$;
    CREATE TABLE trap (id int PRIMARY KEY, v text);
    SELECT sync_enable('trap', 'function:public.merging'))");
  world.finish();
  CHECK(world.places("ada") == "merge");
}

TEST_CASE("a type's own operators and casts run as whoever reads or writes") {
  World world;
  world.mallory.rows(R"(CREATE TYPE pair AS (a int, b int);
    CREATE FUNCTION pair_equal(pair, pair) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
      $$ BEGIN PERFORM public.note('operator'); RETURN ($1).a IS NOT DISTINCT FROM ($2).a; END $$;
    CREATE FUNCTION pair_less(pair, pair) RETURNS boolean LANGUAGE sql IMMUTABLE AS
      $$ SELECT ($1).a < ($2).a $$;
    CREATE OPERATOR = (LEFTARG = pair, RIGHTARG = pair, FUNCTION = pair_equal);
    CREATE OPERATOR < (LEFTARG = pair, RIGHTARG = pair, FUNCTION = pair_less);
    CREATE FUNCTION from_text(text) RETURNS pair LANGUAGE plpgsql AS
      $$ BEGIN PERFORM public.note('cast'); RETURN ROW(1, 2); END $$;
    CREATE CAST (text AS pair) WITH FUNCTION from_text(text) AS IMPLICIT;
    CREATE FUNCTION to_text(pair) RETURNS text LANGUAGE plpgsql AS
      $$ BEGIN PERFORM public.note('cast back'); RETURN '(1,2)'; END $$;
    CREATE CAST (pair AS text) WITH FUNCTION to_text(pair) AS IMPLICIT;
    CREATE TABLE trap (id int PRIMARY KEY, v text, p pair DEFAULT '(1,2)'::pair, l pair[]);
    SELECT sync_enable('trap', on_conflict => 'manual'))");
  push(world.mallory, "p",
       mutation(1, "trap", "5", "insert", R"j("data":{"p":"(3,4)","l":["(5,6)"]})j"));
  CHECK(world.mallory.rows("SELECT (l[1]).b FROM trap WHERE id = 5") == "6");
  world.finish();
}

TEST_CASE("a key of a type with an operator class of its own is found as whoever pushes") {
  World world;
  world.server.exec(
      R"(CREATE FUNCTION odd_cmp(int4range, int4range) RETURNS int LANGUAGE plpgsql IMMUTABLE
    AS $$ BEGIN PERFORM public.note('class'); RETURN pg_catalog.range_cmp($1, $2); END $$)");
  world.mallory.rows(R"(CREATE TABLE trap (id int4range PRIMARY KEY, v text);
    SELECT sync_enable('trap'))");
  push(world.mallory, "m", mutation(1, "trap", "[1,5)", "insert", R"("data":{"v":"a"})"));
  push(world.mallory, "m",
       mutation(2, "trap", "[1,5)", "update", R"("data":{"v":"b"},"original":{"v":"a"})"));
  CHECK(world.mallory.rows("SELECT v FROM trap") == "b");
  CHECK(world.strangers() == "");
}

TEST_CASE("a trigger that changes its role in the middle of a push does not become the owner") {
  World world;
  world.mallory.rows(R"(CREATE TABLE trap (id int PRIMARY KEY, v text);
    SELECT sync_enable('trap');
    CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      EXECUTE format('SET ROLE %s', NEW.v);
      RETURN NEW;
    END $$;
    CREATE TRIGGER t BEFORE INSERT ON trap FOR EACH ROW EXECUTE FUNCTION shift())");
  for (const char* role : {"postgres", "bob", "ada"}) {
    const Answer answer =
        push(world.mallory, "m",
             mutation(1, "trap", "1", "insert", "\"data\":{\"v\":\"" + std::string(role) + "\"}"));
    CHECK_MESSAGE(answer.has("42501"), answer.rows << answer.message);
    CHECK(world.mallory.rows("SELECT current_user") == "mallory");
    world.mallory.ask("SELECT sync_ack('{\"client_id\":\"m\",\"confirmed\":1}')");
    world.server.exec("DELETE FROM objectos_sync.verdicts; DELETE FROM objectos_sync.clients");
  }
  // To none: still herself, and the rows are hers.
  push(world.mallory, "n", mutation(1, "trap", "1", "insert", R"("data":{"v":"none"})"));
  CHECK(world.server.exec("SELECT string_agg(DISTINCT user_id, ' ') FROM objectos_sync.mutations"
                          " WHERE object = 'trap'") == "mallory");
}

TEST_CASE("a trigger that sets the session's authorization is refused") {
  World world;
  world.mallory.rows(R"(CREATE TABLE trap (id int PRIMARY KEY, v text);
    SELECT sync_enable('trap');
    CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      SET SESSION AUTHORIZATION postgres;
      RETURN NEW;
    END $$;
    CREATE TRIGGER t BEFORE INSERT ON trap FOR EACH ROW EXECUTE FUNCTION shift())");
  CHECK(push(world.mallory, "m", mutation(1, "trap", "1", "insert", R"("data":{})")).has("42501"));
  CHECK(world.mallory.rows("SELECT session_user || current_user") == "mallorymallory");
}

TEST_CASE(
    "a SECURITY DEFINER wrapper syncs as its owner, whose clients stay closed to its callers") {
  World world;
  world.server.exec(
      R"(CREATE FUNCTION as_bob(client text, what json) RETURNS SETOF text LANGUAGE sql
    SECURITY DEFINER SET search_path = public AS $$ SELECT status FROM sync_push(client, what) $$;
    ALTER FUNCTION as_bob OWNER TO bob)");
  world.mallory.rows("SELECT as_bob('wrapped', $j$[" +
                     mutation(1, "diary", "w1", "insert", R"("data":{"body":"x"})") + "]$j$)");
  CHECK(world.server.exec("SELECT owner FROM diary WHERE id = 'w1'") == "bob");
  CHECK(world.mallory.ask("SELECT * FROM sync_pull('wrapped', '0')").state == "42501");
  // After it, she is herself again.
  CHECK(push(world.mallory, "m", mutation(1, "diary", "m1", "insert", R"("data":{"body":"x"})"))
            .has("applied|"));
  CHECK(world.server.exec("SELECT owner FROM diary WHERE id = 'm1'") == "mallory");
}

TEST_CASE("DDL of somebody else's does not run anything of ours with more rights") {
  World world;
  CHECK(world.mallory
            .ask("CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION"
                 " objectos_sync.guard_extension()")
            .state == "42501");
  // Our guard may answer before PostgreSQL asks for rights.
  const std::set<std::string> refused = {"42501", "OS015"};
  for (const char* statement :
       {"ALTER EVENT TRIGGER objectos_sync_schema DISABLE",
        "DROP EVENT TRIGGER objectos_sync_guard", "DROP EXTENSION objectos_sync CASCADE",
        "ALTER TABLE staff DISABLE TRIGGER ALL", "DROP SCHEMA objectos_sync CASCADE",
        "ALTER FUNCTION sync_status() OWNER TO mallory",
        "CREATE OR REPLACE FUNCTION sync_status() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER EXTENSION objectos_sync ADD TABLE staff", "SET session_replication_role = replica",
        "SET objectos_sync.client_retention = 0",
        "SET objectos_sync.inject_fault = 'error:capture'"})
    CHECK_MESSAGE(refused.count(world.mallory.ask(statement).state) == 1, statement);
  CHECK(world.mallory.ask("SET objectos_sync.nothing = 1").state == "42602");
  // Her own tables come and go through our event triggers.
  world.mallory.rows(R"(CREATE TABLE trap (id int PRIMARY KEY, v text); SELECT sync_enable('trap');
    CREATE TYPE t AS ENUM ('a'); ALTER TABLE trap ADD COLUMN e t;
    ALTER TYPE t RENAME VALUE 'a' TO 'b';
    ALTER TABLE trap DROP COLUMN v; DROP TABLE trap; DROP TYPE t)");
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.objects WHERE object = 'trap'") ==
        "0");
}
