// The sync engine: keeps one SQLite file and one PostgreSQL server the same.
//
// Threads: every member may be called from any thread. Work is done by one thread at a time;
// sync_now() and friends block until a running sync has ended, then do their own. The file may be
// read and written by any other program or connection meanwhile; a second engine on the same file
// gets an Error (class local, code "file_busy").
//
// Callbacks run one after the other, in the order of the commits that they tell of, where
// Options::delivery says: by default on a thread of the engine's own, which begins with the first
// event for a listener and ends in stop(). They run after the commit, never while the engine holds
// a lock, and no work waits for them: sync_now() may return before its events were told (drain()
// waits for them). A callback may call every member of the engine. What it throws is logged.
//
// Errors: objectos::Error. After an error nothing is half done: the call either took effect in
// the file as a whole or not at all.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "objectos/error.h"
#include "objectos/live_query.h"
#include "objectos/local_writes.h"
#include "objectos/presence.h"
#include "objectos/resolver.h"
#include "objectos/signing.h"
#include "objectos/text_field.h"
#include "objectos/types.h"
#include "objectos/verify.h"

namespace objectos {

// The pause policy after failures and the loop's clock; replaceable in tests.
struct Timing {
  // Between two syncs of a background loop that is not live.
  std::chrono::milliseconds interval{30'000};
  // That loop syncs before the interval is over when the oldest edit in the queue, whoever wrote
  // it, is so old. Not after a failure: then the pause is as said below. 0: it waits for the
  // interval.
  std::chrono::milliseconds push_age{1'000};
  std::chrono::milliseconds backoff_first{1'000};  // upper bound of the first retry's pause
  std::chrono::milliseconds backoff_max{300'000};  // upper bound of every retry's pause
  std::chrono::milliseconds connect_timeout{10'000};
  // The server may be silent for so long where it should answer, or read what is sent to it; then
  // the exchange fails, and is made again later. It is found out by waiting, so also where
  // something in between acknowledges what it does not pass on. Longer than any honest answer
  // takes. 0: for ever.
  std::chrono::milliseconds answer_timeout{600'000};
  // A number in [0, 1); by default a real random generator. Full jitter: pause = random * bound.
  std::function<double()> random;
  // Milliseconds since the Unix epoch; by default the system clock.
  std::function<std::int64_t()> now_ms;
  // How often the file is looked at for what other programs wrote, while somebody listens to
  // changes, status or a live query, unless the system tells a live loop of writes. One look at
  // unchanged memory; nothing is read from the disk.
  std::chrono::milliseconds watch_interval{100};
  // --- of the live loop (Options::live)
  // From one push of local writes to the next: what is written meanwhile goes with it. After a
  // quiet moment a write is pushed at once.
  std::chrono::milliseconds live_push_delay{3};
  // Between two pulls where the server has nobody who sends notifications.
  std::chrono::milliseconds live_poll_interval{1'000};
  // While commits follow one another without end the pause between two pulls grows up to this, so
  // that thousands of them are few pulls. After a quiet moment the next one is pulled at once.
  std::chrono::milliseconds live_burst_pause{50};
  // A server that is silent for so long, where it should answer or be found alive, is lost: then
  // the loop connects anew. In whole seconds, from one up. What the connection string says of
  // tcp_user_timeout and keepalives goes before it.
  std::chrono::milliseconds live_silence{15'000};
};

struct Options {
  std::string database;  // path of the SQLite file
  // Connection string or URI, as libpq takes it. Empty: the one the file was cloned from.
  // A password in it is used for connecting and never stored or logged; better: ~/.pgpass,
  // PGPASSWORD or a service file.
  std::string server{};
  // Signed mode (docs/identity.md): the file that holds the user's key, as KEY_ID:SECRET. Nobody
  // but its owner may have rights to it (class local, "key_file_open_to_others"). Read for each
  // sync.
  std::string key_file{};
  SigningKey key{};  // the same without a file; key_file goes before it
  // What clone() subscribes to, as of subscribe(). Empty: everything.
  std::string subscription{};
  std::string device{};       // free text for people; shown in the server's client list
  int page_mutations = 1000;  // rows examined per page of a pull, 1 to 10,000
  int push_mutations = 1000;  // mutations per push request, 1 to 1,000
  // Bytes per push request, 64 KiB to 48 MiB: what a broken connection can cost. A mutation or
  // group beyond it goes alone.
  std::int64_t push_bytes = std::int64_t{4} << 20;
  // Steps that follow one another on one record and were not sent yet go as one, where the server
  // would make the same of them. Off: a copy of the file, or a backup put back, may hold one of the
  // steps alone, and the server does not know that it has it already (docs/queue.md).
  bool fold = false;
  // Keys leased at once for each object whose key a sequence fills, 0 (none) to 100,000. Renewed by
  // a sync that finds fewer than half of them left (docs/keys.md).
  int lease_block = 1000;
  // Connections over which clone() reads objects, 1 to 8, no more than there are objects. From 2 on
  // several objects are read at once, in one cut, while the engine's own connection waits; those
  // that the server or a pooler does not let in are done without (docs/performance.md).
  int initial_connections = 1;
  // How many of the file's own groups can be undone, 0 (none) to 100,000; kept in the file. Empty:
  // what the file says, 100 in a new one.
  std::optional<int> history_groups{};
  // The background loop is live: one connection listens and pulls. What is committed on the server
  // arrives at once, what is written here, by whatever program, is sent at once; the loop sleeps in
  // between. `interval` and `push_age` do not apply. Off: it syncs once in an interval.
  // docs/real_time.md.
  bool live = true;
  Frames frames = Frames::automatic;
  Timing timing{};
  // Called from whatever thread works; must not throw. No password ever reaches it.
  std::function<void(LogLevel, const std::string&)> logger{};
  Delivery delivery = Delivery::thread;
  // Gets a function to run once, somewhere, soon: on the UI's loop, a strand, a pool. It must not
  // run it before it returns. Only one is out at a time, so the order holds in a pool too. When it
  // is set, delivery is `executor`, unless that says `poll`.
  std::function<void(std::function<void()>)> executor{};
  // Delivery::poll: events begin to wait for poll(). Called from any thread; may only wake the
  // loop that polls. The descriptor of wakeup_fd() says the same.
  std::function<void()> on_waiting{};
};

// Keeps a listener registered while it lives. Movable; may outlive the engine. Once it is destroyed
// its callback does not start again: one that runs on another thread is waited for (so do not hold
// a lock that it wants), one that destroys its own token goes on to its end.
class Subscription {
 public:
  Subscription() = default;
  explicit Subscription(std::function<void()> cancel) : cancel_(std::move(cancel)) {}
  Subscription(Subscription&& other) noexcept : cancel_(std::move(other.cancel_)) {
    other.cancel_ = nullptr;
  }
  Subscription& operator=(Subscription&& other) noexcept {
    if (this != &other) {
      cancel();
      cancel_ = std::move(other.cancel_);
      other.cancel_ = nullptr;
    }
    return *this;
  }
  ~Subscription() { cancel(); }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  void cancel() {
    if (cancel_) {
      auto call = std::move(cancel_);
      cancel_ = nullptr;
      call();
    }
  }

 private:
  std::function<void()> cancel_;
};

class SyncEngine {
 public:
  // Opens nothing yet: the file is opened (or by clone() created) at the first use.
  explicit SyncEngine(Options options);
  // Stops the loop (see stop()) and closes the file.
  ~SyncEngine();
  SyncEngine(const SyncEngine&) = delete;
  SyncEngine& operator=(const SyncEngine&) = delete;

  // Makes a new file and fills it from the server: one consistent cut. A file left incomplete
  // by an interrupted clone is started over. Error usage/"file_exists" when the file is
  // already a complete replica.
  SyncResult clone();

  // Starts the background loop: a sync at once, then live, or one every `interval`
  // (Options::live); with backoff after failures.
  // Stops by itself on auth, fork and upgrade errors, and on usage errors (no such database, say)
  // until one of its syncs has ended well: see Status::last_error. Idempotent.
  void start();
  // Ends the loop in whatever phase it is, cancels a running exchange, tells what is left to tell
  // and returns when the engine's threads are gone. What was committed stays, the rest is done
  // again by the next sync. The file is watched again after start(), sync_now() or a new listener,
  // and what was written meanwhile is told then. Idempotent.
  void stop();
  // The loop begins no exchange until resume(); one that is under way goes on to its end. Listeners
  // and live queries stay at work, and sync_now() syncs. Holds beyond stop() and start().
  void pause();
  void resume();  // syncs at once, if the loop runs
  // Wakes the loop: a sync begins now, or right after the one under way. Returns at once.
  void sync_soon();

  // Push, pull, acknowledge; one attempt (serialisation failures are retried within it).
  SyncResult sync_now();
  SyncResult push_now();  // push only: verdicts are stored, rows come with the next pull
  SyncResult pull_now();  // pull and acknowledge only
  // Until a sync begun after this call has ended well and the queue is empty; false on
  // timeout. Needs start().
  bool wait_until_synced(std::chrono::milliseconds timeout);

  Status status();
  Progress progress();
  std::vector<PendingMutation> pending();
  std::vector<Conflict> conflicts();           // the open ones, as of the last pull
  std::vector<RejectedMutation> rejections();  // not yet dismissed
  // Takes a pending mutation out of the queue, and its whole group with it; the rows go back to
  // what the server and the rest of the queue say. Returns what was taken out. Later edits of the
  // same record go on without an update; an insert or a delete that they build on is refused
  // (usage, "mutation_needed"), so is what was sent already ("mutation_sent"). docs/queue.md.
  std::vector<PendingMutation> discard(const std::string& mutation_id);
  // Writes what a rejected mutation wrote once more, as a new edit of the present row, and
  // dismisses the rejection. Returns the new mutation's id; empty: the row is that way already.
  std::string retry(const std::string& mutation_id);
  void dismiss(const std::string& mutation_id);  // forgets a rejection
  // Which objects and which of their records this file gets, for itself alone: JSON of the form
  // {"objects": ["contacts"], "filters": {"contacts": {"owner": "$user"}}}, a filter being an
  // expression as well: "owner = $user AND stage <> 'lost'". Empty or "null": everything. It is
  // kept in the file and pulled for: what is not wanted leaves the file, what is wanted now
  // arrives. Edits of records that leave stay queued and are sent. Class usage, code "OS019" or
  // "OS004" where the server refuses it: then all is as before. After another error it is sent by
  // the next sync. docs/subscriptions.md.
  SyncResult subscribe(const std::string& subscription);
  std::string subscription();  // the present one; empty: everything
  // Ends a manual conflict on the server, then pulls. `resolution`: client_wins, server_wins.
  Verdict resolve(const std::string& conflict_id, const std::string& resolution);
  // The same with values per field: a JSON object in wire form.
  Verdict resolve_with(const std::string& conflict_id, const std::string& values_json);

  // The app's own writes as one SQLite transaction and one group, which the
  // server applies or rejects as a whole. Rolled back when `write` throws; what it threw goes on to
  // the caller. Runs on the calling thread, also beside a sync; waits 10 s at most for the file's
  // write lock (class transient, code "file_write_locked"). `write` must not call the engine's sync
  // functions, nor transaction() again (usage, "reentrant").
  TransactionResult transaction(const std::function<void(Transaction&)>& write);
  // Edits a text field (docs/text_fields.md) by an operation of its present text, and returns the
  // text afterwards. `operation`: JSON, [5, "brave ", -3] (keep 5 code points, insert, delete 3),
  // or {"type": "insert", "pos": 5, "text": "brave "}, or {"type": "delete", "pos": 5, "len": 3}.
  // It is queued as it is, while plain SQL's edits are the difference of two texts. What is typed
  // within a second is one mutation, if nothing else is written in between. NULL is the empty text.
  // Usage, "OS006": malformed, or it reaches beyond the text; "OS005": no UTF-8; "OS007": too
  // large; "no_text_field"; "record_missing". Then nothing is changed. Threads and waiting: as
  // transaction(), but not within one.
  std::string edit_text(const std::string& object, const std::string& record_id,
                        const std::string& field, const std::string& operation);
  // The field to follow and edit, with others' cursors in it; the same errors.
  TextField text(const std::string& object, const std::string& record_id, const std::string& field);
  // Takes back the newest group of this file that is not undone, whoever wrote it: the app, the
  // sqlite3 shell, another process. It writes an ordinary group of inverse edits, synced like any,
  // and writes no field that somebody has written since, here or (as the server finds) elsewhere:
  // those come back in `left`. redo() takes back the undo; a new write ends what can be redone.
  // Neither asks the server. Usage, code "nothing_to_undo" or "nothing_to_redo"; usage,
  // "statement_failed" where an index or trigger of the app's refuses it: then nothing is changed.
  // Threads and waiting: as transaction(). docs/undo.md.
  UndoResult undo();
  UndoResult redo();
  // The groups that can be undone or redone, the newest first.
  std::vector<HistoryGroup> history();
  // Compares every record that has base image or queue with the local row: what is listed should
  // not be. Empty: local row = base image and queued mutations, everywhere.
  std::vector<LocalDifference> verify_local();
  // Looks both ends over: is the file whole, is the queue moving, can the server be reached, is it
  // set up for this file. Changes nothing but what a connection tells the server. What is wrong
  // with file or server is a finding, not an Error.
  std::vector<Finding> diagnose();

  // Pulls, then compares the file with the server in the same cut: digests of objects in one round
  // trip, of smaller and smaller parts of what differs, then rows. Unsent edits are no difference:
  // what is compared is what they were made on. `repair` mends what was found, and no more is
  // downloaded than that. docs/verify.md.
  VerifyReport verify(const VerifyOptions& options = {});
  // Who changed the record what when, the newest first, from the server's log.
  std::vector<HistoryEntry> log(const std::string& object, const std::string& record_id,
                                int max = 100);
  // What the edits in the queue make of their records: local row against base image, by field.
  std::vector<RecordDiff> diff();

  // Takes triggers and every table of ours out of the file and leaves a plain SQLite
  // database. Error usage/"pending_mutations" if unsent edits would be lost, unless `force`.
  void detach(bool force = false);

  // --- delivery
  // With Delivery::poll: waits at most so long for an event, then runs the callbacks of all that
  // wait. Returns how many ran; 0 from within a callback. Otherwise 0 at once.
  int poll(std::chrono::milliseconds timeout);
  // With Delivery::poll: a descriptor that is readable while events wait, for select, epoll or a UI
  // loop. It belongs to the engine. Otherwise -1.
  int wakeup_fd();
  // Until every event that there was when it was called has been told; with Delivery::poll it runs
  // the callbacks itself. False when the time was up, or from within a callback.
  bool drain(std::chrono::milliseconds timeout);

  // --- listeners. `object` empty: all objects. See the thread rules above and docs/listeners.md.
  [[nodiscard]] Subscription on_change(const std::string& object,
                                       std::function<void(const Change&)> callback);
  [[nodiscard]] Subscription on_status(std::function<void(const Status&)> callback);
  [[nodiscard]] Subscription on_progress(std::function<void(const Progress&)> callback);
  [[nodiscard]] Subscription on_conflict(std::function<void(const Conflict&)> callback);
  [[nodiscard]] Subscription on_rejection(std::function<void(const RejectedMutation&)> callback);
  [[nodiscard]] Subscription on_verdict(std::function<void(const Verdict&)> callback);

  // A live query: calls back with the whole result, then whenever it is another one, whoever wrote,
  // also another process. Only one SELECT; anything else is a usage error, code "bad_query", at
  // once. Parameters are bound to ?1, ?2, … in order. Many commits make one call. It runs on a
  // thread of the engine's own, with a connection of its own, so it sees commits only.
  [[nodiscard]] Subscription watch(const std::string& sql,
                                   std::function<void(const QueryChange&)> callback);
  [[nodiscard]] Subscription watch(const std::string& sql, const std::vector<Value>& parameters,
                                   std::function<void(const QueryChange&)> callback);

  // Asks the app about open manual conflicts of `object` (empty: of all objects without a resolver
  // of their own; the newest counts). Asked where callbacks run, once for each state of conflict
  // and row; a decision goes to the server with the next sync (at once, if the loop runs) unless
  // the row changed meanwhile: then it is asked again. A throw counts as `later`. Open conflicts
  // are in the file, so a new engine asks again.
  [[nodiscard]] Subscription set_resolver(const std::string& object, Resolver resolver);

  // --- presence and broadcasts (docs/real_time.md)
  // Joins a channel, an object ("notes") or a record ("notes/5", its id as in the file), and is in
  // it as long as the handle and the engine live, over a connection of its own: it needs no
  // start(), and waits for no sync. Returns at once; the callback gets `listed` when it is in, then
  // what others do. `state`: JSON that the others see. stop() leaves; start(), or another channel,
  // joins again.
  [[nodiscard]] Presence presence(const std::string& channel, const std::string& state,
                                  std::function<void(const PresenceEvent&)> callback);
  // Says something small, JSON, to all in a channel without being in it. As Presence::broadcast().
  void broadcast(const std::string& channel, const std::string& payload);

 private:
  friend class TextField;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// "objectos_sync 0.1.0": the library's version.
const char* version() noexcept;

}  // namespace objectos
