#include "file_signal.h"

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#ifdef __linux__
#include <sys/inotify.h>
#endif

namespace objectos {

void FileSignal::disarm() noexcept {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

#ifdef __linux__

namespace {

constexpr std::uint32_t kElsewhere = IN_MOVE_SELF | IN_DELETE_SELF;

struct Watched {
  const char* suffix;
  std::uint32_t events;
};
// The file's number of names changes when another one takes its name. Whoever opens the log as root
// changes its owner, which means nothing.
constexpr Watched kWatched[] = {{"", IN_MODIFY | IN_ATTRIB | kElsewhere},
                                {"-wal", IN_MODIFY | kElsewhere}};

}  // namespace

bool FileSignal::arm(const std::string& path) noexcept {
  disarm();
  if (std::getenv("OBJECTOS_NO_FILE_SIGNAL") != nullptr) return false;
  descriptor_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor_ < 0) return false;
  for (const auto& [suffix, events] : kWatched) {
    std::string name;
    try {
      name = path + suffix;
    } catch (const std::bad_alloc&) {
      disarm();
      return false;
    }
    if (::inotify_add_watch(descriptor_, name.c_str(), events) >= 0) continue;
    disarm();
    return false;
  }
  return true;
}

bool FileSignal::take() noexcept {
  if (descriptor_ < 0) return false;
  alignas(inotify_event) char bytes[4096];
  bool any = false, elsewhere = false;
  for (ssize_t got = 0; (got = ::read(descriptor_, bytes, sizeof bytes)) > 0;) {
    any = true;
    for (ssize_t at = 0; at < got;) {
      inotify_event event;
      std::memcpy(&event, bytes + at, sizeof event);
      elsewhere |= (event.mask & (kElsewhere | IN_ATTRIB | IN_IGNORED | IN_UNMOUNT)) != 0;
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  if (elsewhere) disarm();
  return any;
}

#else

bool FileSignal::arm(const std::string&) noexcept {
  return false;
}
bool FileSignal::take() noexcept {
  return false;
}

#endif

}  // namespace objectos
