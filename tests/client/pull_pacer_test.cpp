#include "engine/pull_pacer.h"

#include <doctest/doctest.h>

using objectos::PullPacer;
using namespace std::chrono_literals;

TEST_CASE("after a quiet moment a pull waits for nothing") {
  PullPacer pacer(50ms);
  PullPacer::Clock::time_point now{};
  now += 1h;
  CHECK(pacer.next() <= now);
  for (int i = 0; i < 5; ++i) {
    pacer.pulled(now += 2ms);
    pacer.heard(now += 20ms);
    CHECK(pacer.next() <= now);
  }
}

TEST_CASE("while commits follow one another pulls get rarer, down to the bound, and fast again") {
  for (const auto told_after : {0ms, 1ms, 3ms}) {
    CAPTURE(told_after.count());
    PullPacer pacer(50ms);
    PullPacer::Clock::time_point now{};
    now += 1h;
    PullPacer::Clock::duration before{};
    int pulls = 0;
    for (const auto end = now + 10s; now < end; ++pulls) {
      pacer.pulled(now += 1ms);
      pacer.heard(now + told_after);
      CHECK(pacer.next() - now >= before);
      CHECK(pacer.next() - now <= 50ms);
      before = pacer.next() - now;
      pacer.heard(now + 40ms);  // once more before the pull
      now = std::max(pacer.next(), now + told_after);
    }
    CHECK(before == 50ms);
    CHECK(pulls < 250);
    pacer.pulled(now);
    pacer.heard(now += 10ms);
    CHECK(pacer.next() - now == 15ms);  // half the pause, since the pull
    for (int i = 0; i < 3; ++i) {
      pacer.pulled(now);
      pacer.heard(now += 20ms);
    }
    CHECK(pacer.next() <= now);
    pacer.pulled(now);
    pacer.heard(now);
    CHECK(pacer.next() - now < 5ms);
  }
}

TEST_CASE("commits that wait for one another's arrival are pulled one by one at once") {
  PullPacer pacer(50ms);
  PullPacer::Clock::time_point now{};
  now += 1h;
  for (int i = 0; i < 100; ++i) {
    pacer.pulled(now += 1ms, false);
    pacer.heard(now += 1ms);
    CHECK(pacer.next() <= now);
  }
}

TEST_CASE("without a pause a pull follows the other at once") {
  PullPacer pacer(0ms);
  PullPacer::Clock::time_point now{};
  for (int i = 0; i < 5; ++i) {
    pacer.pulled(now);
    pacer.heard(now);
  }
  CHECK(pacer.next() == now);
}
