// What waits for the disk, and when.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "store.h"

namespace objectos {

void Store::wait_for_disk(bool wait) {
  run_sql(database_, wait ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  if (!wait) on_disk_ = false;
}

// The write-ahead log holds what was committed, whoever wrote it; what was moved from there into
// the file was synced by SQLite. SQLite has no locks on the log, so closing it here takes none
// away.
void Store::make_durable() {
  if (on_disk_) return;
  const int log = ::open((path_ + "-wal").c_str(), O_RDONLY | O_CLOEXEC);
  if (log < 0 && errno == ENOENT) return;
  const bool synced = log >= 0 && ::fsync(log) == 0;
  const int error = errno;
  if (log >= 0) ::close(log);
  if (!synced)
    throw StoreError(StoreErrorKind::disk_full, "the local database could not be written",
                     std::strerror(error), "See to the disk and sync again.");
  on_disk_ = true;
}

}  // namespace objectos
