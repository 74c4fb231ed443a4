// Who else is in a channel, and small things said there: SyncEngine::presence(). Plain data, and a
// handle. docs/real_time.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace objectos {

struct PresentClient {
  std::string client_id;
  std::string user_id;
  std::string state;  // JSON
};

enum class PresenceKind {
  listed,   // `present` says who is there: after joining, and again when something was missed
  offline,  // the server is not reachable, and why: nobody is known to be there. The engine goes on
            // trying, joins again by itself, and tells `listed` then
  refused,  // the server refused to let this client in, or what it sent: `error` says why
  join,     // a client came, with its state as the payload
  update,   // its state is the payload now
  leave,    // it is gone; with this file's own client id: the right to the channel is gone
  user_online,   // a user's first client came
  user_offline,  // the last one is gone
  broadcast,     // it said the payload
};
const char* presence_kind_name(PresenceKind kind) noexcept;

struct PresenceEvent {
  PresenceKind kind = PresenceKind::listed;
  std::string channel;
  std::string client_id, user_id;      // whose; empty: nobody's
  std::string payload;                 // JSON; empty: none
  std::vector<PresentClient> present;  // of `listed`
  std::string error;                   // of `offline` and `refused`
};

// This engine's being in a channel, which ends when it is destroyed. Movable; may outlive the
// engine, and does nothing then. Any thread.
class Presence {
 public:
  class Link;
  Presence();
  explicit Presence(std::unique_ptr<Link> link);
  Presence(Presence&&) noexcept;
  Presence& operator=(Presence&&) noexcept;
  // The callback does not start again; one that runs on another thread is waited for.
  ~Presence();

  // JSON. Returns at once. Of states that follow one another faster than they can be sent, the last
  // one is. Error: class usage, code "bad_json".
  void update(const std::string& state);
  // The same, to all others in the channel; not sent if the server cannot be reached. Error: also
  // transient, "too_many_broadcasts", while a hundred wait.
  void broadcast(const std::string& payload);
  // Who is there, this file's own client too, as far as is known by now; empty while offline.
  std::vector<PresentClient> list() const;

 private:
  std::unique_ptr<Link> link_;
};

}  // namespace objectos
