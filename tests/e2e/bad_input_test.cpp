// What is wrong is said by code and sentence, and leaves nothing half done: the queue is intact,
// the server holds what it held, and the next sync goes on as if nothing had been.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

struct World : Synced {
  World() {
    server.exec("CREATE TABLE notes (id text PRIMARY KEY, body text, email text UNIQUE)");
    server.exec("SELECT sync_enable('notes')");
    server.exec("INSERT INTO notes VALUES ('a', 'first', 'a@x'), ('b', 'second', 'b@x')");
  }
  void check_same() {
    CHECK(local_rows(phone, "notes", {"id", "body", "email"}) ==
          server_rows(server, "notes", {"id", "body", "email"}));
    CHECK(broken_records(phone) == "");
  }
  std::string queued() { return local(phone, "SELECT count(*) FROM _mutations"); }
};

void check_refused(const Ended& ended, int code, const std::vector<std::string>& sentences) {
  CHECK_MESSAGE(ended.code == code, ended.output);
  for (const std::string& sentence : sentences)
    CHECK_MESSAGE(ended.output.find(sentence) != std::string::npos, ended.output);
}

}  // namespace

// trap: poisoned-mutation
TEST_CASE("an edit of an object that is no longer enabled is rejected by name; the rest goes on") {
  World world;
  world.server.exec("CREATE TABLE other (id int PRIMARY KEY, v text)");
  world.server.exec("SELECT sync_enable('other')");
  REQUIRE(world.clone().code == 0);
  local(world.phone, "UPDATE notes SET body = 'lost' WHERE id = 'a'");
  local(world.phone, "INSERT INTO other (id, v) VALUES (1, 'kept')");
  world.server.exec("SELECT sync_disable('notes')");
  check_refused(world.sync(), 3,
                {"rejected  update notes a  (unknown_object)", "there is no object notes",
                 "applied  insert other 1"});
  CHECK(world.server.exec("SELECT body FROM notes WHERE id = 'a'") == "first");
  CHECK(world.server.exec("SELECT v FROM other") == "kept");
  CHECK(world.queued() == "0");
  CHECK(local(world.phone, "SELECT count(*) FROM sqlite_master WHERE name = 'notes'") == "0");
}

// trap: unique-taken
TEST_CASE("a taken key and a taken unique value are rejected, each with its reason and sentence") {
  World world;
  REQUIRE(world.clone().code == 0);
  world.server.exec("INSERT INTO notes VALUES ('c', 'theirs', 'c@x')");
  local(world.phone, "INSERT INTO notes (id, body) VALUES ('c', 'ours')");
  local(world.phone, "INSERT INTO notes (id, email) VALUES ('d', 'a@x')");
  local(world.phone, "UPDATE notes SET body = 'fine' WHERE id = 'b'");
  check_refused(world.sync(), 3,
                {"rejected  insert notes c  (version_mismatch)",
                 "rejected  insert notes d  (constraint_violation)",
                 "duplicate key value violates unique constraint \"notes_email_key\"",
                 "applied  update notes b"});
  CHECK(world.server.exec("SELECT body FROM notes WHERE id = 'c'") == "theirs");
  CHECK(world.pushed() == "1");
  world.check_same();
}

// trap: silent-compensation
TEST_CASE("a value of the wrong type is rejected with field and sentence, and the row goes back") {
  World world;
  world.server.exec("CREATE TABLE sized (id int PRIMARY KEY, size int, at timestamptz)");
  world.server.exec("SELECT sync_enable('sized')");
  world.server.exec("INSERT INTO sized VALUES (1, 10, '2026-01-01Z')");
  REQUIRE(world.clone().code == 0);
  local(world.phone, "UPDATE sized SET size = 'large' WHERE id = 1");
  local(world.phone, "UPDATE sized SET at = 'noon' WHERE id = 1");
  check_refused(world.sync(), 3,
                {"rejected  update sized 1  (invalid_mutation)",
                 "invalid input syntax for type integer: \"large\""});
  CHECK(local(world.phone, "SELECT size FROM sized") == "10");
  CHECK(world.server.exec("SELECT size FROM sized") == "10");
  CHECK(world.queued() == "0");
}

TEST_CASE("a checkpoint that was edited is noticed, the replica read anew, and the queue kept") {
  World world;
  REQUIRE(world.clone().code == 0);
  local(world.phone, "UPDATE notes SET body = 'offline' WHERE id = 'a'");
  local(world.phone, "UPDATE _sync_state SET checkpoint = 'os1.nonsense'");
  world.server.exec("DELETE FROM notes WHERE id = 'b'");
  check_refused(world.sync(), 0, {"The replica was read anew"});
  CHECK(world.server.exec("SELECT body FROM notes WHERE id = 'a'") == "offline");
  world.check_same();
}

TEST_CASE("a database without the extension is refused with the statement that is missing") {
  World world;
  Ended ended = command("clone " +
                        shell_quoted(std::string("host=") + std::getenv("PGHOST") +
                                     " user=postgres dbname=template1") +
                        " " + world.file);
  check_refused(ended, 7,
                {"The database has no extension objectos_sync. [extension_missing]",
                 "CREATE EXTENSION objectos_sync"});
  CHECK_FALSE(std::filesystem::exists(world.phone));
}

TEST_CASE(
    "the server ends the session in the middle of a push: code 2, and the edit is sent once") {
  World world;
  REQUIRE(world.clone().code == 0);
  world.server.exec(
      "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(30); RETURN NEW; END $$");
  world.server.exec(
      "CREATE TRIGGER die BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION die()");
  local(world.phone, "UPDATE notes SET body = 'once' WHERE id = 'a'");
  check_refused(world.sync(), 2, {"terminating connection", "queued edits"});
  CHECK(world.queued() == "1");
  CHECK(world.pushed() == "0");
  CHECK(local(world.phone, "SELECT body FROM notes WHERE id = 'a'") == "once");
  world.server.exec("DROP TRIGGER die ON notes");
  CHECK(world.sync().code == 0);
  CHECK(world.pushed() == "1");
  world.check_same();
}

TEST_CASE("the server ends the session in the middle of a pull: code 2, and nothing of the round") {
  World world;
  REQUIRE(world.clone().code == 0);
  world.server.exec("UPDATE notes SET body = 'newer'");
  const std::string before = local(world.phone, "SELECT checkpoint FROM _sync_state");
  Ended ended;
  {
    PGconn* locker = PQconnectdb(world.server.conninfo().c_str());
    PQclear(PQexec(locker, "BEGIN; LOCK TABLE notes"));
    std::thread pulling([&] { ended = command("pull " + world.file); });
    for (int i = 0; i < 1200; ++i) {
      if (world.server.exec("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                            "wait_event_type = 'Lock' AND datname = current_database()") != "0")
        break;
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    pulling.join();
    PQfinish(locker);
  }
  check_refused(ended, 2, {"terminating connection"});
  CHECK(local(world.phone, "SELECT checkpoint FROM _sync_state") == before);
  CHECK(local(world.phone, "SELECT body FROM notes WHERE id = 'a'") == "first");
  CHECK(command("pull " + world.file).code == 0);
  world.check_same();
}
