// How much of a phase is done and how long the rest takes, where its total is known.
#pragma once

#include <algorithm>
#include <cstdint>

#include "objectos/types.h"

namespace objectos {

class ProgressEstimate {
 public:
  // Fills in fraction and remaining_ms. Calls come in the order of the work.
  void complete(Progress& progress, std::int64_t now_ms) {
    const bool pushing = progress.phase == Phase::pushing;
    const std::int64_t done = pushing ? progress.pushed : progress.pulled;
    const std::int64_t total = pushing ? progress.push_total : progress.pull_total;
    if (progress.phase != phase_ || done < done_at_begin_) {
      phase_ = progress.phase;
      began_ms_ = now_ms;
      done_at_begin_ = done;
    }
    const bool counted = pushing || phase_ == Phase::pulling || phase_ == Phase::cloning;
    if (!counted || total <= 0) return;
    progress.fraction = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const std::int64_t moved = done - done_at_begin_, took = now_ms - began_ms_;
    if (done >= total)
      progress.remaining_ms = 0;
    else if (moved > 0 && took > 0)
      progress.remaining_ms =
          static_cast<std::int64_t>(static_cast<double>(took) / static_cast<double>(moved) *
                                    static_cast<double>(total - done));
  }

 private:
  Phase phase_ = Phase::idle;
  std::int64_t began_ms_ = 0;
  std::int64_t done_at_begin_ = 0;
};

}  // namespace objectos
