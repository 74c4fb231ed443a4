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
  bool push = false;
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
    edits = commits = just_pulled = false;
    pull_at.reset();
    ask_at.reset();
    acknowledge_at.reset();
  }

  // Somebody has written: the file is looked at from then on, less and less often.
  void written(Clock::time_point now) {
    looks_end = now + kLooksLast;
    looks_from = now;
  }
  // The engine itself has, as far as one can tell: what others write meanwhile can wait a little.
  void written_by_engine(Clock::time_point now) {
    looks_end = now + kLooksLast;
    looks_from = now - kLooksOfEngine;
  }
  // And goes on writing.
  void written_again(Clock::time_point now) {
    looks_end = now + kLooksLast;
    looks_from = std::max(looks_from, now - kLooksOfWrites);
  }
  // Soon at first: a small commit waits for the disk half a millisecond.
  Clock::duration look_pause(Clock::time_point now) const {
    const Clock::duration since = now - looks_from;
    const Clock::duration pause = since < std::chrono::milliseconds(100) ? since / 3 : since;
    return std::clamp<Clock::duration>(pause, kLookPause, kLookPauseMax);
  }

  PullPacer pacer;
  FileSignal file;
  bool whole = true;     // a whole sync is wanted: push, pull, acknowledge
  bool edits = false;    // some are to be pushed
  bool commits = false;  // the server told of some
  bool just_pulled = false, pulled_several = false;
  Time look_at;                                 // at the file, for edits to send
  bool heard = false;                           // of a write since the last look
  Clock::time_point looks_from{}, looks_end{};  // of looks after a write
  Clock::time_point found_at{};                 // edits, the last time
  Clock::time_point worked_at{};                // when the last exchange ended
  Clock::time_point own_until{};                // until then a commit is taken for the own one
  Time pull_at;                                 // what was pushed
  Time ask_at;                                  // while it polls
  Time acknowledge_at;                          // what was pulled

 private:
  // Between two looks at a file that somebody is writing to.
  static constexpr Clock::duration kLookPause = std::chrono::microseconds(250);
  static constexpr Clock::duration kLookPauseMax = std::chrono::seconds(16);
  static constexpr Clock::duration kLooksOfWrites = std::chrono::milliseconds(24);
  static constexpr Clock::duration kLooksOfEngine = std::chrono::milliseconds(6);
  // For so long after the last write: a commit waits for the disk.
  static constexpr Clock::duration kLooksLast = std::chrono::seconds(30);
};

}  // namespace objectos
