// Who is in which channel, and what was said there: shared memory, and nowhere else.
//
// A member is one session in one channel. It leaves when it says so or when its session ends, in
// whatever way: the exit callback takes it out. A backend that is killed or crashes takes the
// server's shared memory along, and so everybody.
//
// What is here is not transactional: it is done when the call is made, and stays if the transaction
// rolls back. Nothing here asks for rights (channel.h).
//
// Order. All of it happens under one lock: events are numbered in the order in which the members
// changed, and what a list holds, the events after its sequence do not say again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg_ext/boundary.h"
#include "pg_ext/event_ring.h"

namespace objectos::server::presence {

// Once per process, before anything else here but count(). Throws PgError where there is no memory.
void attach();

// A client of a user; the same client id of another user is another client. Texts within limits.h.
struct Who {
  std::string client_id;
  std::string user_id;
};

// Each of these tells what it did: join and leave of a client's first and last session in the
// channel, user_online and user_offline of a user's, update where the client's state is another.
// Then wake the notifier (live_slots.h).

// This session joins for the client, or gives it another state if it is in. The sequence after
// which it hears of others; nothing: there is no room, or the session is in too many channels.
std::optional<std::int64_t> join(const Who& who, const std::string& channel,
                                 const std::string& state);
// False: this session is not in for the client.
bool update(const Who& who, const std::string& channel, const std::string& state);
bool leave(const Who& who, const std::string& channel);
void broadcast(const Who& who, const std::string& channel, const std::string& payload);

struct Member {
  std::string client_id, user_id, state;
  std::int64_t since = 0;  // timestamptz; of its first session
};
// Each client once, who came first first.
std::vector<Member> members(const std::string& channel);

struct Heard {
  std::int64_t sequence = 0;
  Kind kind = Kind::filler;
  std::string channel, client_id, user_id, payload;
};
struct News {
  bool lost = false;      // of what came after, something is gone
  std::int64_t last = 0;  // the newest event of the server
  std::vector<Heard> events;
};
// What others said, after that sequence, in the channels that this session is in for the client
// (since it is). Without one: nothing but `last`.
News news(const Who& who, std::optional<std::int64_t> after);

// Sessions in channels of this database. Needs no attach().
std::int64_t count();

}  // namespace objectos::server::presence
