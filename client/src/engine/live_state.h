// What the live loop knows between two exchanges. The loop's thread alone uses it.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "engine/pull_pacer.h"
#include "store/file_signal.h"

namespace objectos {

// What is to be done, on a connection that is live.
struct LiveWork {
  bool pull = false;
  bool ask = false;  // again, who sends notifications
  bool acknowledge = false;
};

struct LiveState {
  using Clock = std::chrono::steady_clock;
  using Time = std::optional<Clock::time_point>;
  explicit LiveState(std::chrono::milliseconds burst_pause) : pacer(burst_pause) {}

  // At the loop's begin, and when the connection is not what it was.
  void begin_anew() {
    whole = true;
    commits = just_pulled = false;
    ask_at.reset();
    acknowledge_at.reset();
  }

  // Somebody has written: the file is looked at for so long, at first with pauses of at most this.
  void written(Clock::time_point now, Clock::duration looks, Clock::duration pause_max) {
    looks_end = now + looks;
    look_pause = std::min(look_pause, pause_max);
  }
  bool looks_soon() const {
    return look_at && *look_at < Clock::now() + std::chrono::milliseconds(20);
  }

  PullPacer pacer;
  FileSignal file;
  bool whole = true;     // a whole sync is wanted: push, pull, acknowledge
  bool commits = false;  // the server told of some
  bool just_pulled = false;
  Time look_at;  // at the file, for edits to send
  Clock::duration look_pause{};
  Clock::time_point looks_end{};  // of looks after a write
  Time ask_at;                    // while it polls
  Time acknowledge_at;            // what was pulled
};

}  // namespace objectos
