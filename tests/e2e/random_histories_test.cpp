// Random histories: two to four devices, a server that is written to, a network that breaks;
// groups, deletes and inserts of the same key, conflicts and their resolution, resyncs, schema
// changes with work pending. Invariants: local row = base image and queue after every step (promise
// 3); in the end nothing is queued and every replica equals what its user may SELECT (promise 5);
// no mutation took effect twice (promise 4).
//
// SEED=n begins there (default 1), COUNT=n runs so many (default 200), ONLY=n runs that one and
// prints its steps. With PART=i/n only every n-th seed, from the i-th on, is run.
#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

#include "tests/e2e/history_world.h"

using namespace e2e;

namespace {

constexpr std::uint64_t kPerDatabase = 100;  // histories; their log grows

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("after random histories every replica is what its user may see, and nothing is queued" *
          doctest::test_suite("torture")) {
  std::uint64_t first = number_from("SEED", 1), count = number_from("COUNT", 200);
  const std::uint64_t only = number_from("ONLY", 0);
  if (only != 0) first = only, count = 1;
  std::cout << "seeds " << first << " to " << first + count - 1 << " (ONLY=n repeats one)\n";
  std::uint64_t part = 0, parts = 1;
  if (const char* text = std::getenv("PART")) {
    part = std::strtoull(text, nullptr, 10);
    parts = std::strtoull(std::strchr(text, '/') + 1, nullptr, 10);
  }
  std::unique_ptr<Server> server;
  std::uint64_t run = 0;
  for (std::uint64_t seed = first + part; seed < first + count; seed += parts, ++run) {
    if (run % kPerDatabase == 0) {
      server.reset();
      server = std::make_unique<Server>();
      HistoryWorld::make_roles(*server);
    }
    HistoryWorld world(*server, seed);
    world.run(35);
    world.settle();
    world.check();
    if (only != 0) std::cout << world.steps();
    const std::string story = world.problems().empty() ? "" : world.steps() + world.problems();
    CHECK_MESSAGE(world.problems().empty(), "ONLY=" << seed << "\n" << story);
  }
}
