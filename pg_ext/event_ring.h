// The newest events of all channels, in a block of memory of fixed size: what comes in overwrites
// what is oldest. Plain data, to lie in shared memory; whoever calls holds the lock.
//
// An event is its header and four texts, without a gap, at a multiple of eight. It never wraps:
// what it leaves free at the end of the block is passed over. Places grow for ever; modulo the
// block's size they are offsets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/limits.h"

namespace objectos::server::presence {

enum class Kind : std::uint8_t {
  filler,  // in the ring only: nothing is here
  join,
  update,
  leave,
  user_online,
  user_offline,
  broadcast,
};
const char* to_string(Kind kind) noexcept;

// The texts of one that was found point into the ring.
struct Event {
  std::int64_t sequence = 0;
  Kind kind = Kind::filler;
  int session = 0;  // the process that caused it
  unsigned int database = 0;
  std::string_view channel, client_id, user_id, payload;
};

class EventRing {
 public:
  // Sequences go on from `start`, which is beyond any that an earlier life of the server gave.
  void begin(std::int64_t start) noexcept;

  // Numbers the event, which fits (limits.h), and puts it in.
  void append(Event event) noexcept;

  std::int64_t last() const noexcept { return last_; }
  // Whether an event after this one is gone, or this one is of another life of the server.
  bool lost_after(std::int64_t sequence) const noexcept {
    return sequence < dropped_ || sequence > last_;
  }
  // Those that are kept, the oldest first.
  template <typename Visit>
  void each(const Visit& visit) const {
    for (std::uint64_t place = oldest_; place != next_; place = after(place)) {
      const Event event = read(place);
      if (event.kind != Kind::filler) visit(event);
    }
  }

 private:
  struct Header;
  static constexpr std::size_t size = limits::event_bytes_kept;

  Event read(std::uint64_t place) const noexcept;
  std::uint64_t after(std::uint64_t place) const noexcept;
  void make_room(std::size_t bytes) noexcept;

  std::int64_t last_;     // the newest sequence
  std::int64_t dropped_;  // the newest of those that are gone
  std::uint64_t oldest_, next_;
  alignas(8) char bytes_[size];
};

}  // namespace objectos::server::presence
