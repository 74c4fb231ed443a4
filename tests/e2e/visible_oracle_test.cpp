// The oracle: after every round each user's file equals SELECT as that user with the user's filter,
// and no byte of the wire or the file holds what the user never had a right to (promises 5 and 7).
//
// SEED=n begins there (default 1), USERS=n is how many users there are over all worlds (default
// 50), ROUNDS=n the rounds of each (default 5), ONLY=n runs that world alone and prints its steps.
// With PART=i/n only every n-th world, from the i-th on, is run.
#include <doctest/doctest.h>

#include <iostream>

#include "tests/e2e/visible_world.h"

using namespace e2e;

namespace {

constexpr int kUsersPerWorld = 5;
constexpr std::uint64_t kPerDatabase = 25;  // worlds; their log grows

}  // namespace

TEST_CASE(
    "whatever rights, policies, memberships and subscriptions do, every file is what SELECT gives "
    "its user" *
    doctest::test_suite("torture")) {
  const Seeds seeds((number_from("USERS", 50) + kUsersPerWorld - 1) / kUsersPerWorld);
  const std::uint64_t rounds = number_from("ROUNDS", 5);
  std::unique_ptr<Server> server;
  long compared = 0, marks = 0;
  seeds.each([&](std::uint64_t seed, std::uint64_t before) {
    if (before % kPerDatabase == 0) server = std::make_unique<Server>();
    VisibleWorld::make_roles(*server);
    VisibleWorld world(*server, seed, kUsersPerWorld);
    for (std::uint64_t i = 0; i < rounds && world.problems().empty(); ++i) world.round();
    if (seeds.only != 0) std::cout << world.steps();
    const std::string story = world.problems().empty() ? "" : world.steps() + world.problems();
    CHECK_MESSAGE(world.problems().empty(), "ONLY=" << seed << "\n" << story);
    compared += world.compared();
    marks += world.marks_seen();
  });
  std::cout << seeds.text() << ": " << compared << " tables compared, " << marks
            << " values on the wire looked up\n";
}
