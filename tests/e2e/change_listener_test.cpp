// What on_change() tells. Race: local programs write while rounds are applied. Invariants: each
// change once, with the row before and after it; per record in the order of the commits.
#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <thread>

#include "tests/e2e/listener_world.h"

using namespace e2e;
using namespace std::chrono_literals;
using objectos::Change;
using objectos::SyncEngine;

TEST_CASE("a change by the server is told once, with the row before and after it") {
  Contacts world;
  SyncEngine engine(world.options());
  engine.clone();
  Heard<Change> heard;
  auto token = engine.on_change("contacts", heard.listener());
  world.server.exec("UPDATE contacts SET city = 'Paris' WHERE id = 1");
  world.server.exec("UPDATE contacts SET name = 'Ada L.' WHERE id = 1");
  world.server.exec("DELETE FROM contacts WHERE id = 2");
  world.server.exec("INSERT INTO contacts VALUES (3, 'Jean', NULL)");
  engine.sync_now();
  REQUIRE(engine.drain(20s));
  CHECK(lines(heard.all()) ==
        std::vector<std::string>{
            "remote update 1 {\"id\":1,\"name\":\"Ada\",\"city\":\"London\"} -> "
            "{\"id\":1,\"name\":\"Ada L.\",\"city\":\"Paris\"}",
            "remote delete 2 {\"id\":2,\"name\":\"Grace\",\"city\":\"New York\"} -> ",
            "remote insert 3  -> {\"id\":3,\"name\":\"Jean\",\"city\":null}"});
  CHECK(heard.all()[0].version.has_value());
  engine.sync_now();
  REQUIRE(engine.drain(20s));
  CHECK(heard.all().size() == 3);
}

TEST_CASE("another program's write is told as local, and its way through the server is no news") {
  Contacts world;
  SyncEngine engine(world.options());
  engine.clone();
  local(world.phone, "UPDATE contacts SET city = 'before anybody listened' WHERE id = 2");
  Heard<Change> heard;
  auto token = engine.on_change("", heard.listener());
  local(world.phone,
        "BEGIN; UPDATE contacts SET city = 'Rome' WHERE id = 1; UPDATE contacts SET city = 'Oslo' "
        "WHERE id = 1; INSERT INTO contacts (id, name) VALUES (9, 'Nina'); DELETE FROM contacts "
        "WHERE id = 9; COMMIT");
  const std::vector<std::string> told = {
      "local update 1 {\"id\":1,\"name\":\"Ada\",\"city\":\"London\"} -> "
      "{\"id\":1,\"name\":\"Ada\",\"city\":\"Rome\"}",
      "local update 1 {\"id\":1,\"name\":\"Ada\",\"city\":\"Rome\"} -> "
      "{\"id\":1,\"name\":\"Ada\",\"city\":\"Oslo\"}",
      "local insert 9  -> {\"id\":9,\"name\":\"Nina\",\"city\":null}",
      "local delete 9 {\"id\":9,\"name\":\"Nina\",\"city\":null} -> "};
  CHECK(lines(heard.wait_for(4)) == told);
  engine.sync_now();
  engine.sync_now();
  REQUIRE(engine.drain(20s));
  CHECK(lines(heard.all()) == told);
}

TEST_CASE("a write that a sync overtakes is still told, before what the sync brings") {
  Contacts world;
  objectos::Options options = world.options();
  options.timing.watch_interval = 60s;  // only the sync itself can find it
  SyncEngine engine(options);
  engine.clone();
  Heard<Change> heard;
  auto token = engine.on_change("", heard.listener());
  heard.all();
  local(world.phone, "UPDATE contacts SET name = 'Local' WHERE id = 1");
  world.server.exec("UPDATE contacts SET city = 'Remote' WHERE id = 1");
  engine.sync_now();
  REQUIRE(engine.drain(20s));
  const auto told = lines(heard.all());
  REQUIRE(told.size() == 2);
  CHECK(told[0].substr(0, 14) == "local update 1");
  CHECK(told[1] ==
        "remote update 1 {\"id\":1,\"name\":\"Local\",\"city\":\"London\"} -> "
        "{\"id\":1,\"name\":\"Local\",\"city\":\"Remote\"}");
}

TEST_CASE("a record that leaves the client's view is told as removed, a truncate as one event") {
  Contacts world;
  const std::string role = "reader_" + std::to_string(getpid());
  world.server.exec("CREATE ROLE " + role + " LOGIN");
  world.server.exec("SELECT sync_grant('" + role + "')");
  world.server.exec("GRANT SELECT, UPDATE ON contacts TO " + role);
  world.server.exec("ALTER TABLE contacts ENABLE ROW LEVEL SECURITY");
  world.server.exec("CREATE POLICY p ON contacts USING (city <> 'hidden')");
  objectos::Options options = world.options();
  options.server += " user=" + role;  // the last one counts
  SyncEngine engine(options);
  engine.clone();
  Heard<Change> heard;
  auto token = engine.on_change("", heard.listener());
  world.server.exec("UPDATE contacts SET city = 'hidden' WHERE id = 2");
  engine.sync_now();
  REQUIRE(engine.drain(20s));
  CHECK(lines(heard.all()) ==
        std::vector<std::string>{
            "remote removed 2 {\"id\":2,\"name\":\"Grace\",\"city\":\"New York\"} -> "});
  world.server.exec("TRUNCATE contacts");
  engine.sync_now();
  REQUIRE(engine.drain(20s));
  REQUIRE(heard.all().size() == 2);
  CHECK(line(heard.all()[1]) == "remote truncate   -> ");
}

TEST_CASE("a rejected edit is told twice: with the reason, and as the row going back") {
  Contacts world;
  world.server.exec("ALTER TABLE contacts ADD CHECK (city <> 'Atlantis')");
  SyncEngine engine(world.options());
  engine.clone();
  Heard<Change> heard;
  Heard<objectos::RejectedMutation> rejections;
  auto changes = engine.on_change("", heard.listener());
  auto rejected = engine.on_rejection(rejections.listener());
  local(world.phone, "UPDATE contacts SET city = 'Atlantis' WHERE id = 1");
  engine.sync_now();
  REQUIRE(engine.drain(20s));
  const auto told = lines(heard.all());
  REQUIRE(told.size() == 2);
  CHECK(told[1] ==
        "remote update 1 {\"id\":1,\"name\":\"Ada\",\"city\":\"Atlantis\"} -> "
        "{\"id\":1,\"name\":\"Ada\",\"city\":\"London\"}");
  REQUIRE(rejections.all().size() == 1);
  CHECK(rejections.all()[0].before.find("Atlantis") != std::string::npos);
  CHECK(rejections.all()[0].after.find("London") != std::string::npos);
}

TEST_CASE("a copied file that goes on under a new name tells none of its waiting edits again") {
  Contacts world;
  SyncEngine(world.options()).clone();
  local(world.phone, "PRAGMA wal_checkpoint(TRUNCATE)");
  const std::string copy = world.directory.file("copy.db");
  std::filesystem::copy_file(world.phone, copy);
  local(world.phone, "UPDATE contacts SET city = 'phone' WHERE id = 1");
  SyncEngine(world.options()).sync_now();
  objectos::Options options = world.options();
  options.database = copy;
  SyncEngine engine(options);
  Heard<Change> heard;
  auto token = engine.on_change("", heard.listener());
  local(copy, "UPDATE contacts SET city = 'copy' WHERE id = 2");
  REQUIRE(heard.wait_for(1).size() == 1);
  REQUIRE(engine.sync_now().forked);
  engine.sync_now();
  engine.stop();
  int told = 0;
  for (const Change& change : heard.all()) told += change.origin == objectos::Origin::local;
  CHECK(told == 1);
}

TEST_CASE("writers, a server and syncs at once: every write is told once, in order per record") {
  Contacts world;
  SyncEngine engine(world.options());
  engine.clone();
  world.server.exec("INSERT INTO contacts SELECT i, 'n', '0' FROM generate_series(10, 19) i");
  engine.sync_now();
  Heard<Change> heard;
  auto token = engine.on_change("contacts", heard.listener());
  constexpr int kWrites = 60;
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 1; i <= kWrites; ++i) {
      local(world.phone, "UPDATE contacts SET name = 'w" + std::to_string(i) +
                             "' WHERE id = " + std::to_string(10 + i % 10));
    }
    done = true;
  });
  for (int i = 1; !done || i < 5; ++i) {
    world.server.exec("UPDATE contacts SET city = '" + std::to_string(i) + "' WHERE id >= 10");
    engine.sync_now();
  }
  writer.join();
  engine.sync_now();
  engine.stop();
  std::map<std::string, std::string> last;
  int local_writes = 0;
  for (const Change& change : heard.all()) {
    if (change.origin == objectos::Origin::local) ++local_writes;
    if (last.count(change.record_id) != 0) CHECK(last[change.record_id] == change.before);
    last[change.record_id] = change.after;
  }
  CHECK(local_writes == kWrites);
  for (const auto& [id, row] : last) {
    CHECK(row == local(world.phone,
                       "SELECT json_object('id', id, 'name', name, 'city', city) FROM contacts "
                       "WHERE id = " +
                           id));
  }
}
