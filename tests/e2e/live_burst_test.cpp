// Thousands of commits while a live engine listens, on a line that holds and on one that does not.
// Race: commits against the pull under way and against LISTEN. Invariant: whatever is lost of the
// notifications, every change arrives, once, in its order.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "tests/e2e/faulty_network.h"
#include "tests/e2e/live_world.h"
#include "tests/e2e/replica.h"

using namespace e2e;
using namespace std::chrono_literals;
using objectos::Live;
using objectos::SyncEngine;

namespace {

// Each a commit of its own: `first` to `last` are inserted, and contact 1 counts them.
void commit_each(Server& server, int first, int last) {
  server.exec(
      "DO $$ BEGIN FOR i IN " + std::to_string(first) + ".." + std::to_string(last) +
      " LOOP INSERT INTO contacts VALUES (i, 'x'); UPDATE contacts SET city = i::text WHERE "
      "id = 1; COMMIT; END LOOP; END $$");
}

// Commits do not wait for the disk, so that they follow one another faster than pulls, on any.
class WithoutDisk {
 public:
  explicit WithoutDisk(Server& server) : server_(server) {
    server_.exec("ALTER SYSTEM SET fsync = off");
    server_.exec("SELECT pg_reload_conf()");
  }
  ~WithoutDisk() {
    server_.exec("ALTER SYSTEM RESET fsync");
    server_.exec("SELECT pg_reload_conf()");
  }
  WithoutDisk(const WithoutDisk&) = delete;
  WithoutDisk& operator=(const WithoutDisk&) = delete;

 private:
  Server& server_;
};

struct Burst : LiveContacts {
  FaultyNetwork network;
  Heard<objectos::Change> heard;

  objectos::Options through() const {
    objectos::Options made = live();
    made.server = network.conninfo(server.conninfo());
    return made;
  }
  bool has_all(int last) {
    return comes_true([&] {
      return local(phone, "SELECT city FROM contacts WHERE id = 1") == std::to_string(last) &&
             local(phone, "SELECT count(*) FROM contacts WHERE id >= 1000") ==
                 std::to_string(last - 999);
    });
  }
  std::size_t inserts_told() {
    const std::vector<objectos::Change> all = heard.all();
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [](const auto& change) { return change.operation == "insert"; }));
  }
  void check_once_and_in_order(SyncEngine& engine, int last) {
    // The file has a round before its changes are told.
    const auto wanted = static_cast<std::size_t>(last - 999);
    REQUIRE(comes_true([&] { return inserts_told() >= wanted; }));
    REQUIRE(engine.drain(20s));
    std::map<std::string, int> inserted;
    int counted = 0;
    for (const objectos::Change& change : heard.all()) {
      if (change.operation == "insert") ++inserted[change.record_id];
      if (change.record_id != "1") continue;
      const std::size_t city = change.after.find("\"city\":\"");
      REQUIRE(city != std::string::npos);
      const int now = std::stoi(change.after.substr(city + 8));
      CHECK(now > counted);
      counted = now;
    }
    CHECK(counted == last);
    CHECK(inserted.size() == wanted);
    for (const auto& [id, times] : inserted) CHECK_MESSAGE(times == 1, id);
    CHECK(local_rows(phone, "contacts", {"id", "name", "city"}) ==
          server_rows(server, "contacts", {"id", "name", "city"}));
    CHECK(broken_records(phone) == "");
  }
};

}  // namespace

TEST_CASE("ten thousand commits are a few pulls, and all arrive, once and in order") {
  Burst world;
  world.count_calls();
  {
    SyncEngine engine(world.live());
    auto token = engine.on_change("", world.heard.listener());
    engine.start();
    REQUIRE(settles(engine));
    const WithoutDisk fast(world.server);
    commit_each(world.server, 1'000, 10'999);
    REQUIRE(world.has_all(10'999));
    world.check_once_and_in_order(engine, 10'999);
  }
  CHECK(comes_true([&] { return world.calls("^sync_pull") > 0; }));
  const int pulls = world.calls("^sync_pull");
  MESSAGE(pulls, " pulls");
  CHECK(pulls < 500);
}

TEST_CASE("a listener's backend that is terminated during a burst costs nothing but the time") {
  Burst world;
  SyncEngine engine(world.live());
  auto token = engine.on_change("", world.heard.listener());
  engine.start();
  REQUIRE(settles(engine));
  Server& server = world.server;
  for (int part = 0; part < 4; ++part) {
    commit_each(server, 1'000 + part * 250, 1'249 + part * 250);
    world.session("pg_terminate_backend(pid)");
  }
  CHECK(world.has_all(1'999));
  world.check_once_and_in_order(engine, 1'999);
  CHECK(comes_true([&] { return engine.status().live == Live::listening; }));
  CHECK(engine.status().failures == 0);
}

TEST_CASE("a network cut for seconds in the middle of a burst loses nothing") {
  Burst world;
  SyncEngine engine(world.through());
  auto token = engine.on_change("", world.heard.listener());
  engine.start();
  REQUIRE(settles(engine));
  std::atomic<bool> committed{false};
  std::thread committing([&] {
    commit_each(world.server, 1'000, 5'999);
    committed = true;
  });
  for (const bool dropped : {false, true, true}) {
    // A slow device may have heard all of it by now.
    REQUIRE(world.heard.wait_until([&, before = world.heard.all().size()](const auto& all) {
      return all.size() > before || committed;
    }));
    world.network.hold(true);
    std::this_thread::sleep_for(700ms);
    if (dropped) world.network.drop_all();
    world.network.hold(false);
  }
  committing.join();
  // One more commit, so that what was lost is told of by what comes after the cuts at the latest.
  CHECK(world.has_all(5'999));
  world.check_once_and_in_order(engine, 5'999);
  CHECK(comes_true([&] { return engine.status().live == Live::listening; }));
}

TEST_CASE("a connection that breaks while it begins to listen is made anew, and misses nothing") {
  Burst world;
  SyncEngine engine(world.through());
  auto token = engine.on_change("", world.heard.listener());
  engine.start();
  REQUIRE(settles(engine));
  int last = 999;
  for (int answers = 1; answers < 14; ++answers) {
    world.network.end_next({Ending::Kind::lost_answer, Direction::to_client, answers});
    world.network.drop_all();
    last += 20;
    commit_each(world.server, last - 19, last);
    REQUIRE(comes_true([&] {
      return local(world.phone, "SELECT city FROM contacts WHERE id = 1") == std::to_string(last);
    }));
  }
  world.network.set_weather({});
  CHECK(world.network.lost_answers() > 5);
  REQUIRE(world.has_all(last));
  world.check_once_and_in_order(engine, last);
}
