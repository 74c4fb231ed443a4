// Mallory tries to take down the backend, which would take down everybody's.
#include <doctest/doctest.h>

#include "tests/e2e/attack_world.h"

using namespace e2e;

TEST_CASE("our stamp on a table whose columns have our names but other types writes nothing") {
  AttackWorld world;
  world.mallory.rows(
      "CREATE TABLE lookalike (id int, _version text, _modified_at text, _modified_by int);"
      "INSERT INTO lookalike VALUES (1, 'a', 'b', 3);"
      "CREATE TRIGGER t BEFORE UPDATE ON lookalike FOR EACH ROW"
      " EXECUTE FUNCTION objectos_sync.stamp()");
  world.mallory.rows("UPDATE lookalike SET id = 2");
  CHECK(world.mallory.rows("SELECT * FROM lookalike") == "2|a|b|3");
}

TEST_CASE("our capture with other transition tables than its event has is an error") {
  AttackWorld world;
  world.let_mallory_enable();
  world.mallory.rows("CREATE TABLE mine (id int PRIMARY KEY, v text); SELECT sync_enable('mine')");
  struct Case {
    const char *event, *tables, *statement;
  };
  for (const Case& one : {Case{"INSERT", "", "INSERT INTO mine VALUES (1)"},
                          Case{"UPDATE", "", "UPDATE mine SET v = 'x'"},
                          Case{"UPDATE", "REFERENCING OLD TABLE AS o", "UPDATE mine SET v = 'x'"},
                          Case{"UPDATE", "REFERENCING NEW TABLE AS n", "UPDATE mine SET v = 'x'"},
                          Case{"DELETE", "", "DELETE FROM mine"}}) {
    CAPTURE(one.statement);
    CAPTURE(one.tables);
    world.mallory.rows(std::string("CREATE TRIGGER t AFTER ") + one.event + " ON mine " +
                       one.tables + " FOR EACH STATEMENT EXECUTE FUNCTION objectos_sync.capture()");
    CHECK(world.mallory.ask(one.statement).state == "39P01");
    world.mallory.rows("DROP TRIGGER t ON mine");
  }
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.mutations WHERE object = 'mine'"
                          " AND operation <> 'schema'") == "0");
}

TEST_CASE("our trigger functions called as anything else are errors") {
  AttackWorld world;
  world.mallory.rows("CREATE TABLE plain (id int)");
  for (const char* name : {"stamp", "capture", "capture_row"}) {
    CAPTURE(name);
    const std::string call = std::string("objectos_sync.") + name + "()";
    CHECK(world.mallory.ask("SELECT " + call).state != "");
    for (const char* when :
         {"BEFORE INSERT ON plain FOR EACH ROW", "BEFORE DELETE ON plain FOR EACH STATEMENT",
          "AFTER TRUNCATE ON plain FOR EACH STATEMENT", "AFTER INSERT ON plain FOR EACH ROW"}) {
      world.mallory.rows(std::string("CREATE TRIGGER t ") + when + " EXECUTE FUNCTION " + call);
      world.mallory.ask("INSERT INTO plain VALUES (1)");
      world.mallory.ask("DELETE FROM plain");
      world.mallory.ask("TRUNCATE plain");
      world.mallory.rows("DROP TRIGGER t ON plain");
    }
  }
  CHECK(world.mallory.is_alive());
}

TEST_CASE("our columns of an enabled table cannot be renamed, retyped or dropped under us") {
  AttackWorld world;
  world.let_mallory_enable();
  world.mallory.rows("CREATE TABLE mine (id int PRIMARY KEY, v text); SELECT sync_enable('mine')");
  for (const char* column : {"_version", "_modified_at", "_modified_by"}) {
    const std::string of = std::string("ALTER TABLE mine ");
    for (const std::string& change :
         {of + "RENAME COLUMN " + column + " TO other", of + "DROP COLUMN " + column,
          of + "ALTER COLUMN " + column + " DROP DEFAULT, ALTER COLUMN " + column +
              " TYPE numeric(3) USING 1"}) {
      CHECK_MESSAGE(world.mallory.ask(change).state.substr(0, 2) == "OS", change);
    }
  }
  world.mallory.rows("INSERT INTO mine VALUES (1, 'a'); UPDATE mine SET v = 'b'");
}

TEST_CASE("a push within a push with more statements than are kept does not free the outer one") {
  AttackWorld world;
  world.let_mallory_enable();
  world.mallory.rows(
      "CREATE TABLE wide (id int PRIMARY KEY, a int, b int, c int, d int, e int, f int, g int,"
      " h int, i int, j int, k int); SELECT sync_enable('wide'); INSERT INTO wide VALUES (1)");
  world.mallory.rows("CREATE TABLE bait (id int PRIMARY KEY, v text); SELECT sync_enable('bait')");
  // Each set of columns is a statement of its own: 2,000 of them.
  world.mallory.rows(R"(CREATE FUNCTION burst() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      data text;
      columns text[] := '{a,b,c,d,e,f,g,h,i,j,k}';
    BEGIN
      FOR n IN 1..2000 LOOP
        SELECT string_agg(format('"%s":%s', columns[bit + 1], n), ',') INTO data
          FROM generate_series(0, 10) bit WHERE n >> bit & 1 = 1;
        PERFORM sync_push('inner', format('[{"id":"%s","object":"wide","record_id":"1",'
          '"operation":"update","data":{%s}}]', gen_random_uuid(), data)::json);
      END LOOP;
      RETURN NEW;
    END $$)");
  world.mallory.rows(
      "CREATE TRIGGER b BEFORE INSERT ON bait FOR EACH ROW EXECUTE FUNCTION burst()");
  const Answer answer =
      push(world.mallory, "outer", mutation(1, "bait", "1", "insert", R"("data":{"v":"x"})"));
  CHECK_MESSAGE(answer.rows.substr(0, 8) == "applied|", answer.message);
  CHECK(world.mallory.rows("SELECT count(*) FROM bait") == "1");
  CHECK(world.server.exec("SELECT (a, b, c) FROM wide") != "");
}

TEST_CASE("a pull within the policy that the pull asks ends at the stack's depth, not beyond") {
  AttackWorld world;
  world.let_mallory_enable();
  world.mallory.rows(R"(CREATE FUNCTION again() RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM public.sync_pull('loop', '0');
      RETURN true;
    END $$;
    CREATE TABLE loops (id int PRIMARY KEY);
    INSERT INTO loops VALUES (1);
    SELECT sync_enable('loops');
    ALTER TABLE loops ENABLE ROW LEVEL SECURITY;
    ALTER TABLE loops FORCE ROW LEVEL SECURITY;
    CREATE POLICY p ON loops USING (again()))");
  CHECK(world.mallory.ask("SELECT * FROM sync_pull('loop', '0')").state == "54001");
  CHECK(world.mallory.is_alive());
}

TEST_CASE("a push within a trigger of the same push ends at the stack's depth, with nothing done") {
  AttackWorld world;
  world.let_mallory_enable();
  world.mallory.rows(R"(CREATE TABLE loops (id int PRIMARY KEY);
    SELECT sync_enable('loops');
    CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM sync_push('loop', format('[{"id":"%s","object":"loops","record_id":"%s",'
        '"operation":"insert","data":{}}]', gen_random_uuid(), NEW.id + 1)::json);
      RETURN NEW;
    END $$;
    CREATE TRIGGER t BEFORE INSERT ON loops FOR EACH ROW EXECUTE FUNCTION again())");
  const Answer answer =
      push(world.mallory, "loop", mutation(1, "loops", "1", "insert", R"("data":{})"));
  CHECK_MESSAGE(answer.state == "54001", answer.message << answer.rows);
  CHECK(world.mallory.rows("SELECT count(*) FROM loops") == "0");
}

TEST_CASE("json_form takes nested and odd values of whoever calls it") {
  AttackWorld world;
  const Answer answer = world.mallory.ask(R"(DO $$
    DECLARE
      type text := 'int';
      value text := '1';
    BEGIN
      FOR n IN 1..12 LOOP
        EXECUTE format('CREATE TYPE nest%s AS (v %s)', n, type);
        type := 'nest' || n;
        value := format('ROW(%s)::%s', value, type);
      END LOOP;
      EXECUTE 'SELECT objectos_sync.json_form(' || value || ')';
    END $$)");
  CHECK_MESSAGE(answer.state.empty(), answer.message);
  for (const char* value : {"NULL::int", "'{}'::int[]", "'{{1,2},{3,4}}'::int[]", "ROW(1, 'a')",
                            "'NaN'::float8", "'-infinity'::timestamptz", "''::bytea", "'1'::bit(1)",
                            "'(1,2)'::point", "int4range(1, 5)", "'a'::\"char\"", "1::xid"}) {
    CAPTURE(value);
    world.mallory.ask(std::string("SELECT objectos_sync.json_form(") + value + ")");
    CHECK(world.mallory.is_alive());
  }
}
