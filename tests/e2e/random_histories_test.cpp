// Random histories: two to four devices, a server that is written to, a network that breaks;
// groups, deletes and inserts of the same key, conflicts and their resolution, resyncs, schema
// changes with work pending. Invariants: local row = base image and queue after every step (promise
// 3); in the end nothing is queued and every replica equals what its user may SELECT (promise 5);
// no mutation took effect twice (promise 4).
//
// SEED=n begins there (default 1), COUNT=n runs so many (default 200), ONLY=n runs that one and
// prints its steps. With PART=i/n only every n-th seed, from the i-th on, is run.
#include <doctest/doctest.h>

#include <iostream>

#include "tests/e2e/history_world.h"

using namespace e2e;

namespace {

constexpr std::uint64_t kPerDatabase = 100;  // histories; their log grows

}  // namespace

TEST_CASE("after random histories every replica is what its user may see, and nothing is queued" *
          doctest::test_suite("torture")) {
  const Seeds seeds(number_from("COUNT", 200));
  std::cout << seeds.text() << "\n";
  std::unique_ptr<Server> server;
  seeds.each([&](std::uint64_t seed, std::uint64_t before) {
    if (before % kPerDatabase == 0) {
      server.reset();
      server = std::make_unique<Server>();
      HistoryWorld::make_roles(*server);
    }
    HistoryWorld world(*server, seed);
    world.run(35);
    world.settle();
    world.check();
    if (seeds.only != 0) std::cout << world.steps();
    const std::string story = world.problems().empty() ? "" : world.steps() + world.problems();
    CHECK_MESSAGE(world.problems().empty(), "ONLY=" << seed << "\n" << story);
  });
}
