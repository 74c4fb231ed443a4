// Two sides, one truth: what must hold whatever is interrupted.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <fstream>

#include "objectos/sync_engine.h"
#include "tests/e2e/support.h"

using namespace e2e;

namespace {

constexpr const char* kServerRows =
    "SELECT coalesce(string_agg(id || '|' || coalesce(name, '-') || '|' || _version, ',' ORDER BY "
    "id), '') FROM contacts";
constexpr const char* kLocalRows =
    "SELECT coalesce(group_concat(row, ','), '') FROM (SELECT id || '|' || coalesce(name, '-') || "
    "'|' || _version AS row FROM contacts ORDER BY id)";

struct World {
  Server server;
  Directory directory;
  std::string phone = directory.file("phone.db");

  World() {
    server.exec("CREATE TABLE contacts (id int PRIMARY KEY, name text)");
    server.exec("SELECT sync_enable('contacts')");
    server.exec("INSERT INTO contacts VALUES (1, 'Ada'), (2, 'Grace'), (3, 'Edsger')");
  }
  void clone(const std::string& file) {
    Ended ended = command("clone " + shell_quoted(server.conninfo()) + " " + shell_quoted(file));
    REQUIRE_MESSAGE(ended.code == 0, ended.output);
  }
  void sync(const std::string& file) {
    Ended ended = command("sync " + shell_quoted(file));
    REQUIRE_MESSAGE(ended.code == 0, ended.output);
  }
  void check_same(const std::string& file) {
    CHECK(local(file, kLocalRows) == server.exec(kServerRows));
  }
};

}  // namespace

TEST_CASE("an edit made while the server is away is queued and synced when it is back") {
  World world;
  world.clone(world.phone);
  local(world.phone, "UPDATE contacts SET name = 'Ada L.' WHERE id = 1");
  Ended away = command("sync " + shell_quoted(world.phone) + " --server 'host=/nonexistent'");
  CHECK(away.code == 2);
  CHECK(local(world.phone, "SELECT count(*) FROM _mutations") == "1");
  world.sync(world.phone);
  CHECK(world.server.exec("SELECT name FROM contacts WHERE id = 1") == "Ada L.");
  world.check_same(world.phone);
}

TEST_CASE("psql, COPY-like bulk, cascades, triggers and TRUNCATE all reach the client") {
  World world;
  world.server.exec(
      "CREATE TABLE calls (id int PRIMARY KEY, contact int REFERENCES contacts "
      "ON DELETE CASCADE)");
  world.server.exec("SELECT sync_enable('calls')");
  world.server.exec("INSERT INTO calls VALUES (10, 1), (20, 2)");
  world.clone(world.phone);
  world.server.exec("UPDATE contacts SET name = 'psql' WHERE id = 2");
  world.server.exec("DELETE FROM contacts WHERE id = 1");
  world.server.exec("INSERT INTO contacts SELECT i, 'n' || i FROM generate_series(100, 400) i");
  world.sync(world.phone);
  world.check_same(world.phone);
  CHECK(local(world.phone, "SELECT group_concat(id) FROM calls") == "20");
  world.server.exec("TRUNCATE calls");
  world.sync(world.phone);
  CHECK(local(world.phone, "SELECT count(*) FROM calls") == "0");
}

TEST_CASE("killed at any step of a sync, the next one loses nothing and does nothing twice") {
  for (const char* step :
       {"push_before_send", "push_answered", "push_verdicts_stored", "round_begun", "round_page",
        "round_received", "round_before_commit", "round_after_commit", "ack_before", "ack_after"}) {
    CAPTURE(step);
    World world;
    world.clone(world.phone);
    local(world.phone, "INSERT INTO contacts (id, name) VALUES (9, 'new')");
    local(world.phone, "UPDATE contacts SET name = 'edited' WHERE id = 2");
    local(world.phone, "DELETE FROM contacts WHERE id = 3");
    world.server.exec("UPDATE contacts SET name = 'by psql' WHERE id = 1");
    Ended killed = command("sync " + shell_quoted(world.phone), step);
    CHECK(killed.signal == SIGKILL);
    world.sync(world.phone);
    world.sync(world.phone);
    world.check_same(world.phone);
    CHECK(world.server.exec("SELECT string_agg(id || name, ',' ORDER BY id) FROM contacts") ==
          "1by psql,2edited,9new");
    CHECK(local(world.phone, "SELECT count(*) FROM _mutations") == "0");
    CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.mutations WHERE "
                            "client_sequence IS NOT NULL") == "3");
  }
}

TEST_CASE("two devices that edit different fields of many records converge") {
  World world;
  std::string tablet = world.directory.file("tablet.db");
  world.clone(world.phone);
  world.clone(tablet);
  local(world.phone, "UPDATE contacts SET name = 'phone' WHERE id = 1");
  local(tablet, "UPDATE contacts SET name = 'tablet' WHERE id = 2");
  local(tablet, "INSERT INTO contacts (id, name) VALUES (4, 'Barbara')");
  for (const std::string& file : {world.phone, tablet, world.phone}) world.sync(file);
  world.check_same(world.phone);
  world.check_same(tablet);
}

TEST_CASE("10,000 records clone in 5 s and 100 mutations sync in 500 ms") {
  World world;
  world.server.exec("INSERT INTO contacts SELECT i, 'n' FROM generate_series(10, 10009) i");
  objectos::SyncEngine engine({.database = world.phone, .server = world.server.conninfo()});
  auto begun = std::chrono::steady_clock::now();
  engine.clone();
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
  local(world.phone, "UPDATE contacts SET name = 'm' WHERE id BETWEEN 10 AND 109");
  begun = std::chrono::steady_clock::now();
  auto result = engine.sync_now();
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(500));
  CHECK(result.verdicts.size() == 100);
  world.check_same(world.phone);
}

TEST_CASE("the command answers bad input with a documented exit code and does nothing") {
  Directory directory;
  std::string file = directory.file("foreign.db");
  std::ofstream(file) << "no database";
  CHECK(command("frobnicate").code == 1);
  CHECK(command("sync").code == 1);
  CHECK(command("sync " + shell_quoted(directory.file("missing.db"))).code == 5);
  CHECK(command("status " + shell_quoted(file)).code == 5);
  std::string fresh = directory.file("fresh.db");
  Ended away = command("clone 'host=/nonexistent password=geheim' " + shell_quoted(fresh));
  CHECK(away.code == 2);
  CHECK(away.output.find("geheim") == std::string::npos);
  CHECK(!std::filesystem::exists(fresh));
  CHECK(command("clone 'nonsense here' " + shell_quoted(fresh)).code == 1);
}
