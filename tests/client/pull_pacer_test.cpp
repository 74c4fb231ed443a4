#include "engine/pull_pacer.h"

#include <doctest/doctest.h>

using objectos::PullPacer;
using namespace std::chrono_literals;

TEST_CASE("after a quiet moment a pull waits for nothing") {
  PullPacer pacer(50ms);
  PullPacer::Clock::time_point now{};
  now += 1h;
  CHECK(pacer.next() <= now);
  pacer.pulled(now, false);
  CHECK(pacer.next() == now);
}

TEST_CASE("while commits follow one another pulls get rarer, down to the bound, and fast again") {
  PullPacer pacer(50ms);
  PullPacer::Clock::time_point now{};
  PullPacer::Clock::duration before{};
  int pulls = 0;
  for (const auto end = now + 10s; now < end; ++pulls) {
    pacer.pulled(now += 1ms, true);
    CHECK(pacer.next() - now >= before);
    CHECK(pacer.next() - now <= 50ms);
    before = pacer.next() - now;
    now = pacer.next();
  }
  CHECK(before == 50ms);
  CHECK(pulls < 250);
  pacer.pulled(now, false);
  CHECK(pacer.next() == now);
  pacer.pulled(now, true);
  CHECK(pacer.next() - now < 5ms);
}

TEST_CASE("without a pause a pull follows the other at once") {
  PullPacer pacer(0ms);
  PullPacer::Clock::time_point now{};
  for (int i = 0; i < 5; ++i) pacer.pulled(now, true);
  CHECK(pacer.next() == now);
}
