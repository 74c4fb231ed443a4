// A descriptor that one thread waits on, among others, and that any thread makes readable.
//
// Threads: open() before any other thread knows it; set() from any thread, also before open(), when
// it does nothing; clear() and descriptor() are the waiting thread's. A set() is never lost: what
// is set after clear() makes the next wait end.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <atomic>

#include "objectos/error.h"

namespace objectos {

class WakeSignal {
 public:
  WakeSignal() = default;
  ~WakeSignal() {
    for (auto& end : ends_) {
      if (end >= 0) ::close(end);
    }
  }
  WakeSignal(const WakeSignal&) = delete;
  WakeSignal& operator=(const WakeSignal&) = delete;

  void open() {
    if (ends_[0] >= 0) return;
    int made[2];
    if (::pipe(made) != 0)
      throw Error(ErrorClass::local, "no_descriptor", "The process has no file descriptor left.");
    for (int end : made) {
      ::fcntl(end, F_SETFD, FD_CLOEXEC);
      ::fcntl(end, F_SETFL, O_NONBLOCK);
    }
    ends_[0] = made[0], ends_[1] = made[1];
  }
  void set() noexcept {
    const int end = ends_[1];
    if (end >= 0) (void)!::write(end, "!", 1);  // a full pipe is readable as well
  }
  void clear() noexcept {
    char bytes[64];
    while (::read(ends_[0], bytes, sizeof bytes) > 0) {
    }
  }
  int descriptor() const noexcept { return ends_[0]; }

 private:
  std::atomic<int> ends_[2] = {-1, -1};
};

}  // namespace objectos
