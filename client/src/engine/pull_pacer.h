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

  // A pull has ended. `more`: something else was committed while it ran.
  void pulled(Clock::time_point ended, bool more) {
    pause_ = more ? std::min(std::max<Clock::duration>(pause_ * 2, kFirst), pause_max_)
                  : Clock::duration::zero();
    ended_ = ended;
  }
  // No pull before.
  Clock::time_point next() const { return ended_ + pause_; }

 private:
  static constexpr Clock::duration kFirst = std::chrono::milliseconds(2);
  Clock::duration pause_max_;
  Clock::duration pause_{};
  Clock::time_point ended_{};
};

}  // namespace objectos
