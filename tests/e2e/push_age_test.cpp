// The background loop sends edits when they are old enough, long before its interval is over.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "tests/e2e/listener_world.h"
#include "tests/e2e/replica.h"

using namespace e2e;
using namespace std::chrono_literals;
using objectos::SyncEngine;

namespace {

struct World : Contacts {
  std::atomic<std::int64_t> shift_ms{0};

  World() { SyncEngine(options()).clone(); }
  objectos::Options patient(std::chrono::milliseconds push_age) {
    objectos::Options made = options();
    made.timing.interval = 1h;
    made.timing.push_age = push_age;
    made.timing.now_ms = [this] {
      return std::chrono::duration_cast<std::chrono::milliseconds>(
                 std::chrono::system_clock::now().time_since_epoch())
                 .count() +
             shift_ms;
    };
    return made;
  }
  // Synced, and waiting for its interval.
  void settle(SyncEngine& engine) {
    REQUIRE(engine.wait_until_synced(20s));
    for (int still = 0; still < 20; std::this_thread::sleep_for(20ms))
      still = engine.status().phase == objectos::Phase::waiting ? still + 1 : 0;
  }
  bool arrives(const std::string& name, std::chrono::milliseconds within) {
    const auto end = std::chrono::steady_clock::now() + within;
    do {
      if (server.exec("SELECT count(*) FROM contacts WHERE name = '" + name + "'") == "1")
        return true;
      std::this_thread::sleep_for(20ms);
    } while (std::chrono::steady_clock::now() < end);
    return false;
  }
};

}  // namespace

TEST_CASE("an edit of another program is sent when it has the age, and not before") {
  World world;
  SyncEngine engine(world.patient(60s));
  engine.start();
  world.settle(engine);
  local(world.phone, "UPDATE contacts SET name = 'waits' WHERE id = 1");
  CHECK_FALSE(world.arrives("waits", 2s));
  world.shift_ms = 61'000;
  CHECK(world.arrives("waits", 20s));
  engine.stop();
  CHECK(broken_records(world.phone) == "");
}

TEST_CASE("by default an edit is sent soon after it was made") {
  World world;
  objectos::Options options = world.patient(0ms);
  options.timing.push_age = objectos::Timing{}.push_age;
  SyncEngine engine(options);
  engine.start();
  world.settle(engine);
  for (const char* name : {"soon", "and again"}) {
    local(world.phone, std::string("UPDATE contacts SET name = '") + name + "' WHERE id = 1");
    CHECK(world.arrives(name, 20s));
  }
}

TEST_CASE("with no age an edit waits for the interval, and after a failure for the next attempt") {
  World world;
  {
    SyncEngine engine(world.patient(0ms));
    engine.start();
    world.settle(engine);
    local(world.phone, "UPDATE contacts SET name = 'stays' WHERE id = 1");
    world.shift_ms = 3'000'000;
    CHECK_FALSE(world.arrives("stays", 2s));
  }
  objectos::Options options = world.patient(10ms);
  options.server = "host=/nonexistent";
  options.timing.random = [] { return 0.999; };
  options.timing.backoff_first = 1h;
  options.timing.backoff_max = 1h;
  SyncEngine engine(options);
  engine.start();
  std::this_thread::sleep_for(1500ms);
  CHECK(engine.status().failures == 1);
}
