// The library over a network that drops, truncates, delays, throttles and loses answers.
// Invariants: an edit takes effect once however often it was said (promise 4), the local row is the
// base image and the queue after every break (promise 3), and in the end both sides hold the same
// (promise 5). SEED=n repeats one of the random ones.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

#include "objectos/sync_engine.h"
#include "tests/e2e/counted_edits.h"
#include "tests/e2e/faulty_network.h"

using namespace e2e;
using namespace std::chrono_literals;
using objectos::Error;
using objectos::ErrorClass;

namespace {

objectos::Options options(const std::string& file, const std::string& server = {}) {
  objectos::Options made{.database = file, .server = server};
  made.live = false;
  made.timing.interval = 20ms;
  made.timing.backoff_first = 1ms;
  made.timing.backoff_max = 10ms;
  made.page_mutations = 5;  // rounds of several pages
  made.push_mutations = 4;  // and pushes of several batches
  return made;
}

struct World : CountedEdits {
  Directory directory;
  std::string phone = directory.file("phone.db");
  FaultyNetwork network;
  int edits = 0;

  explicit World(std::uint64_t seed = 0) : network(seed) {}
  std::string through() const { return network.conninfo(server.conninfo()); }
  void clone() { objectos::SyncEngine(options(phone, server.conninfo())).clone(); }
  // Three edits of the phone, two of the server; one of them on the same item.
  void edit_both_sides() {
    for (int i = 0; i < 3; ++i, ++edits) edit(phone, "phone-" + std::to_string(edits), edits);
    for (int i = 0; i < 2; ++i, ++edits) edit_by_psql("psql-" + std::to_string(edits), edits + 1);
  }
  // Connects anew: each exchange is a connection of its own.
  bool sync() {
    try {
      objectos::SyncEngine(options(phone, through())).sync_now();
      return true;
    } catch (const Error& error) {
      const std::string text = error.code() + " " + error.message();
      CHECK_MESSAGE(error.error_class() == ErrorClass::transient, text);
      return false;
    }
  }
  void finish_and_check() {
    CHECK(sync());
    CHECK(sync());
    check_all({phone}, edits);
  }
};

std::uint64_t seed_or(std::uint64_t otherwise) {
  const char* text = std::getenv("SEED");
  const std::uint64_t seed = text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
  std::cout << "seed " << seed << " (SEED=n repeats one)\n";
  return seed;
}

}  // namespace

// trap: lost-answer
TEST_CASE("whichever answer of an exchange the network loses, every edit takes effect once") {
  World world;
  world.clone();
  int lost = 0;
  for (bool met = true; met && lost < 100;) {
    CAPTURE(lost);
    world.edit_both_sides();
    world.network.end_next({Ending::Kind::lost_answer, Direction::to_client, lost});
    const int before = world.network.lost_answers();
    const bool done = world.sync();
    met = world.network.lost_answers() > before;
    CHECK(done != met);
    CHECK(broken_records(world.phone) == "");
    CHECK(world.sync());
    lost += met ? 1 : 0;
  }
  CHECK(lost >= 10);  // login, extension, hello, pushes, the round's begin, pages and end, ack
  world.finish_and_check();
}

TEST_CASE("wherever a connection breaks, in either direction, the next exchange ends the work") {
  World world;
  world.clone();
  world.edit_both_sides();
  REQUIRE(world.sync());
  for (const Direction direction : {Direction::to_server, Direction::to_client}) {
    const long before_all = world.network.bytes(direction);
    world.edit_both_sides();
    REQUIRE(world.sync());
    const long whole = world.network.bytes(direction) - before_all;
    for (int part = 0; part < 10; ++part) {
      const long after = whole * part / 10 + part;
      const auto kind = part % 2 == 0 ? Ending::Kind::dropped : Ending::Kind::truncated;
      CAPTURE(after);
      CAPTURE(whole);
      world.edit_both_sides();
      world.network.end_next({kind, direction, after});
      const int before = world.network.endings();
      CHECK_FALSE(world.sync());
      CHECK(world.network.endings() == before + 1);
      CHECK(broken_records(world.phone) == "");
      CHECK(world.sync());
    }
  }
  world.finish_and_check();
}

TEST_CASE("an initial sync that the network interrupts is done by the next attempt, whole") {
  World world(7);
  world.server.exec(
      "INSERT INTO items SELECT 'bulk' || i, repeat('x', 100), 0 FROM "
      "generate_series(1, 2000) i");
  world.network.set_weather({.ending_chance = 90, .bytes_max = 150'000, .answers_max = 12});
  std::vector<std::string> phones;
  for (int i = 0; i < 6; ++i) {
    phones.push_back(world.directory.file("phone-" + std::to_string(i) + ".db"));
    bool done = false;
    for (int attempts = 0; !done && attempts < 100; ++attempts) {
      try {
        objectos::SyncEngine(options(phones.back(), world.through())).clone();
        done = true;
      } catch (const Error& error) {
        done = error.code() == "file_exists";  // only the answer to its last word was lost
        const bool transient = error.error_class() == ErrorClass::transient;
        CHECK_MESSAGE((done || transient), error.message());
      }
    }
    CHECK(done);
  }
  CHECK(world.network.endings() > 5);
  world.network.set_weather({});
  world.phone = phones.back();
  world.edit_both_sides();
  for (int round = 0; round < 2; ++round)
    for (const std::string& phone : phones) {
      world.phone = phone;
      CHECK(world.sync());
    }
  world.phone = phones.back();
  CHECK(world.sync());
  for (const std::string& phone : phones) {
    world.phone = phone;
    CHECK(world.sync());
  }
  world.check_all(phones, world.edits);
}

TEST_CASE("over a slow network that stutters everything arrives, by frames and by rows") {
  for (const objectos::Frames frames : {objectos::Frames::on, objectos::Frames::off}) {
    World world(11);
    world.clone();
    for (int i = 0; i < 4; ++i) world.edit_both_sides();
    world.server.exec("UPDATE items SET name = repeat('y', 20000)");
    world.network.set_weather({.delay_chance = 50, .delay_ms_max = 8, .bytes_per_second = 400'000});
    objectos::Options slow = options(world.phone, world.through());
    slow.frames = frames;
    objectos::SyncEngine engine(slow);
    engine.sync_now();
    engine.sync_now();
    world.check_all({world.phone}, world.edits);
  }
}

// The loops of two phones go on by themselves while the weather is bad and everybody edits.
TEST_CASE("two phones whose connections keep ending early lose nothing and do nothing twice") {
  const std::uint64_t seed = seed_or(3);
  World world(seed);
  world.clone();
  const std::string tablet = world.directory.file("tablet.db");
  objectos::SyncEngine(options(tablet, world.server.conninfo())).clone();
  world.network.set_weather({.ending_chance = 85,
                             .bytes_max = 6'000,
                             .answers_max = 14,
                             .delay_chance = 10,
                             .delay_ms_max = 5,
                             .bytes_per_second = 3'000'000});
  objectos::SyncEngine one(options(world.phone, world.through()));
  objectos::SyncEngine other(options(tablet, world.through()));
  one.start();
  other.start();
  for (int i = 0; i < 60; ++i) {
    CountedEdits::edit(world.phone, "phone-" + std::to_string(i), i);
    CountedEdits::edit(tablet, "tablet-" + std::to_string(i), i + 3);
    if (i % 3 == 0) world.edit_by_psql("psql-" + std::to_string(i), i);
    world.edits += i % 3 == 0 ? 3 : 2;
    std::this_thread::sleep_for(15ms);
  }
  const auto bad_enough = [&] {
    return world.network.lost_answers() >= 5 && world.network.endings() > 10;
  };
  for (int i = 0; i < 1000 && !bad_enough(); ++i) std::this_thread::sleep_for(20ms);
  CHECK(bad_enough());
  world.network.set_weather({});
  world.network.drop_all();
  for (int round = 0; round < 2; ++round) {
    CHECK(one.wait_until_synced(20s));
    CHECK(other.wait_until_synced(20s));
  }
  one.stop();
  other.stop();
  world.check_all({world.phone, tablet}, world.edits);
}
