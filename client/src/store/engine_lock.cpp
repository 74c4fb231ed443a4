#include "engine_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "local_database.h"

namespace objectos {

EngineLock::EngineLock(const std::string& database) : path_(database + "-engine-lock") {
  while (true) {
    open(database);
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      ::close(file_);
      throw StoreError(StoreErrorKind::locked, "another engine has " + database + " open", {},
                       "Only one engine may sync a file at a time: stop the other one.");
    }
    if (is_in_place()) return;
    ::close(file_);
  }
}

EngineLock::~EngineLock() {
  if (remove_) ::unlink(path_.c_str());
  ::close(file_);
}

void EngineLock::open(const std::string& database) {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file_ >= 0) return;
  if (errno == ENOSPC)
    throw StoreError(StoreErrorKind::disk_full, "the local database could not be written");
  if (errno == ENOENT || errno == ENOTDIR)
    throw StoreError(StoreErrorKind::not_found, "the directory of " + database + " is not there",
                     {}, "Make the directory first, or name a file elsewhere.");
  throw StoreError(StoreErrorKind::read_only, "cannot write beside " + database, strerror(errno));
}

// False: its holder took it away between our opening and our locking it.
bool EngineLock::is_in_place() const {
  struct stat held {
  }, there{};
  return ::fstat(file_, &held) == 0 && ::stat(path_.c_str(), &there) == 0 &&
         held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

}  // namespace objectos
