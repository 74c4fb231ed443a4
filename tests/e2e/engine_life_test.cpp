// Starting, pausing and stopping, in whatever phase; what status and progress say meanwhile; where
// callbacks run. Race: stop() against an exchange. Invariant: stop() returns while the network
// holds every byte, and the next sync ends what was begun, once.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/e2e/faulty_network.h"
#include "tests/e2e/listener_world.h"
#include "tests/e2e/replica.h"

using namespace e2e;
using namespace std::chrono_literals;
using objectos::Phase;
using objectos::SyncEngine;

namespace {

struct Slow : Contacts {
  FaultyNetwork network;

  void slow_down(bool slow) {
    Weather weather;
    weather.bytes_per_second = slow ? 20'000 : 0;
    network.set_weather(weather);
  }
  objectos::Options through() const {
    objectos::Options made = options();
    made.server = network.conninfo(server.conninfo());
    made.frames = objectos::Frames::off;  // more bytes
    made.page_mutations = 10;
    return made;
  }
  void edit_both_sides() {
    server.exec("INSERT INTO contacts SELECT i, repeat('s', 500) FROM generate_series(100, 199) i");
    local(phone,
          "WITH RECURSIVE n(i) AS (SELECT 300 UNION ALL SELECT i + 1 FROM n WHERE i < 399) INSERT "
          "INTO contacts (id, name) SELECT i, hex(zeroblob(250)) FROM n");
  }
};

// True when it was seen; the phase may pass quickly.
bool reached(SyncEngine& engine, Phase phase) {
  for (int i = 0; i < 20'000; ++i) {
    if (engine.progress().phase == phase) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

}  // namespace

TEST_CASE("stop() ends the loop in any phase, also when the network holds every byte") {
  for (Phase phase :
       {Phase::connecting, Phase::pushing, Phase::pulling, Phase::acknowledging, Phase::waiting}) {
    CAPTURE(objectos::phase_name(phase));
    Slow world;
    SyncEngine(world.options()).clone();
    world.edit_both_sides();
    {
      SyncEngine engine(world.through());
      if (phase == Phase::connecting) world.network.hold(true);
      world.slow_down(phase != Phase::connecting && phase != Phase::waiting);
      engine.start();
      if (phase == Phase::waiting) {
        CHECK(engine.wait_until_synced(20s));
      } else {
        REQUIRE(reached(engine, phase));
      }
      world.network.hold(true);
      engine.stop();
      CHECK(engine.status().phase == Phase::stopped);
      CHECK(broken_records(world.phone).empty());
    }
    world.network.hold(false);
    world.slow_down(false);
    SyncEngine engine(world.options());
    engine.sync_now();
    engine.sync_now();
    CHECK(world.server.exec("SELECT count(*) FROM contacts") == "202");
    CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.mutations WHERE client_sequence IS "
                            "NOT NULL") == "100");
    CHECK(leftovers(world.phone, "contacts") == kNoLeftovers);
    CHECK(local_rows(world.phone, "contacts", {"id", "name", "city"}) ==
          server_rows(world.server, "contacts", {"id", "name", "city"}));
  }
}

TEST_CASE(
    "stop() while a round is applied leaves all of it or nothing, and the next sync ends it") {
  for (std::int64_t applied : {1'000, 6'000, 12'000, 19'000}) {
    CAPTURE(applied);
    Contacts world;
    SyncEngine(world.options()).clone();
    world.server.exec("INSERT INTO contacts SELECT i, 's' FROM generate_series(100, 20099) i");
    local(world.phone, "UPDATE contacts SET name = 'mine' WHERE id = 1");
    {
      SyncEngine engine(world.options());
      engine.start();
      while (engine.progress().pulled < applied) std::this_thread::yield();
      engine.stop();
      CHECK(engine.status().phase == Phase::stopped);
      const std::string count = local(world.phone, "SELECT count(*) FROM contacts");
      CHECK((count == "2" || count == "20002"));
      CHECK(broken_records(world.phone).empty());
    }
    SyncEngine engine(world.options());
    engine.sync_now();
    engine.sync_now();
    CHECK(leftovers(world.phone, "contacts") == kNoLeftovers);
    CHECK(local_rows(world.phone, "contacts", {"id", "name", "city"}) ==
          server_rows(world.server, "contacts", {"id", "name", "city"}));
  }
}

TEST_CASE("stop() while another program keeps the round out of the file ends when that lets go") {
  Contacts world;
  SyncEngine(world.options()).clone();
  world.server.exec("UPDATE contacts SET name = 'news' WHERE id = 1");
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(world.phone.c_str(), &other) == SQLITE_OK);
  SyncEngine engine(world.options());
  engine.status();
  engine.pause();
  engine.start();
  REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
  std::thread lets_go([&] {
    std::this_thread::sleep_for(700ms);
    sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  });
  engine.resume();
  std::this_thread::sleep_for(300ms);
  const auto begun = std::chrono::steady_clock::now();
  engine.stop();
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
  lets_go.join();
  sqlite3_close(other);
  CHECK(broken_records(world.phone).empty());
  engine.sync_now();
  CHECK(local(world.phone, "SELECT name FROM contacts WHERE id = 1") == "news");
}

TEST_CASE("stop() from another thread ends a clone, which can be begun again") {
  Slow world;
  world.server.exec(
      "INSERT INTO contacts SELECT i, repeat('s', 500) FROM generate_series(10, 999) i");
  world.slow_down(true);
  SyncEngine engine(world.through());
  std::thread cloning([&] {
    try {
      engine.clone();
      FAIL_CHECK("the clone was not stopped");
    } catch (const objectos::Error& error) {
      CHECK(error.code() == "cancelled");
    }
  });
  REQUIRE(reached(engine, Phase::cloning));
  world.network.hold(true);
  engine.stop();
  cloning.join();
  world.network.hold(false);
  SyncEngine again(world.options());
  again.clone();
  CHECK(local(world.phone, "SELECT count(*) FROM contacts") == "992");
}

TEST_CASE("while it is paused the loop begins no sync; it goes on at resume(), and stops paused") {
  Contacts world;
  SyncEngine engine(world.options());
  engine.clone();
  engine.pause();
  engine.start();
  local(world.phone, "UPDATE contacts SET name = 'waits' WHERE id = 1");
  CHECK_FALSE(engine.wait_until_synced(300ms));
  engine.sync_soon();
  CHECK(engine.status().phase == Phase::paused);
  CHECK(engine.status().pending == 1);
  engine.sync_now();  // asked for
  CHECK(engine.status().pending == 0);
  local(world.phone, "UPDATE contacts SET name = 'goes' WHERE id = 1");
  engine.resume();
  CHECK(engine.wait_until_synced(20s));
  CHECK(world.server.exec("SELECT name FROM contacts WHERE id = 1") == "goes");
  engine.pause();
  engine.stop();
  CHECK(engine.status().phase == Phase::stopped);
}

TEST_CASE("sync_soon() wakes the loop out of its interval") {
  Contacts world;
  SyncEngine engine(world.options());
  engine.clone();
  engine.start();
  REQUIRE(engine.wait_until_synced(20s));
  Heard<objectos::Change> heard;
  auto token = engine.on_change("contacts", heard.listener());
  world.server.exec("UPDATE contacts SET name = 'news' WHERE id = 1");
  engine.sync_soon();
  CHECK(heard.wait_for(1).size() == 1);
}

TEST_CASE("engines for several files work in one process at once") {
  Contacts world;
  constexpr int kEngines = 4;
  std::vector<std::unique_ptr<SyncEngine>> engines;
  Heard<objectos::Change> heard[kEngines];
  std::vector<objectos::Subscription> tokens;
  for (int i = 0; i < kEngines; ++i) {
    objectos::Options options = world.options();
    options.database = world.directory.file(std::to_string(i) + ".db");
    engines.push_back(std::make_unique<SyncEngine>(options));
    engines.back()->clone();
    tokens.push_back(engines.back()->on_change("", heard[i].listener()));
    engines.back()->start();
  }
  for (int i = 0; i < kEngines; ++i)
    local(world.directory.file(std::to_string(i) + ".db"),
          "INSERT INTO contacts (id, name) VALUES (" + std::to_string(10 + i) + ", 'x')");
  for (int round = 0; round < 2; ++round) {
    for (auto& engine : engines) CHECK(engine->wait_until_synced(20s));
  }
  for (int i = 0; i < kEngines; ++i) {
    CHECK(heard[i].wait_for(kEngines).size() == kEngines);
    CHECK(local(world.directory.file(std::to_string(i) + ".db"), "SELECT count(*) FROM contacts") ==
          "6");
  }
}

TEST_CASE("status is told at every change, and only then") {
  Contacts world;
  SyncEngine engine(world.options());
  engine.clone();
  Heard<objectos::Status> heard;
  auto token = engine.on_status(heard.listener());
  local(world.phone, "UPDATE contacts SET name = 'x' WHERE id = 1");
  CHECK(heard.wait_until([](const auto& all) { return !all.empty() && all.back().pending == 1; }));
  engine.start();
  REQUIRE(engine.wait_until_synced(20s));
  engine.stop();
  const auto all = heard.all();
  std::vector<Phase> phases;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (phases.empty() || phases.back() != all[i].phase) phases.push_back(all[i].phase);
    if (i == 0) continue;
    const auto parts = [](const objectos::Status& s) {
      return std::tuple(s.phase, s.online, s.pending, s.conflicts, s.last_sync, s.last_error);
    };
    CHECK(parts(all[i]) != parts(all[i - 1]));
  }
  for (Phase phase : {Phase::connecting, Phase::pushing, Phase::pulling, Phase::acknowledging,
                      Phase::waiting, Phase::stopped})
    CHECK(std::count(phases.begin(), phases.end(), phase) > 0);
  CHECK(all.back().pending == 0);
  CHECK(all.back().phase == Phase::stopped);
}

TEST_CASE("progress counts what was pushed and pulled exactly, and says how much is left") {
  Contacts world;
  objectos::Options options = world.options();
  options.push_mutations = 10;
  std::atomic<std::int64_t> clock{1'000'000};
  options.timing.now_ms = [&] { return clock += 1000; };
  SyncEngine engine(options);
  engine.clone();
  local(world.phone,
        "WITH RECURSIVE n(i) AS (SELECT 300 UNION ALL SELECT i + 1 FROM n WHERE i < 324) INSERT "
        "INTO contacts (id, name) SELECT i, 'x' FROM n");
  world.server.exec("INSERT INTO contacts SELECT i, 's' FROM generate_series(100, 129) i");
  Heard<objectos::Progress> heard;
  auto token = engine.on_progress(heard.listener());
  engine.sync_now();
  REQUIRE(engine.drain(20s));
  objectos::Progress pushed, pulled;
  double fraction = 0;
  for (const auto& progress : heard.all()) {
    if (progress.phase == Phase::pushing) pushed = progress;
    if (progress.phase == Phase::pulling) pulled = progress;
    if (progress.phase != Phase::pushing) continue;
    REQUIRE(progress.fraction.has_value());
    CHECK(*progress.fraction >= fraction);
    fraction = *progress.fraction;
  }
  CHECK(pushed.pushed == 25);
  CHECK(pushed.push_total == 25);
  CHECK(pushed.fraction == 1.0);
  CHECK(pushed.remaining_ms == 0);
  CHECK(pulled.pulled >= 30);
  CHECK(pulled.bytes > 0);
}

TEST_CASE("with polling every callback runs within poll(), on the thread that polls") {
  Contacts world;
  objectos::Options options = world.options();
  options.delivery = objectos::Delivery::poll;
  std::atomic<int> woken{0};
  options.on_waiting = [&] { ++woken; };
  SyncEngine engine(options);
  engine.clone();
  std::vector<std::thread::id> threads;
  auto changes = engine.on_change(
      "", [&](const objectos::Change&) { threads.push_back(std::this_thread::get_id()); });
  auto query = engine.watch("SELECT count(*) FROM contacts", [&](const objectos::QueryChange&) {
    threads.push_back(std::this_thread::get_id());
  });
  world.server.exec("INSERT INTO contacts VALUES (3, 'Jean')");
  engine.sync_now();
  CHECK(threads.empty());
  CHECK(woken > 0);
  int ran = 0;
  while (ran < 2) ran += engine.poll(20s);
  CHECK(static_cast<int>(threads.size()) == ran);
  for (std::thread::id thread : threads) CHECK(thread == std::this_thread::get_id());
}

TEST_CASE("a callback may sync, listen and end its own token") {
  Contacts world;
  SyncEngine engine(world.options());
  engine.clone();
  std::atomic<int> called{0};
  objectos::Subscription token;
  token = engine.on_change("contacts", [&](const objectos::Change&) {
    ++called;
    engine.sync_now();
    engine.status();
    token.cancel();
  });
  world.server.exec("UPDATE contacts SET name = 'x'");
  engine.sync_now();
  REQUIRE(engine.drain(20s));
  CHECK(called == 1);
}
