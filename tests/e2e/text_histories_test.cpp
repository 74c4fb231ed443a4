// Random histories of texts that several write at once: two to four devices with real files, a real
// server, a network that breaks, crashes of apps and of the server, pruning, row-level security.
// In the end nobody diverged, nothing is queued, and what was typed is there once, unless somebody
// deleted it.
//
// SEED=n begins there (default 1), TEXTS=n runs so many (default 50), ONLY=n runs that one and
// prints its steps. With PART=i/n only every n-th seed, from the i-th on, is run.
#include <doctest/doctest.h>

#include <iostream>

#include "tests/e2e/text_world.h"

using namespace e2e;

TEST_CASE("after random histories of texts nobody diverged, and what was typed is there once" *
          doctest::test_suite("torture")) {
  constexpr std::uint64_t per_database = 100;  // histories; their log grows
  const Seeds seeds(number_from("TEXTS", 50));
  std::cout << seeds.text() << "\n";
  std::unique_ptr<Server> server;
  seeds.each([&](std::uint64_t seed, std::uint64_t before) {
    if (before % per_database == 0) {
      server.reset();
      server = std::make_unique<Server>();
    }
    TextWorld world(*server, seed);
    world.run(60);
    world.settle();
    world.check();
    if (seeds.only != 0) std::cout << world.steps();
    const std::string story = world.problems().empty() ? "" : world.steps() + world.problems();
    CHECK_MESSAGE(world.problems().empty(), "ONLY=" << seed << "\n" << story);
  });
}
