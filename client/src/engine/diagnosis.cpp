// diagnose(): both ends looked over, each fact a finding. The file is read beside whoever has it
// open; the server is asked over a connection of its own.
#include <algorithm>
#include <map>

#include "engine/answers.h"
#include "engine/engine_impl.h"
#include "engine/error_classes.h"
#include "engine/signer.h"
#include "protocol/json.h"
#include "protocol/timestamp.h"
#include "transport/pg_transport.h"

namespace objectos {

namespace {

constexpr std::int64_t kDayMs = 24 * 3'600'000;
constexpr std::int64_t kOldSyncMs = 7 * kDayMs;
constexpr std::int64_t kClockSkewMs = 5 * 60'000;
// Several connections that checkpoint at once could damage the WAL before this version. The engine
// lets one connection checkpoint, but other programs may not be so careful.
constexpr const char* kSafeSqlite = "3.51.3";

class Findings {
 public:
  explicit Findings(const char* place) : place_(place) {}
  void ok(const char* check, const std::string& message) { add(check, "ok", message, ""); }
  void note(const char* check, const std::string& message, const std::string& hint = {}) {
    add(check, "note", message, hint);
  }
  void problem(const char* check, const std::string& message, const std::string& hint) {
    add(check, "problem", message, hint);
  }
  void problem(const char* check, const Error& error) {
    std::string message = error.message();
    if (!error.detail().empty()) message += " (" + error.detail() + ")";
    add(check, "problem", message, error.hint());
  }
  void append(const Findings& others) {
    all_.insert(all_.end(), others.all_.begin(), others.all_.end());
  }
  const std::vector<Finding>& all() const { return all_; }

 private:
  void add(const char* check, const char* state, const std::string& message,
           const std::string& hint) {
    all_.push_back({place_, check, state, message, hint});
  }
  const char* place_;
  std::vector<Finding> all_;
};

std::string count_of(std::int64_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

// "3.40.1" before "3.51.3": number by number.
bool older(const std::string& version, const std::string& than) {
  int left[3] = {0, 0, 0}, right[3] = {0, 0, 0};
  std::sscanf(version.c_str(), "%d.%d.%d", &left[0], &left[1], &left[2]);
  std::sscanf(than.c_str(), "%d.%d.%d", &right[0], &right[1], &right[2]);
  return std::lexicographical_compare(left, left + 3, right, right + 3);
}

std::int64_t age_ms(const std::string& time, std::int64_t now_ms) {
  const auto us = parse_timestamp(time);
  return us ? now_ms - *us / 1000 : 0;
}

std::string duration(std::int64_t ms) {
  if (ms < 60'000) return count_of(ms / 1000, "second");
  if (ms < 2 * 3'600'000) return count_of(ms / 60'000, "minute");
  if (ms < 2 * kDayMs) return count_of(ms / 3'600'000, "hour");
  return count_of(ms / kDayMs, "day");
}

void look_at_soundness(const LocalDatabase& file, Findings& found) {
  const auto damage = file.integrity_problems();
  if (damage.empty()) found.ok("integrity", "SQLite finds the file whole.");
  for (const std::string& text : damage) {
    found.problem("integrity", "The file is damaged: " + text,
                  "Save the file, then clone a new one.");
  }
  const auto differences = file.verify_local();
  if (differences.empty()) {
    found.ok("rows", "Every row is its base image and the queued edits.");
    return;
  }
  found.problem("rows",
                count_of(static_cast<std::int64_t>(differences.size()), "record") +
                    " differ from their base image and queued edits, first " +
                    differences[0].object + " " + differences[0].record_id + ".",
                "Somebody wrote past the triggers. `objectos-sync verify --repair` mends it.");
}

void look_at_queue(const LocalDatabase& file, std::int64_t now_ms, Findings& found) {
  const StoreCounters counters = file.counters();
  const std::int64_t waiting = counters.pending + counters.in_flight;
  const auto queue = file.queue();
  const auto oldest = std::find_if(queue.begin(), queue.end(),
                                   [](const QueuedMutation& m) { return m.state != "judged"; });
  const std::int64_t age = oldest != queue.end() ? age_ms(oldest->timestamp, now_ms) : 0;
  if (waiting == 0) {
    found.ok("queue", "Nothing waits to be sent.");
  } else if (age > kDayMs) {
    found.problem("queue",
                  count_of(waiting, "edit") + " not sent, the oldest for " + duration(age) + ".",
                  "Run `objectos-sync sync` and read what it says.");
  } else {
    found.note("queue", count_of(waiting, "edit") + " not sent yet.", "Sync sends them.");
  }
  if (counters.rejections > 0) {
    found.note("rejections", count_of(counters.rejections, "edit") + " refused by the server.",
               "`objectos-sync rejections` lists them.");
  }
  if (counters.conflicts_open > 0) {
    found.note("conflicts", count_of(counters.conflicts_open, "conflict") + " open.",
               "`objectos-sync conflicts`, then `resolve`.");
  }
}

// They are the app's own, so none of it is a problem; but neither shows anywhere else.
void look_at_app_objects(const LocalDatabase& file, Findings& found) {
  std::map<std::string, std::string> all, unguarded;  // names by object
  for (const AppTrigger& trigger : file.app_triggers()) {
    const auto add = [&](std::map<std::string, std::string>& to) {
      std::string& names = to[trigger.object];
      names += (names.empty() ? "" : ", ") + trigger.name;
    };
    add(all);
    if (!trigger.guarded) add(unguarded);
  }
  for (const auto& [object, names] : unguarded) {
    found.note("triggers",
               "Triggers of yours on " + object +
                   " fire for the rows that a sync applies, too: " + names + ".",
               "If they are meant for writes of this device alone: CREATE TRIGGER ... WHEN NOT "
               "EXISTS (SELECT 1 FROM _applying). docs/queue.md.");
  }
  for (const auto& [object, names] : all) {
    found.note("long rounds",
               "Triggers of yours on " + object +
                   " keep long pulls from being applied beside the table: " + names + ".",
               "Other programs wait for the file's write lock while such a pull is applied.");
  }
  for (const LostStatement& lost : file.lost_statements()) {
    found.note("lost", lost.name + " on " + lost.object + " no longer fits: " + lost.reason + ".",
               "Its text is in the table _lost_statements; make it anew in a form that fits.");
  }
}

void look_at_state(const SyncState& state, std::int64_t now_ms, Findings& found) {
  if (state.complete) {
    found.ok("complete", "The initial sync is done.");
  } else {
    found.problem("complete", "The initial sync of this file was interrupted.",
                  "Run `objectos-sync clone` with the same server and file again.");
  }
  const std::int64_t age = age_ms(state.last_sync, now_ms);
  if (state.last_sync.empty()) {
    found.note("last sync", "This file was never synced.");
  } else if (age > kOldSyncMs) {
    found.note("last sync", "The last sync was " + duration(age) + " ago.",
               "A file that stays away too long is read anew; its queue is kept.");
  } else {
    found.ok("last sync",
             "The last sync was " + duration(std::max<std::int64_t>(age, 0)) + " ago.");
  }
}

void look_at_sqlite(Findings& found) {
  const std::string version = LocalDatabase::sqlite_version();
  if (older(version, kSafeSqlite)) {
    found.note("sqlite",
               "SQLite " + version +
                   ": several connections that checkpoint at once can damage a file in WAL mode.",
               "Programs beside the engine do well to set PRAGMA wal_autocheckpoint = 0.");
  } else {
    found.ok("sqlite", "SQLite " + version + ".");
  }
}

void compare_clocks(const HelloAnswer& answer, std::int64_t now_ms, Findings& found) {
  const auto server_us = parse_timestamp(answer.server_time);
  if (!server_us) return;
  const std::int64_t skew = *server_us / 1000 - now_ms;
  if (std::abs(skew) <= kClockSkewMs) {
    found.ok("clock", "The two clocks agree.");
  } else {
    found.note("clock",
               "This device's clock is " + duration(std::abs(skew)) +
                   (skew > 0 ? " behind" : " ahead of") + " the server's.",
               "Edits are sent with corrected times; set the clock all the same.");
  }
}

void compare_histories(const HelloAnswer& answer, const SyncState& state,
                       const StoreCounters& counters, Findings& found) {
  if (answer.epoch != state.epoch) {
    found.note("history", "The server has a new history (it was restored).",
               "The next sync reads the replica anew and keeps the queue.");
  } else if (answer.high_water && *answer.high_water > counters.highest_client_sequence) {
    found.note("history", "This file is a copy, or a restored backup, of one that went on.",
               "The next sync gives it an identity of its own and keeps its unsent edits.");
  } else {
    found.ok("history", "File and server know the same history.");
  }
}

void ask_operator_facts(Transport& server, Findings& found) {
  try {
    const Json problems = parse_json(server.status_problems());
    for (const Json& problem : problems.items()) {
      auto text = [&](const char* name) {
        const Json* member = problem.find(name);
        return member != nullptr ? member->text() : std::string();
      };
      found.problem("sync_status", text("fact") + ": " + text("problem"), text("hint"));
    }
    if (problems.items().empty()) found.ok("sync_status", "The server finds nothing to mend.");
  } catch (const Error& error) {
    if (error.code() != "42501") throw;
    found.note("sync_status", "This user may not ask the server how it is.",
               "An operator runs SELECT * FROM sync_status() there.");
  }
}

}  // namespace

std::vector<Finding> SyncEngine::Impl::diagnose() {
  const std::int64_t now_ms = options_.timing.now_ms();
  Findings found("file"), asked("server");
  std::string server = options_.server;
  SyncState state;
  StoreCounters counters;
  try {
    const auto file = open_beside();
    state = file->state();
    counters = file->counters();
    found.ok("file", options_.database + " is a replica.");
    look_at_state(state, now_ms, found);
    look_at_soundness(*file, found);
    look_at_queue(*file, now_ms, found);
    look_at_app_objects(*file, found);
    if (server.empty()) server = state.server;
  } catch (const StoreError& error) {
    found.problem("file", from_store_error(error));
  }
  look_at_sqlite(found);
  try {
    if (server.empty()) {
      throw Error(ErrorClass::usage, "no_server", "No server is named.", {}, "Give --server.");
    }
    auto link = make_pg_transport(server, patience(), options_.frames);
    link->sign_with(RequestSigner::of(options_));
    link->connect();
    asked.ok("reach", "The server answers and has the extension.");
    if (!state.client_id.empty()) {
      const HelloAnswer answer = parse_hello(link->hello(state.client_id, std::nullopt));
      asked.ok("rights", "It lets this user sync, as " + answer.user_id + ".");
      compare_clocks(answer, now_ms, asked);
      compare_histories(answer, state, counters, asked);
    }
    ask_operator_facts(*link, asked);
  } catch (const Error& error) {
    asked.problem("reach", error);
  }
  found.append(asked);
  return found.all();
}

}  // namespace objectos
