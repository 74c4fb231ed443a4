// When the live loop pulls next: at once after a quiet moment, and ever less often, down to a
// bound, while commits follow one another without end. The time comes from outside.
#pragma once

#include <algorithm>
#include <chrono>

namespace objectos {

class PullPacer {
 public:
  using Clock = std::chrono::steady_clock;
  explicit PullPacer(Clock::duration pause_max) : pause_max_(pause_max) {}

  // `several`: it brought more than one change. One alone is no burst, however soon it came: who
  // commits again when the other has seen it waits for each.
  void pulled(Clock::time_point ended, bool several = true) {
    ended_ = ended;
    several_ = several;
    heard_ = false;
  }
  // Something was committed. Only the first time after a pull counts.
  void heard(Clock::time_point now) {
    if (heard_) return;
    heard_ = true;
    const Clock::duration quiet = now - ended_;
    if (quiet < kQuiet && several_) {
      pause_ = std::min(std::max<Clock::duration>(pause_ * 2, kFirst), pause_max_);
    } else {  // a burst may stumble
      pause_ = quiet < pause_ ? pause_ / 2 : Clock::duration::zero();
    }
  }
  // No pull before.
  Clock::time_point next() const { return ended_ + pause_; }

 private:
  static constexpr Clock::duration kFirst = std::chrono::milliseconds(2);
  // The server tells of commits that follow one another closely a little later, all at once.
  static constexpr Clock::duration kQuiet = std::chrono::milliseconds(5);
  Clock::duration pause_max_;
  Clock::duration pause_{};
  Clock::time_point ended_{};
  bool heard_ = false, several_ = false;
};

}  // namespace objectos
