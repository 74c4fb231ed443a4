// Where a database's writers, listeners and notifier meet: a few words of shared memory for each
// database that somebody listens in.
//
// Writers do not notify, for NOTIFY takes a lock of the whole server until the commit is over.
// After their commit they set the latch of the database's notifier (notifier.h), or start it.
// Nobody listening: they look at one number.
//
// Order. A writer is visible before it looks whether somebody listens; a listener is counted before
// it pulls. So either the writer sees the listener, or the listener's pull sees the writer.
//
// Nothing here fails but attach(); nothing waits but for a spinlock that is held for some
// instructions.
#pragma once

#include <cstdint>
#include <string>

#include "pg_ext/boundary.h"

namespace objectos::server::live {

inline constexpr int databases_max = 64;

// Once per process, before anything else here is called. Throws PgError where shared memory has no
// room left.
void attach();
bool attached() noexcept;

// Counts this session among the listeners of its database until it ends; again: nothing. False:
// the sessions of databases_max other databases are listened to.
bool add_listener();

// In the database somebody listens to: sees that its notifier runs or is about to. False if the
// server has no slot for it; then it is not asked again for a second.
bool ensure_notifier() noexcept;

// After a commit of this session, and after its PREPARE TRANSACTION.
void tell_commit() noexcept;
void tell_prepared() noexcept;
// After something was put where sync_events() finds it (presence.h).
void tell_event() noexcept;

struct State {
  bool listened = false;
  int listeners = 0;      // sessions
  int notifier = 0;       // its process id; 0: none runs
  bool starting = false;  // it was asked for and has not begun yet
  bool refused = false;   // the last time it was asked for, there was no slot for it
};
State state() noexcept;  // of this database

// The notifier's own.
bool become_notifier() noexcept;  // false: there is one already, or nobody listens
struct Told {
  std::uint64_t commits = 0;  // since the server's start
  std::uint64_t prepares = 0;
  std::uint64_t events = 0;
  bool operator==(const Told&) const = default;
};
Told told() noexcept;
// It may go: nothing has been told since. From then on the next commit starts another.
bool leave_unless_told(const Told& since) noexcept;
void leave() noexcept;  // whatever has been told

}  // namespace objectos::server::live
