// The values the client hands out. Plain data, owned by whoever holds it; safe to copy between
// threads. JSON members hold JSON text in the wire form of docs/types.md. An empty optional is
// "unknown" or SQL NULL, never an empty string.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace objectos {

// What the engine is doing. `waiting` is the pause of the background loop between two rounds.
// `paused`: the loop holds until resume().
enum class Phase {
  idle,
  connecting,
  cloning,
  pushing,
  pulling,
  verifying,
  acknowledging,
  waiting,
  stopped,
  paused,
};

// The stable lower-case name ("pulling", ...). Never null.
const char* phase_name(Phase phase) noexcept;

// How far the present work is. Totals are 0 while they are not known; counts are exact.
struct Progress {
  Phase phase = Phase::idle;
  std::int64_t pushed = 0;      // mutations with a verdict in this sync
  std::int64_t push_total = 0;  // mutations that were waiting when it began
  std::int64_t pulled = 0;      // rows received in this round or clone
  std::int64_t pull_total = 0;  // 0: not known
  std::int64_t bytes = 0;       // payload bytes received
  std::string object;           // the one being read by a clone, otherwise empty
  // Of the phase under way, where its total is known: in [0, 1], and how long the rest takes if it
  // goes on at the present speed.
  std::optional<double> fraction{};
  std::optional<std::int64_t> remaining_ms{};
};

// How many keys a file may still give to new records of an object before it must sync.
struct LeasedKeys {
  std::string object;
  std::int64_t left = 0;
};

// How a running loop hears of the server's commits (docs/real_time.md). off: no loop runs, or not
// in live mode. polling: nobody sends notifications here, so it asks now and then.
enum class Live { off, reconnecting, polling, listening };

// The stable lower-case name ("listening", ...). Never null.
const char* live_name(Live live) noexcept;

// The state of the local file and of its last exchange with the server.
struct Status {
  Phase phase = Phase::idle;
  bool online = false;          // the last exchange reached the server
  bool complete = false;        // the initial sync is done
  std::int64_t pending = 0;     // mutations without a verdict
  std::int64_t conflicts = 0;   // open manual conflicts
  std::int64_t rejections = 0;  // refused mutations not yet dismissed
  std::string client_id;
  std::string user_id;  // as the server knows this user; empty before the first sync
  std::string server;   // connection string without a password
  std::string epoch;
  std::string last_sync;  // ISO 8601, UTC; empty: never
  std::optional<std::string> last_error;
  std::string last_error_class;     // error_class_name() of it, empty: no error
  std::string last_error_code;      // its Error::code()
  std::int64_t failures = 0;        // failed attempts in a row
  std::int64_t retry_delay_ms = 0;  // pause before the next attempt after a failure
  Live live = Live::off;
  std::string live_reason;  // why it polls; empty otherwise
  std::vector<std::string> objects;
  std::vector<LeasedKeys> leases;  // of the objects whose keys a sequence fills
};

// Who changed a record: a program on this device, or the server (a pulled round, a rejection).
enum class Origin { local, remote };

// The stable lower-case name ("local", ...). Never null.
const char* origin_name(Origin origin) noexcept;

// One record of the local file that is not what it was. Told after the SQLite commit. A round
// tells each record once, with its net effect, and not at all when the row stayed the same.
struct Change {
  std::string object;
  std::string record_id;  // empty: truncate
  // insert, update, delete; `removed`: the record left this client's view and lives on elsewhere;
  // `truncate`: all records that the server had are gone (they are not told one by one).
  std::string operation;
  std::optional<std::int64_t> version;
  Origin origin = Origin::remote;
  std::string before;  // JSON row in wire form; empty: there was none
  std::string after;   // ... there is none now
};

// What became of a pushed mutation.
struct Verdict {
  std::string mutation_id;
  std::string object;
  std::string record_id;
  std::string operation;
  std::string status;      // applied, merged, conflict, rejected
  bool duplicate = false;  // an answer to a repeated push
  std::optional<std::int64_t> version;
  std::string reason;      // empty, version_mismatch, constraint_violation, ...
  std::string resolution;  // empty, client_wins, server_wins, manual, merged
  std::string detail;      // JSON object, or empty
};

// A manual conflict that waits for somebody's decision.
struct Conflict {
  std::string conflict_id;
  std::string mutation_id;
  std::string object;
  std::string record_id;
  std::string reason;
  std::string status;  // open, resolved
  std::string base;    // JSON object per colliding field: before both edits
  std::string client;  // ... what the device wrote
  std::string server;  // ... what the server holds
};

// A mutation the server refused. The local row is back at the server's state.
struct RejectedMutation {
  std::string mutation_id;
  std::string object;
  std::string record_id;
  std::string operation;
  std::string reason;
  std::string detail;  // JSON object {sqlstate, message, constraint, ...}
  std::string before;  // JSON row before the local edit was undone, or empty
  std::string after;   // JSON row afterwards, or empty
};

// A mutation in the queue, oldest first.
struct PendingMutation {
  std::string id;
  std::int64_t client_sequence = 0;
  std::string object;
  std::string record_id;
  std::string operation;
  std::string data;       // JSON object
  std::string timestamp;  // ISO 8601, UTC
  std::optional<std::int64_t> version;
  std::string state;  // pending, in_flight, judged
};

// What diagnose() found about one thing.
struct Finding {
  std::string place;    // file, server
  std::string check;    // what was looked at: "integrity", "queue", "reach", ...
  std::string state;    // ok, note (worth knowing), problem
  std::string message;  // a sentence
  std::string hint;     // what to do; empty when nothing is to be done
};

// What one sync did.
struct SyncResult {
  std::vector<Verdict> verdicts;
  std::int64_t pulled = 0;   // rows received
  std::int64_t changes = 0;  // records changed locally by the pull
  bool resynced = false;     // the replica was read anew (queue kept)
  // The file was a copy or a restored one and took a new identity (docs/forks.md). What nobody can
  // tell the fate of was set aside: see rejections().
  bool forked = false;
  std::int64_t set_aside = 0;
};

// How pulls and pushes travel: as compressed frames, a sixth of the bytes, or as plain rows, less
// work on both sides. automatic: rows over a unix socket, frames over a network.
enum class Frames { automatic, on, off };

// Where callbacks run; sync_engine.h says more.
enum class Delivery {
  thread,    // on a thread of the engine's own
  executor,  // where Options::executor runs them
  poll,      // within SyncEngine::poll()
};

enum class LogLevel { debug, info, warning, error };

}  // namespace objectos
