// One engine per file: a lock on a file beside it, FILE-engine-lock, which goes with the process.
// Its holder may take the lock file away when it goes (detach); whoever opened it before finds that
// what it has locked is not what stands there, and looks again. So two holders cannot be.
#pragma once

#include <string>

namespace objectos {

class EngineLock {
 public:
  // Throws StoreError: locked, when another engine has it; disk_full, not_found, read_only, when
  // the lock file cannot be made.
  explicit EngineLock(const std::string& database);
  ~EngineLock();
  EngineLock(const EngineLock&) = delete;
  EngineLock& operator=(const EngineLock&) = delete;

  // The destructor takes the lock file away before it lets go.
  void leave_nothing() noexcept { remove_ = true; }

 private:
  bool is_in_place() const;
  void open(const std::string& database);

  std::string path_;
  int file_ = -1;
  bool remove_ = false;
};

}  // namespace objectos
