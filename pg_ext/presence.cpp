#include "pg_ext/presence.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "pg_ext/live_slots.h"
#include "protocol/limits.h"

#include "pg_ext/pg.h"

extern "C" {
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

namespace objectos::server::presence {

namespace {

template <std::size_t most>
struct Text {
  std::uint16_t size;
  char bytes[most];
  std::string_view view() const { return {bytes, size}; }
  void operator=(std::string_view text) {
    size = static_cast<std::uint16_t>(std::min(text.size(), most));
    std::memcpy(bytes, text.data(), size);
  }
};

struct Slot {
  int session;  // process id; 0: free
  Oid database;
  std::int64_t joined;  // sequence
  TimestampTz since;
  Text<limits::channel_bytes_max> channel;
  Text<limits::client_id_bytes_max> client_id;
  Text<limits::label_bytes_max> user_id;
  Text<limits::presence_bytes_max> state;

  bool is_in(std::string_view name) const {
    return session != 0 && database == MyDatabaseId && channel.view() == name;
  }
  bool is_of_user(std::string_view user) const { return user_id.view() == user; }
  bool is_of(const Who& who) const {
    return is_of_user(who.user_id) && client_id.view() == who.client_id;
  }
};

// Main shared memory has little room for what was not announced at the server's start: what is
// large lies in a segment that the first session makes.
struct Header {
  LWLock lock;
  int tranche;
  dsm_handle segment;  // 0: not made yet
};
struct Shared {
  Slot slots[limits::members_max];
  EventRing events;
};

Header* header = nullptr;
Shared* shared = nullptr;

// LWLockAcquire fails only where a process holds two hundred.
class Locked {
 public:
  explicit Locked(LWLockMode mode) noexcept { LWLockAcquire(&header->lock, mode); }
  ~Locked() { LWLockRelease(&header->lock); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
};

void say(Kind kind, const Slot& slot, std::string_view payload) noexcept {
  Event event;
  event.kind = kind;
  event.session = MyProcPid;
  event.database = slot.database;
  event.channel = slot.channel.view();
  event.client_id = slot.client_id.view();
  event.user_id = slot.user_id.view();
  event.payload = payload;
  shared->events.append(event);
}

struct Others {
  bool client = false, user = false;
};
// Whether sessions of the same client and of the same user are in the channel.
Others others_of(const Slot& own) noexcept {
  Others others;
  for (const Slot& slot : shared->slots) {
    if (&slot == &own || !slot.is_in(own.channel.view())) continue;
    if (!slot.is_of_user(own.user_id.view())) continue;
    others.user = true;
    others.client = others.client || slot.client_id.view() == own.client_id.view();
  }
  return others;
}

void take_out(Slot& slot) noexcept {
  const Others others = others_of(slot);
  if (!others.client) say(Kind::leave, slot, {});
  if (!others.user) say(Kind::user_offline, slot, {});
  slot.session = 0;
}

// Called by the backend, where nothing may fail.
void leave_all(int, Datum) {
  if (shared == nullptr) return;
  bool any = false;
  {
    const Locked locked(LW_EXCLUSIVE);
    for (Slot& slot : shared->slots) {
      if (slot.session != MyProcPid) continue;
      take_out(slot);
      any = true;
    }
  }
  if (any) live::tell_event();
}

Slot* find_own(const Who& who, std::string_view channel) noexcept {
  for (Slot& slot : shared->slots) {
    if (slot.session == MyProcPid && slot.is_in(channel) && slot.is_of(who)) return &slot;
  }
  return nullptr;
}

// All sessions of a client show the same.
void set_state(const Slot& own, std::string_view state) noexcept {
  if (own.state.view() == state) return;
  for (Slot& slot : shared->slots) {
    if (slot.is_in(own.channel.view()) && slot.is_of_user(own.user_id.view()) &&
        slot.client_id.view() == own.client_id.view())
      slot.state = state;
  }
  say(Kind::update, own, state);
}

// A place for one more member, unless this session has enough of them.
Slot* free_slot() noexcept {
  Slot* free = nullptr;
  int own = 0;
  for (Slot& slot : shared->slots) {
    if (slot.session == 0 && free == nullptr) free = &slot;
    if (slot.session == MyProcPid) ++own;
  }
  return own < limits::channels_per_session_max ? free : nullptr;
}

void attach_header() {
  if (header != nullptr) return;
  header = pg_call([] {
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    auto* const made =
        static_cast<Header*>(ShmemInitStruct("objectos_sync presence", sizeof(Header), &found));
    if (!found) {
      made->tranche = LWLockNewTrancheId();
      made->segment = 0;
      LWLockInitialize(&made->lock, made->tranche);
    }
    LWLockRelease(AddinShmemInitLock);
    LWLockRegisterTranche(made->tranche, "objectos_sync presence");
    return made;
  });
}

// Several may try at once; who comes late takes its own away again. It is made before the lock is
// taken, for that may fail. The time numbers the server's lives.
void make_segment() {
  pg_call([] {
    dsm_segment* const made = dsm_create(sizeof(Shared), 0);
    auto* const content = static_cast<Shared*>(dsm_segment_address(made));
    for (Slot& slot : content->slots) slot.session = 0;
    content->events.begin(GetCurrentTimestamp());
    const dsm_handle handle = dsm_segment_handle(made);
    dsm_pin_segment(made);
    LWLockAcquire(&header->lock, LW_EXCLUSIVE);
    const bool first = header->segment == 0;
    if (first) header->segment = handle;
    LWLockRelease(&header->lock);
    if (!first) dsm_unpin_segment(handle);
    dsm_detach(made);
  });
}

dsm_handle segment() noexcept {
  const Locked locked(LW_SHARED);
  return header->segment;
}

void map_segment() {
  if (shared != nullptr) return;
  const dsm_handle handle = segment();
  Shared* const mapped = pg_call([&] {
    dsm_segment* const attached = dsm_attach(handle);
    if (attached == nullptr) return static_cast<Shared*>(nullptr);
    dsm_pin_mapping(attached);
    return static_cast<Shared*>(dsm_segment_address(attached));
  });
  if (mapped == nullptr) throw SyncError("58000", "the memory of presence cannot be mapped");
  shared = mapped;
}

}  // namespace

void attach() {
  if (shared != nullptr) return;
  attach_header();
  if (segment() == 0) make_segment();
  map_segment();
}

std::optional<std::int64_t> join(const Who& who, const std::string& channel,
                                 const std::string& state) {
  static bool registered = false;
  if (!registered) pg_call([] { before_shmem_exit(leave_all, 0); });
  registered = true;
  const TimestampTz now = GetCurrentTimestamp();
  const Locked locked(LW_EXCLUSIVE);
  Slot* own = find_own(who, channel);
  const bool is_new = own == nullptr;
  if (is_new && (own = free_slot()) == nullptr) return std::nullopt;
  if (is_new) {
    own->database = MyDatabaseId;
    own->since = now;
    own->channel = channel;
    own->client_id = who.client_id;
    own->user_id = who.user_id;
    own->state = state;
    const Others others = others_of(*own);
    own->session = MyProcPid;
    if (!others.client) say(Kind::join, *own, state);
    if (!others.user) say(Kind::user_online, *own, {});
    own->joined = shared->events.last();
    if (!others.client) return own->joined;
    // Another session's state may be another.
    for (const Slot& slot : shared->slots) {
      if (&slot != own && slot.is_in(channel) && slot.is_of(who)) {
        own->state = slot.state.view();
        break;
      }
    }
  }
  set_state(*own, state);
  return shared->events.last();
}

bool update(const Who& who, const std::string& channel, const std::string& state) {
  const Locked locked(LW_EXCLUSIVE);
  const Slot* const own = find_own(who, channel);
  if (own != nullptr) set_state(*own, state);
  return own != nullptr;
}

bool leave(const Who& who, const std::string& channel) {
  const Locked locked(LW_EXCLUSIVE);
  Slot* const own = find_own(who, channel);
  if (own != nullptr) take_out(*own);
  return own != nullptr;
}

void broadcast(const Who& who, const std::string& channel, const std::string& payload) {
  Event event;
  event.kind = Kind::broadcast;
  event.session = MyProcPid;
  event.database = MyDatabaseId;
  event.channel = channel;
  event.client_id = who.client_id;
  event.user_id = who.user_id;
  event.payload = payload;
  const Locked locked(LW_EXCLUSIVE);
  shared->events.append(event);
}

std::vector<Member> members(const std::string& channel) {
  std::vector<Member> found;
  const auto by_time = [](const Member& a, const Member& b) {
    return std::tie(a.since, a.client_id, a.user_id) < std::tie(b.since, b.client_id, b.user_id);
  };
  {
    const Locked locked(LW_SHARED);
    for (const Slot& slot : shared->slots) {
      if (!slot.is_in(channel)) continue;
      const auto same = std::find_if(found.begin(), found.end(), [&](const Member& member) {
        return slot.client_id.view() == member.client_id && slot.is_of_user(member.user_id);
      });
      if (same != found.end()) {
        same->since = std::min(same->since, slot.since);
        continue;
      }
      Member member;
      member.client_id = slot.client_id.view();
      member.user_id = slot.user_id.view();
      member.state = slot.state.view();
      member.since = slot.since;
      found.push_back(std::move(member));
    }
  }
  std::sort(found.begin(), found.end(), by_time);
  return found;
}

News news(const Who& who, std::optional<std::int64_t> after) {
  News news;
  const Locked locked(LW_SHARED);
  news.last = shared->events.last();
  if (!after) return news;
  news.lost = shared->events.lost_after(*after);
  std::vector<const Slot*> own;
  for (const Slot& slot : shared->slots) {
    if (slot.session == MyProcPid && slot.database == MyDatabaseId && slot.is_of(who))
      own.push_back(&slot);
  }
  if (news.lost || own.empty()) return news;
  shared->events.each([&](const Event& event) {
    if (event.sequence <= *after || event.database != MyDatabaseId) return;
    if (event.session == MyProcPid) return;
    const auto in = std::find_if(own.begin(), own.end(), [&](const Slot* slot) {
      return slot->joined < event.sequence && slot->channel.view() == event.channel;
    });
    if (in == own.end()) return;
    Heard heard;
    heard.sequence = event.sequence;
    heard.kind = event.kind;
    heard.channel = event.channel;
    heard.client_id = event.client_id;
    heard.user_id = event.user_id;
    heard.payload = event.payload;
    news.events.push_back(std::move(heard));
  });
  return news;
}

std::int64_t count() {
  attach_header();
  if (segment() == 0) return 0;
  map_segment();
  const Locked locked(LW_SHARED);
  std::int64_t found = 0;
  for (const Slot& slot : shared->slots) {
    if (slot.session != 0 && slot.database == MyDatabaseId) ++found;
  }
  return found;
}

}  // namespace objectos::server::presence
