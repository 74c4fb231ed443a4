// Promise 8: an error in the middle of our C++ is an ERROR of that session, changes nothing, and
// nobody else notices: the same backend, the same postmaster, the bystander's temporary table.
#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <thread>

#include "tests/e2e/support.h"

using namespace e2e;

namespace {

struct Failed {
  std::string sqlstate;  // "" = no error
  std::string message;
};

class Session {
 public:
  explicit Session(const Server& server) : connection_(PQconnectdb(server.conninfo().c_str())) {
    if (PQstatus(connection_) != CONNECTION_OK) throw std::runtime_error("no connection");
    PQsetNoticeProcessor(
        connection_, [](void*, const char*) {}, nullptr);
  }
  ~Session() { PQfinish(connection_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Failed run(const std::string& sql) {
    PGresult* result = PQexec(connection_, sql.c_str());
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    Failed failed{state ? state : "", message ? message : ""};
    value = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0
                ? PQgetvalue(result, 0, 0)
                : "";
    PQclear(result);
    if (PQstatus(connection_) != CONNECTION_OK) throw std::runtime_error("the session is gone");
    return failed;
  }
  std::string ask(const std::string& sql) {
    Failed failed = run(sql);
    if (!failed.sqlstate.empty()) throw std::runtime_error(sql + ": " + failed.message);
    return value;
  }
  int pid() const { return PQbackendPID(connection_); }
  std::string value;

 private:
  PGconn* connection_;
};

std::string mutation(int number, const std::string& key) {
  char id[40];
  std::snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", number);
  return std::string("{\"id\":\"") + id + "\",\"object\":\"notes\",\"record_id\":\"" + key +
         "\",\"operation\":\"insert\",\"data\":{\"id\":\"" + key +
         "\",\"body\":\"b\"},\"timestamp\":\"2026-01-01T00:00:00Z\",\"client_sequence\":" +
         std::to_string(number) + "}";
}

struct World {
  Server server;
  Session victim{server}, bystander{server};
  std::string started, postmaster_age;
  int pid = victim.pid();

  World() {
    server.exec("CREATE TABLE notes (id text PRIMARY KEY, body text)");
    server.exec("SELECT sync_enable('notes')");
    server.exec("CREATE TABLE plain (id int PRIMARY KEY)");
    server.exec("INSERT INTO notes SELECT i, 'x' FROM generate_series(1, 50) i");
    server.exec(
        "CREATE FUNCTION client_side(base jsonb, client jsonb, server jsonb, context jsonb) "
        "RETURNS jsonb LANGUAGE sql AS 'SELECT client'");
    server.exec("CREATE TABLE merged (id text PRIMARY KEY, body text)");
    server.exec("SELECT sync_enable('merged', 'function:public.client_side')");
    server.exec("INSERT INTO merged VALUES ('1', 'the server''s')");
    bystander.ask("CREATE TEMP TABLE mine AS SELECT 42 AS answer");
    started = bystander.ask("SELECT pg_postmaster_start_time()");
  }
  // All that a failed call could have changed.
  std::string everything() {
    return bystander.ask(
        "SELECT md5(concat((SELECT string_agg(n::text, ',' ORDER BY id) FROM notes n), "
        "(SELECT string_agg(m::text, ',' ORDER BY sequence) FROM objectos_sync.mutations m), "
        "(SELECT string_agg(v::text, ',' ORDER BY mutation_id) FROM objectos_sync.verdicts v), "
        "(SELECT string_agg(c::text, ',' ORDER BY client_id) FROM objectos_sync.clients c), "
        "(SELECT string_agg(o::text || s, ',' ORDER BY object) FROM objectos_sync.objects o"
        " JOIN objectos_sync.shapes s USING (relid)), "
        "(SELECT string_agg(tgname, ',' ORDER BY tgname) FROM pg_trigger)))");
  }
  void check_alive() {
    CHECK(victim.ask("SELECT 1") == "1");
    CHECK(std::stoi(victim.ask("SELECT pg_backend_pid()")) == pid);
    CHECK(bystander.ask("SELECT answer FROM mine") == "42");
    CHECK(bystander.ask("SELECT pg_postmaster_start_time()") == started);
  }
  std::string push(int number, const std::string& key) {
    return "SELECT status FROM sync_push('phone', '[" + mutation(number, key) + "]')";
  }
  // Both sides changed the record: its merge function is asked.
  std::string collision() {
    return "SELECT status FROM sync_push('phone', "
           "'[{\"id\":\"00000000-0000-4000-8000-00000000000c\","
           "\"object\":\"merged\",\"record_id\":\"1\",\"operation\":\"update\","
           "\"data\":{\"body\":\"mine\"},\"original\":{\"body\":\"before\"},\"version\":1,"
           "\"client_sequence\":9}]')";
  }
};

}  // namespace

TEST_CASE("an error at every fault point of the server is an ERROR that changes nothing") {
  World world;
  const std::map<std::string, std::string> kinds = {
      {"bad_alloc", "53200"}, {"exception", "OS000"}, {"error", "XX000"}};
  const std::vector<std::string> calls = {"SELECT sync_enable('plain')",
                                          "INSERT INTO notes VALUES ('new', 'x')",
                                          "UPDATE notes SET body = 'y'",
                                          "DELETE FROM notes",
                                          world.push(1, "pushed"),
                                          world.collision(),
                                          "SELECT sync_prune('0')",
                                          "SELECT count(*) FROM sync_pull('phone', '0')",
                                          "SELECT sync_pull_response('phone', '0')"};
  const std::string before = world.everything();
  for (const std::string& point : fault_points("pg_ext", "inject_fault")) {
    for (const auto& entry : kinds) {
      const std::string &kind = entry.first, &sqlstate = entry.second;  // CAPTURE is a lambda
      CAPTURE(point + " " + kind);
      world.victim.ask("SET objectos_sync.inject_fault = '" + kind + ":" + point + "'");
      int failures = 0;
      for (const std::string& call : calls) {
        world.victim.ask("BEGIN; SAVEPOINT s");
        Failed failed = world.victim.run(call);
        world.victim.ask("ROLLBACK TO SAVEPOINT s");
        world.victim.ask("ROLLBACK");
        if (failed.sqlstate.empty()) continue;
        ++failures;
        CHECK_MESSAGE(failed.sqlstate == sqlstate, (call + ": " + failed.message));
        CHECK(world.victim.run(call).sqlstate == sqlstate);
      }
      CHECK(failures > 0);
      CHECK(world.everything() == before);
      world.check_alive();
    }
  }
  world.victim.ask("RESET objectos_sync.inject_fault");
  CHECK(world.victim.ask(world.push(1, "pushed")) == "applied");
  CHECK(world.victim.ask("SELECT count(*) > 50 FROM sync_pull('phone', '0')") == "t");
}

TEST_CASE("broken messages are errors of the OS class, and the push after them is judged") {
  World world;
  const std::string before = world.everything();
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += '[';
  std::string closed = deep + std::string(deep.size(), ']');
  for (const std::string& message :
       {std::string(), std::string("nonsense"), std::string("[{]"), std::string("[1,2"),
        std::string("{}"), std::string("[null]"), std::string("[{\"id\":7}]"), std::string("[[]]"),
        closed, "[" + mutation(1, "a\\u0000b") + "]",
        std::string("[{\"id\":\"00000000-0000-4000-8000-000000000001\",\"id\":\"x\"}]"),
        std::string("[{\"id\":\"no uuid\",\"object\":\"notes\"}]")}) {
    CAPTURE(message.substr(0, 60));
    Failed failed = world.victim.run("SELECT * FROM sync_push('phone', $m$" + message + "$m$)");
    // Postgres's own json input refuses the first ones (class 22, or its stack limit).
    bool expected = failed.sqlstate.substr(0, 2) == "OS" || failed.sqlstate.substr(0, 2) == "22" ||
                    failed.sqlstate == "54001";
    CHECK_MESSAGE(expected, (failed.sqlstate + " " + failed.message));
    CHECK(failed.sqlstate != "OS000");
  }
  for (const std::string checkpoint : {"1", "os1.", "os1.zzzz", "-1", "99999999999999999999"}) {
    CAPTURE(checkpoint);
    Failed failed = world.victim.run("SELECT * FROM sync_pull('phone', '" + checkpoint + "')");
    CHECK(failed.sqlstate.substr(0, 2) == "OS");
    CHECK(failed.sqlstate != "OS000");
  }
  CHECK(world.everything() == before);
  CHECK(world.victim.ask(world.push(1, "fine")) == "applied");
  world.check_alive();
}

// trap: interrupts
TEST_CASE("a statement timeout and a cancel end a push and a pull, and never become a verdict") {
  World world;
  world.server.exec(
      "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "PERFORM pg_sleep(30); RETURN NEW; END $$");
  world.server.exec(
      "CREATE TRIGGER slow BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION slow()");
  const std::string before = world.everything();
  world.victim.ask("SET statement_timeout = '300ms'");
  CHECK(world.victim.run(world.push(1, "slow")).sqlstate == "57014");
  world.victim.ask("RESET statement_timeout");
  CHECK(world.everything() == before);
  std::thread canceller([&] {
    Session other(world.server);
    for (int i = 0; i < 400; ++i) {
      other.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = " +
                std::to_string(world.pid) + " AND wait_event = 'PgSleep'");
      if (other.value == "t") return;
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
  });
  Failed cancelled = world.victim.run(world.push(1, "slow"));
  canceller.join();
  CHECK(cancelled.sqlstate == "57014");
  CHECK(world.everything() == before);
  world.check_alive();

  world.server.exec("DROP TRIGGER slow ON notes");
  world.server.exec(
      "INSERT INTO notes SELECT 'bulk' || i, repeat('x', 100) FROM "
      "generate_series(1, 60000) i");
  world.victim.ask("SET statement_timeout = '20ms'");
  CHECK(world.victim.run("SELECT count(*) FROM sync_pull('phone', '0', 100000)").sqlstate ==
        "57014");
  world.victim.ask("RESET statement_timeout");
  CHECK(world.victim.ask(world.push(1, "slow")) == "applied");
  world.check_alive();
}
