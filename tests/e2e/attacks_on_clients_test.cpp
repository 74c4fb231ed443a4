// Mallory tries to act as somebody else's client, and to confirm, forge or prune what is not hers.
#include <doctest/doctest.h>

#include "tests/e2e/attack_world.h"

using namespace e2e;

namespace {

// Bob's client, with a judged mutation and a stored checkpoint.
struct World : AttackWorld {
  World() {
    push(bob, "bob-1", mutation(1, "diary", "b2", "insert", R"("data":{"body":"two"})"));
    bob.rows(
        "SELECT sync_ack(json_build_object('client_id', 'bob-1', 'last_sync', NULL,"
        " 'checkpoint', '" +
        checkpoint(bob, "bob-1") + "', 'confirmed', 0))");
    before = state();
  }
  static std::string checkpoint(Session& session, const std::string& client) {
    return session.rows("SELECT checkpoint FROM sync_pull('" + client +
                        "', '0') WHERE kind = 'checkpoint'");
  }
  // All that belongs to Bob's client.
  std::string state() {
    return server.exec(
        "SELECT (SELECT c::text FROM objectos_sync.clients c WHERE client_id = 'bob-1')"
        " || (SELECT string_agg(v::text, '') FROM objectos_sync.verdicts v)");
  }
  void check_refused(const Answer& answer) {
    CHECK_MESSAGE(answer.state == "42501", answer.rows << answer.message);
    CHECK(state() == before);
  }
  std::string before;
};

}  // namespace

TEST_CASE("pushing under another user's client id is refused") {
  World world;
  world.check_refused(
      push(world.mallory, "bob-1", mutation(2, "staff", "9", "insert", R"("data":{"name":"M"})")));
  CHECK(world.server.exec("SELECT count(*) FROM staff") == "2");
}

TEST_CASE("asking again for another user's verdicts is refused") {
  World world;
  world.check_refused(push(world.mallory, "bob-1",
                           mutation(1, "diary", "b2", "insert", R"("data":{"body":"two"})")));
}

TEST_CASE("pulling, greeting and comparing under another user's client id are refused") {
  World world;
  for (const char* call :
       {"sync_pull('bob-1', '0')", "sync_pull_response('bob-1', '0')",
        "sync_pull_frame('bob-1', '0')", "sync_hello('bob-1')", "sync_snapshot('bob-1')",
        "sync_digest('bob-1', 1)", "sync_digest_buckets('bob-1', 1, 'diary', 0, '{0}')",
        "sync_digest_records('bob-1', 1, 'diary', 0, '{0}')",
        "sync_records('bob-1', 'diary', '{bobs-entry}')"}) {
    CAPTURE(call);
    world.check_refused(world.mallory.ask(std::string("SELECT * FROM ") + call));
  }
}

TEST_CASE("confirming another user's verdicts, which would drop them, is refused") {
  World world;
  world.check_refused(world.mallory.ask(
      R"(SELECT sync_ack('{"client_id":"bob-1","last_sync":null,"checkpoint":"0","confirmed":1}'))"));
  world.check_refused(world.mallory.ask(
      R"(SELECT * FROM sync_push_request('{"client_id":"bob-1","last_sync":null,"checkpoint":"0",)"
      R"("mutations":[],"confirmed":1}'))"));
}

TEST_CASE("confirming what one never had drops nothing that was not given") {
  World world;
  push(world.mallory, "m", mutation(2, "diary", "m1", "insert", R"("data":{"body":"m"})"));
  world.mallory.rows(
      R"(SELECT sync_ack('{"client_id":"m","last_sync":null,"checkpoint":"0","confirmed":9223372036854775807}'))");
  CHECK(world.server.exec("SELECT confirmed FROM objectos_sync.clients WHERE client_id = 'm'") ==
        "2");
  // What comes next is judged, and not taken for confirmed.
  const Answer next =
      push(world.mallory, "m", mutation(3, "diary", "m2", "insert", R"("data":{"body":"m"})"));
  CHECK(next.has("applied|"));
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.verdicts WHERE client_id = 'm'") ==
        "1");
}

TEST_CASE("taking over another user's client by a fork is refused, in either place") {
  World world;
  const std::string ids = "[{\"id\":\"" + mutation_id(1) + "\",\"client_sequence\":1}]";
  world.check_refused(world.mallory.ask("SELECT * FROM sync_fork('bob-1', 'm-2', '" + ids + "')"));
  world.check_refused(world.mallory.ask("SELECT * FROM sync_fork('m-1', 'bob-1', '" + ids + "')"));
}

TEST_CASE("a client list shows nobody else's clients") {
  World world;
  CHECK(world.mallory.rows("SELECT count(*) FROM sync_clients()") == "0");
  CHECK(world.bob.rows("SELECT client_id FROM sync_clients()") == "bob-1");
}

TEST_CASE("what only the operator may call is refused to who may sync") {
  World world;
  for (const char* call :
       {"sync_prune('0')", "sync_new_epoch()", "sync_forget_client('bob-1')", "sync_status()",
        "sync_grant('mallory')", "sync_revoke('bob')", "objectos_sync.settle_restored()",
        "sync_enable('staff')", "sync_disable('staff')", "objectos_sync.checkpoint_bound('0')"}) {
    CAPTURE(call);
    world.check_refused(world.mallory.ask(std::string("SELECT * FROM ") + call));
  }
}

TEST_CASE("the extension's tables, its secret and its sequences are closed to who may sync") {
  World world;
  for (const char* table :
       {"state", "objects", "shapes", "partitions", "mutations", "clients", "verdicts", "conflicts",
        "field_clocks", "samples", "tombstones", "text_ops"}) {
    CAPTURE(table);
    const std::string name = std::string("objectos_sync.") + table;
    for (const std::string& statement :
         {"SELECT * FROM " + name, "DELETE FROM " + name, "TRUNCATE " + name,
          "COPY " + name + " TO STDOUT",
          "CREATE TRIGGER t BEFORE INSERT ON " + name + " EXECUTE FUNCTION objectos_sync.stamp()"})
      world.check_refused(world.mallory.ask(statement));
  }
  for (const char* statement : {"SELECT * FROM objectos_sync.client_progress",
                                "SELECT setval('objectos_sync.version_seq', 1)",
                                "SELECT nextval('objectos_sync.mutation_sequence')",
                                "SELECT setval('objectos_sync.mutation_sequence', 1)",
                                "ALTER SEQUENCE objectos_sync.version_seq RESTART",
                                "CREATE TABLE objectos_sync.mine (id int)"})
    world.check_refused(world.mallory.ask(statement));
}

TEST_CASE("forged checkpoints are errors or skip what is one's own to skip, and never show more") {
  World world;
  const std::string bobs = World::checkpoint(world.bob, "bob-1");
  std::vector<std::string> forged = {bobs,  bobs + "x", "-1", "999999", "0x10",
                                     "1e3", " 0",       "0 ", "00",     std::string(100, '9')};
  for (std::size_t at = 0; at < bobs.size(); ++at) {
    for (const char other : {'0', '9', 'f', ':'}) {
      if (bobs[at] == other) continue;
      forged.push_back(bobs);
      forged.back()[at] = other;
    }
    forged.push_back(bobs.substr(0, at));
  }
  int taken = 0;
  for (const std::string& text : forged) {
    const Answer answer = world.mallory.ask("SELECT * FROM sync_pull('m', '" + text + "')");
    CAPTURE(text);
    CHECK_FALSE(answer.has("secret"));
    CHECK_FALSE(answer.has("47114711"));
    if (answer.state.empty()) ++taken;
    CHECK_MESSAGE((answer.state.empty() || answer.state.substr(0, 2) == "OS"), answer.message);
  }
  CHECK(taken > 0);  // Bob's own, among others
}

TEST_CASE("a checkpoint of an epoch that is over is refused, whoever pulls with it") {
  World world;
  const std::string old = World::checkpoint(world.bob, "bob-1");
  world.server.exec("SELECT sync_new_epoch()");
  for (Session* session : {&world.mallory, &world.bob}) {
    const std::string client = session == &world.bob ? "bob-1" : "m";
    CHECK(session->ask("SELECT * FROM sync_pull('" + client + "', '" + old + "')").state ==
          "OS001");
  }
}

TEST_CASE("a stored checkpoint that is no checkpoint holds back no pruning") {
  World world;
  for (const char* text : {"garbage", "9999999999999999999999", "-5", "\\u0041"}) {
    world.mallory.ask(std::string("SELECT sync_ack('{\"client_id\":\"m\",\"last_sync\":null,"
                                  "\"checkpoint\":\"") +
                      text + "\",\"confirmed\":0}')");
    CHECK(world.server.exec("SELECT sync_prune('0') IS NOT NULL") == "t");
  }
}

TEST_CASE("who may not sync at all is refused every function of it") {
  World world;
  world.server.exec("SELECT sync_revoke('mallory')");
  const std::string callable = world.server.exec(
      "SELECT string_agg(p.proname, ' ' ORDER BY p.proname) FROM pg_proc p JOIN pg_depend d ON"
      " d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e' JOIN pg_extension e"
      " ON e.oid = d.refobjid AND e.extname = 'objectos_sync'"
      " WHERE has_function_privilege('mallory', p.oid, 'EXECUTE')");
  CHECK(callable == "capture capture_row json_form stamp sync_user_id touch_dependents");
}
