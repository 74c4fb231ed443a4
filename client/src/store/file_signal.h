// Tells that somebody may have written to a SQLite file, whoever it was: a descriptor to wait on
// instead of looking at the file now and then.
//
// It watches the file and its write-ahead log, which is there as long as a connection is open, so
// nothing else in the directory wakes anybody. It knows of writes, not of commits: whoever was
// woken looks at the data version.
//
// Threads: an object belongs to one thread at a time. No errors: where the system has no such thing
// (or no watch left) it is not armed.
#pragma once

#include <string>

namespace objectos {

class FileSignal {
 public:
  FileSignal() = default;
  ~FileSignal() { disarm(); }
  FileSignal(const FileSignal&) = delete;
  FileSignal& operator=(const FileSignal&) = delete;

  // What is written from now on is told. False: it cannot be.
  bool arm(const std::string& path) noexcept;
  void disarm() noexcept;
  bool armed() const noexcept { return descriptor_ >= 0; }
  // Readable when there is something to take(); -1 when it is not armed.
  int descriptor() const noexcept { return descriptor_; }
  // True: something was written since it was asked last. When one of the files was renamed or
  // removed it is not armed any more.
  bool take() noexcept;

 private:
  int descriptor_ = -1;
};

}  // namespace objectos
