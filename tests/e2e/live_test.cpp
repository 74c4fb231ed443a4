// The live loop: what is committed on the server arrives at once, what is written here, by whatever
// program, is sent at once; in between it sleeps.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "tests/e2e/live_world.h"
#include "tests/e2e/replica.h"

using namespace e2e;
using namespace std::chrono_literals;
using objectos::Live;
using objectos::SyncEngine;

TEST_CASE("a live engine shows a commit of the server without waiting for any interval") {
  LiveContacts world;
  SyncEngine engine(world.live());
  engine.start();
  REQUIRE(settles(engine));
  Heard<objectos::Change> heard;
  auto token = engine.on_change("contacts", heard.listener());
  world.server.exec("UPDATE contacts SET name = 'news' WHERE id = 1");
  CHECK(heard.wait_for(1).size() == 1);
  CHECK(world.name_of(1) == "news");
  world.server.exec("DELETE FROM contacts WHERE id = 2");
  CHECK(heard.wait_for(2).back().operation == "delete");
}

TEST_CASE("from commit on the server to row in SQLite it takes less than 100 ms") {
  LiveContacts world;
  SyncEngine engine(world.live());
  engine.start();
  REQUIRE(settles(engine));
  sqlite3* reader = nullptr;
  REQUIRE(sqlite3_open(world.phone.c_str(), &reader) == SQLITE_OK);
  sqlite3_busy_timeout(reader, 10'000);
  const auto count = [&] {
    std::string found;
    const auto take = [](void* target, int, char** values, char**) {
      *static_cast<std::string*>(target) = values[0];
      return 0;
    };
    sqlite3_exec(reader, "SELECT count(*) FROM contacts", take, &found, nullptr);
    return std::stoi(found);
  };
  std::vector<std::chrono::microseconds> took;
  for (int i = 0; i < 41; ++i) {
    world.server.exec("INSERT INTO contacts VALUES (" + std::to_string(100 + i) + ", 'x')");
    const auto committed = std::chrono::steady_clock::now();
    const int wanted = 3 + i;
    REQUIRE(comes_true([&] {
      for (int look = 0; look < 200; ++look) {
        if (count() == wanted) return true;
        std::this_thread::yield();
      }
      return count() == wanted;
    }));
    took.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - committed));
  }
  sqlite3_close(reader);
  std::sort(took.begin(), took.end());
  MESSAGE("median ", took[20].count(), " us, most ", took.back().count(), " us");
  CHECK(took[20] < 100ms);
}

TEST_CASE("what another program writes into the file is sent at once") {
  LiveContacts world;
  SyncEngine engine(world.live());
  engine.start();
  REQUIRE(settles(engine));
  for (const std::string name : {"one", "two", "three"}) {
    world.edit_elsewhere("UPDATE contacts SET name = '" + name + "' WHERE id = 1");
    CHECK(comes_true(
        [&] { return world.server.exec("SELECT name FROM contacts WHERE id = 1") == name; }));
  }
  CHECK(comes_true([&] { return leftovers(world.phone, "contacts") == kNoLeftovers; }));
}

TEST_CASE("a live push that meets a table of another shape waits until the file has it, too") {
  LiveContacts world;
  world.answer_listeners("commit");  // who tells of nothing
  SyncEngine engine(world.live());
  engine.start();
  REQUIRE(settles(engine));
  world.server.exec("ALTER TABLE contacts RENAME COLUMN name TO title");
  world.edit_elsewhere("UPDATE contacts SET name = 'by its old name' WHERE id = 1");
  CHECK(comes_true([&] {
    return world.server.exec("SELECT title FROM contacts WHERE id = 1") == "by its old name";
  }));
  CHECK(engine.rejections().empty());
  CHECK(local(world.phone, "SELECT title FROM contacts WHERE id = 1") == "by its old name");
}

TEST_CASE("what was pushed live leaves the queue also when nobody tells of it") {
  LiveContacts world;
  world.answer_listeners("commit");
  SyncEngine engine(world.live());
  engine.start();
  REQUIRE(settles(engine));
  world.edit_elsewhere("UPDATE contacts SET name = 'sent' WHERE id = 1");
  CHECK(comes_true([&] { return leftovers(world.phone, "contacts") == kNoLeftovers; }));
  CHECK(world.server.exec("SELECT name FROM contacts WHERE id = 1") == "sent");
  // With the acknowledgement, which follows within a second.
  CHECK(comes_true(
      [&] { return world.server.exec("SELECT count(*) FROM objectos_sync.verdicts") == "0"; }));
}

TEST_CASE("where the system does not tell of writes, the loop looks now and then") {
  LiveContacts world;
  setenv("OBJECTOS_NO_FILE_SIGNAL", "1", 1);
  SyncEngine engine(world.live());
  engine.start();
  const bool settled = settles(engine);
  world.edit_elsewhere("UPDATE contacts SET name = 'seen' WHERE id = 1");
  const bool sent = comes_true(
      [&] { return world.server.exec("SELECT name FROM contacts WHERE id = 1") == "seen"; });
  engine.stop();
  unsetenv("OBJECTOS_NO_FILE_SIGNAL");
  CHECK(settled);
  CHECK(sent);
}

TEST_CASE("many local writes in a row are few pushes") {
  LiveContacts world;
  world.count_calls();
  objectos::Options options = world.live();
  options.timing.live_push_delay = 50ms;
  {
    SyncEngine engine(options);
    engine.start();
    REQUIRE(settles(engine));
    for (int i = 0; i < 200; ++i)
      local(world.phone,
            "INSERT INTO contacts (id, name) VALUES (" + std::to_string(100 + i) + ", 'x')");
    CHECK(comes_true([&] { return world.server.exec("SELECT count(*) FROM contacts") == "202"; }));
    REQUIRE(settles(engine));
  }
  CHECK(comes_true([&] { return world.calls("^sync_push") > 0; }));
  CHECK(world.calls("^sync_push") < 100);
}

TEST_CASE("neither a push nor a pull echoes") {
  LiveContacts world;
  world.count_calls();
  {
    SyncEngine engine(world.live());
    engine.start();
    REQUIRE(settles(engine));
    world.edit_elsewhere("UPDATE contacts SET name = 'one' WHERE id = 1");
    CHECK(comes_true(
        [&] { return world.server.exec("SELECT name FROM contacts WHERE id = 1") == "one"; }));
    world.server.exec("UPDATE contacts SET name = 'two' WHERE id = 1");
    CHECK(comes_true([&] { return world.name_of(1) == "two"; }));
    std::this_thread::sleep_for(2s);  // in which it would
  }
  CHECK(comes_true([&] { return world.calls("^sync_pull") > 0; }));
  // Two whole syncs of settles(), the push's, its notification, the server's; and one to spare.
  CHECK(world.calls("^sync_pull") <= 8);
  CHECK(world.calls("^sync_push") == 1);
}

TEST_CASE("an idle live engine asks the server nothing and does not spin") {
  LiveContacts world;
  SyncEngine engine(world.live());
  Heard<objectos::Change> heard;
  auto token = engine.on_change("", heard.listener());
  engine.start();
  REQUIRE(settles(engine));
  world.server.exec("UPDATE contacts SET name = 'last' WHERE id = 1");
  REQUIRE(heard.wait_for(1).size() == 1);
  REQUIRE(
      comes_true([&] { return world.session("query ~ 'sync_ack' AND state = 'idle'") == "t"; }));
  const std::string before = world.session("query_start || ' ' || state_change");
  const std::clock_t used = std::clock();
  std::this_thread::sleep_for(3s);  // in which it would
  CHECK((std::clock() - used) * 1'000 / CLOCKS_PER_SEC < 300);
  CHECK(world.session("query_start || ' ' || state_change") == before);
  CHECK(engine.status().live == Live::listening);
}

TEST_CASE("two live engines hear of each other's edits") {
  LiveContacts world;
  objectos::Options options = world.live();
  options.database = world.directory.file("tablet.db");
  SyncEngine tablet(options);
  tablet.clone();
  SyncEngine phone(world.live());
  tablet.start();
  phone.start();
  REQUIRE(settles(tablet));
  REQUIRE(settles(phone));
  const auto name_there = [&] {
    return local(options.database, "SELECT name FROM contacts WHERE id = 1");
  };
  world.edit_elsewhere("UPDATE contacts SET name = 'of the phone' WHERE id = 1");
  CHECK(comes_true([&] { return name_there() == "of the phone"; }));
  local(options.database, "UPDATE contacts SET name = 'of the tablet' WHERE id = 1");
  CHECK(comes_true([&] { return world.name_of(1) == "of the tablet"; }));
  CHECK(broken_records(world.phone) == "");
  CHECK(broken_records(options.database) == "");
}

TEST_CASE("while it is paused a live loop exchanges nothing, and at resume() everything") {
  LiveContacts world;
  SyncEngine engine(world.live());
  engine.start();
  REQUIRE(settles(engine));
  engine.pause();
  REQUIRE(comes_true([&] { return engine.status().phase == objectos::Phase::paused; }));
  world.server.exec("UPDATE contacts SET name = 'news' WHERE id = 1");
  world.edit_elsewhere("UPDATE contacts SET name = 'mine' WHERE id = 2");
  std::this_thread::sleep_for(500ms);  // in which it would
  CHECK(world.name_of(1) == "Ada");
  CHECK(world.server.exec("SELECT name FROM contacts WHERE id = 2") == "Grace");
  engine.resume();
  CHECK(comes_true([&] { return world.name_of(1) == "news"; }));
  CHECK(comes_true(
      [&] { return world.server.exec("SELECT name FROM contacts WHERE id = 2") == "mine"; }));
}

TEST_CASE("sync_now() of other threads and a live loop work on one connection") {
  LiveContacts world;
  SyncEngine engine(world.live());
  engine.start();
  REQUIRE(settles(engine));
  std::thread threads[2];
  for (std::thread& thread : threads)
    thread = std::thread([&] {
      for (int i = 0; i < 20; ++i) engine.sync_now();
    });
  for (int i = 0; i < 100; ++i)
    world.server.exec("INSERT INTO contacts VALUES (" + std::to_string(100 + i) + ", 'x')");
  for (std::thread& thread : threads) thread.join();
  CHECK(comes_true([&] { return local(world.phone, "SELECT count(*) FROM contacts") == "102"; }));
  engine.stop();
  engine.sync_now();
  CHECK(engine.status().live == Live::off);
}
