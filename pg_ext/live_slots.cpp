#include "pg_ext/live_slots.h"

#include <cstring>

#include "pg_ext/pg.h"

extern "C" {
#include "port/atomics.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "storage/spin.h"
}

namespace objectos::server::live {

namespace {

// A start that nothing came of: the process could not connect, say.
constexpr std::int64_t starting_us_max = 5'000'000;
constexpr std::int64_t refused_us = 1'000'000;

struct Slot {
  slock_t mutex;
  Oid database;  // InvalidOid: free
  int listeners;
  int notifier;  // process id
  Latch* latch;  // of the notifier
  TimestampTz starting_at;
  TimestampTz refused_at;
  std::uint64_t commits, prepares, events;
};

struct Shared {
  pg_atomic_uint64 given;  // how many slots were given to databases since the server's start
  slock_t mutex;           // for giving one
  Slot slots[databases_max];
};

Shared* shared = nullptr;
Slot* own = nullptr;          // this database's, as far as is known
std::uint64_t looked_at = 0;  // `given` when there was none
bool listening = false;       // this session is counted

class Locked {
 public:
  explicit Locked(slock_t& mutex) noexcept : mutex_(mutex) { SpinLockAcquire(&mutex_); }
  ~Locked() { SpinLockRelease(&mutex_); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  slock_t& mutex_;
};

// This database's slot, if it has one. A slot that nobody needs any more may be another's by now;
// so whoever has locked it looks at `database` again.
Slot* find() noexcept {
  if (shared == nullptr) return nullptr;
  if (own != nullptr && own->database == MyDatabaseId) return own;
  const std::uint64_t given = pg_atomic_read_u64(&shared->given);
  if (own == nullptr && looked_at == given) return nullptr;
  own = nullptr;
  for (Slot& slot : shared->slots) {
    if (slot.database == MyDatabaseId) own = &slot;
  }
  looked_at = given;
  return own;
}

// With the slot locked: whether nobody needs it.
bool is_idle(const Slot& slot, TimestampTz now) noexcept {
  return slot.listeners == 0 && slot.notifier == 0 && now - slot.starting_at > starting_us_max;
}

Slot* find_or_take(TimestampTz now) noexcept {
  const Locked giving(shared->mutex);
  if (Slot* const slot = find()) return slot;
  for (Slot& slot : shared->slots) {
    const Locked locked(slot.mutex);
    if (slot.database != InvalidOid && !is_idle(slot, now)) continue;
    slot.database = MyDatabaseId;
    slot.starting_at = slot.refused_at = 0;
    pg_atomic_fetch_add_u64(&shared->given, 1);
    return own = &slot;
  }
  return nullptr;
}

void forget_listener(int, Datum) {
  if (!listening) return;
  listening = false;
  const Locked locked(own->mutex);
  --own->listeners;
}

// Neither fails nor waits: without a handle it allocates nothing.
bool start_notifier() noexcept {
  BackgroundWorker worker;
  std::memset(&worker, 0, sizeof worker);
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = BGW_NEVER_RESTART;  // the next commit starts another
  std::strcpy(worker.bgw_library_name, "$libdir/objectos_sync");
  std::strcpy(worker.bgw_function_name, "objectos_notifier_main");
  std::strcpy(worker.bgw_name, "objectos_sync notifier");
  std::strcpy(worker.bgw_type, "objectos_sync notifier");
  worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
  return RegisterDynamicBackgroundWorker(&worker, nullptr);
}

// Whether anybody wants to know. What is prepared a notifier must know of while nobody listens,
// too: its commit tells nobody, and by then somebody may.
bool concerns(const Slot& slot, std::uint64_t Slot::*counted) noexcept {
  return slot.listeners > 0 || (counted == &Slot::prepares && slot.notifier != 0);
}

// Counts what is told, if anything, and wakes the notifier for it, or starts one where there is
// none; false if there is no slot for it.
bool wake(Slot& slot, TimestampTz now, std::uint64_t Slot::*counted) noexcept {
  Latch* latch = nullptr;
  {
    const Locked locked(slot.mutex);
    if (slot.database != MyDatabaseId || !concerns(slot, counted)) return true;
    if (counted != nullptr) ++(slot.*counted);
    latch = slot.notifier != 0 ? slot.latch : nullptr;
    if (latch != nullptr && counted == nullptr) return true;  // it is there
    if (latch == nullptr) {
      if (slot.starting_at != 0 && now - slot.starting_at < starting_us_max) return true;
      if (slot.refused_at != 0 && now - slot.refused_at < refused_us) return false;
      slot.starting_at = now;
    }
  }
  if (latch != nullptr) {
    SetLatch(latch);
    return true;
  }
  const bool starts = start_notifier();
  const Locked locked(slot.mutex);
  if (slot.database != MyDatabaseId) return starts;
  if (!starts) slot.starting_at = 0;
  slot.refused_at = starts ? 0 : now;
  return starts;
}

void tell(std::uint64_t Slot::*counted) noexcept {
  // What is told of is visible to others by now, and stays so beyond this look.
  pg_memory_barrier();
  Slot* const slot = find();
  if (slot == nullptr || !concerns(*slot, counted)) return;
  wake(*slot, GetCurrentTimestamp(), counted);
}

}  // namespace

void attach() {
  if (shared != nullptr) return;
  shared = pg_call([] {
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    auto* const made =
        static_cast<Shared*>(ShmemInitStruct("objectos_sync live", sizeof(Shared), &found));
    if (!found) {
      std::memset(static_cast<void*>(made), 0, sizeof(Shared));
      pg_atomic_init_u64(&made->given, 1);
      SpinLockInit(&made->mutex);
      for (Slot& slot : made->slots) SpinLockInit(&slot.mutex);
    }
    LWLockRelease(AddinShmemInitLock);
    return made;
  });
}

bool attached() noexcept {
  return shared != nullptr;
}

bool add_listener() {
  if (listening) return true;
  static bool registered = false;
  if (!registered) pg_call([] { before_shmem_exit(forget_listener, 0); });
  registered = true;
  for (;;) {
    Slot* const slot = find_or_take(GetCurrentTimestamp());
    if (slot == nullptr) return false;
    const Locked locked(slot->mutex);
    if (slot->database != MyDatabaseId) continue;  // it was given away in between
    ++slot->listeners;
    return listening = true;
  }
}

bool ensure_notifier() noexcept {
  Slot* const slot = find();
  return slot != nullptr && wake(*slot, GetCurrentTimestamp(), nullptr);
}

void tell_commit() noexcept {
  tell(&Slot::commits);
}
void tell_prepared() noexcept {
  tell(&Slot::prepares);
}
void tell_event() noexcept {
  tell(&Slot::events);
}

State state() noexcept {
  State state;
  Slot* const slot = find();
  if (slot == nullptr) return state;
  const TimestampTz now = GetCurrentTimestamp();
  const Locked locked(slot->mutex);
  if (slot->database != MyDatabaseId) return state;
  state.listened = true;
  state.listeners = slot->listeners;
  state.notifier = slot->notifier;
  state.starting =
      slot->notifier == 0 && slot->starting_at != 0 && now - slot->starting_at < starting_us_max;
  state.refused = slot->refused_at != 0;
  return state;
}

bool become_notifier() noexcept {
  Slot* const slot = find();
  if (slot == nullptr) return false;
  const Locked locked(slot->mutex);
  if (slot->database != MyDatabaseId || slot->notifier != 0) return false;
  slot->notifier = MyProcPid;
  slot->latch = MyLatch;
  slot->starting_at = slot->refused_at = 0;
  return true;
}

Told told() noexcept {
  const Locked locked(own->mutex);
  return {own->commits, own->prepares, own->events};
}

bool leave_unless_told(const Told& since) noexcept {
  const Locked locked(own->mutex);
  if (since != Told{own->commits, own->prepares, own->events}) return false;
  own->notifier = 0;
  own->latch = nullptr;
  return true;
}

void leave() noexcept {
  if (own == nullptr) return;
  const Locked locked(own->mutex);
  if (own->notifier != MyProcPid) return;
  own->notifier = 0;
  own->latch = nullptr;
}

}  // namespace objectos::server::live
