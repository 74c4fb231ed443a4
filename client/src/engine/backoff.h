// Full-jitter exponential backoff: pause = random * min(max, first * 2^failures). The randomness
// comes from outside, so a test can choose it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace objectos {

class Backoff {
 public:
  Backoff(std::int64_t first_ms, std::int64_t max_ms) : first_ms_(first_ms), max_ms_(max_ms) {}

  // `random` in [0, 1). Never below a tenth of the first bound, so that a loop never spins.
  std::int64_t next_delay_ms(double random) {
    std::int64_t bound = bound_ms();
    ++failures_;
    auto delay = static_cast<std::int64_t>(random * static_cast<double>(bound));
    return std::max(delay, first_ms_ / 10);
  }
  void reset() { failures_ = 0; }
  std::int64_t failures() const { return failures_; }
  // Upper bound of the next pause.
  std::int64_t bound_ms() const {
    std::int64_t bound = first_ms_;
    for (std::int64_t i = 0; i < failures_ && bound < max_ms_; ++i) bound *= 2;
    return std::min(bound, max_ms_);
  }

 private:
  std::int64_t first_ms_;
  std::int64_t max_ms_;
  std::int64_t failures_ = 0;
};

}  // namespace objectos
