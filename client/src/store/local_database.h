// LocalDatabase: the client's SQLite file and everything that is done to it.
//
// Invariants (tests/client proves them, verify_local() checks them on a live file):
//  1. local row = base image (+) mutations of the queue that are not gone, in client_sequence
//  order.
//     A record without queued mutations has no base image: its row is the server's row.
//  2. A mutation leaves the queue only with its verdict: at once if rejected, else with the first
//     round begun after the verdict was stored.
//  3. Every public function that writes is one SQLite transaction; a kill leaves before or after.
//  4. `frozen` is written once, with synchronous = FULL, before next_batch() returns.
//
// Threads: an object belongs to one thread at a time. Other programs may read and write the object
// tables beside it (their writes are queued by triggers); only one engine opens a file.
// Errors: StoreError, after which nothing of the failed call is in the file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "local_values.h"
#include "objectos/local_writes.h"
#include "replica_image.h"

namespace objectos {

// Applies one pull round in one transaction. Destroyed without commit(): rolled back.
class RoundApplier {
 public:
  virtual ~RoundApplier() = default;
  virtual void apply(const PulledView& row) = 0;
  void apply(const PulledRow& row) { apply(PulledView(row)); }
  // More than one page comes: called between pages, lets a long round work on a bigger scale.
  virtual void expect_many() = 0;
  // Objects were read whole: these conflicts are open, and no others (see store_open_conflicts).
  virtual void set_open_conflicts(const std::vector<std::string>& conflicts) = 0;
  // synced_at: ISO time for last_sync. Throws and rolls back when no checkpoint row came.
  virtual RoundResult commit(const std::string& synced_at) = 0;
};

// What a long round asks of its caller.
struct LongRoundWays {
  // Before the file's write lock is taken, and when it is held and nothing is changed yet.
  std::function<Listing()> begin;
  std::function<void()> begun;
  std::function<Listing()> listing;  // what begin() would say now
  std::function<void()> between;     // may throw, to give the round up
};

// A round that cannot be applied beside the tables: it is to be asked for again, and applied by
// begin_round().
struct NotBesideTables : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Fills the object tables for the initial sync or a resync. Values go in schema column order, then
// `_version`; each bind_* moves on to the next column; texts and blobs must live until end_row().
// Destroyed without finish(): the file stays
// marked incomplete (a resync in an existing file is rolled back).
class BulkLoader {
 public:
  virtual ~BulkLoader() = default;
  virtual void begin_object(const std::string& object) = 0;
  virtual void bind_null() = 0;
  virtual void bind_int64(int64_t value) = 0;
  virtual void bind_double(double value) = 0;  // NaN and infinities become their TEXT
  virtual void bind_text(std::string_view value) = 0;
  virtual void bind_blob(std::string_view value) = 0;
  virtual void end_row() = 0;
  virtual int64_t rows() const = 0;
  // What is open in the snapshot, each as a pull would send it.
  virtual void set_open_conflicts(const std::vector<std::string>& conflicts) = 0;
  // Creates indexes and triggers, stores the checkpoint. `complete`: nothing is left to read, so
  // the file is marked complete, durable and under its name; otherwise the next round's commit does
  // it.
  virtual void finish(const std::string& checkpoint, const std::string& synced_at,
                      bool complete = true) = 0;
};

class LocalDatabase {
 public:
  enum class Mode {
    engine,  // takes the engine lock; a second one gets StoreErrorKind::locked
    tool,    // reads and small writes beside a running engine (status, conflicts, verify)
  };

  struct CreateOptions {
    std::string path, client_id, user_id, epoch, server;
    std::string schema;  // sync_schema() JSON text
  };

  // The file may exist with the app's own tables; they survive, unless the file says that it is
  // another program's (application_id, user_version: not_ours). It is incomplete until a
  // BulkLoader (or a first committed round) finished. An incomplete file of ours is made anew.
  // A file that does not exist is made beside its place (path + "-cloning") and comes under its
  // name when it is complete and on the disk; until then open() says StoreErrorKind::incomplete.
  static std::unique_ptr<LocalDatabase> create(const CreateOptions& options);
  static std::unique_ptr<LocalDatabase> open(const std::string& path, Mode mode);
  // Drops what is ours but the object tables' user columns; a plain SQLite file remains.
  static void detach(const std::string& path);
  static bool is_ours(const std::string& path);

  virtual ~LocalDatabase() = default;

  virtual const std::vector<LocalObject>& objects() const = 0;
  virtual SyncState state() const = 0;
  virtual void set_identity(const std::string& client_id, const std::string& user_id,
                            const std::string& epoch) = 0;
  virtual void set_server(const std::string& server) = 0;
  virtual void set_clock_offset(int64_t milliseconds) = 0;
  virtual LocalSubscription subscription() const = 0;
  virtual void want_subscription(const std::string& subscription) = 0;
  // In the server's form; nothing is wanted beyond it.
  virtual void accept_subscription(const std::string& subscription) = 0;
  virtual void forget_wanted_subscription() = 0;
  // Resync: the next round starts from nothing; rows and queue stay.
  virtual void forget_checkpoint() = 0;

  virtual std::unique_ptr<BulkLoader> begin_load() = 0;
  // RoundResult names the changes of what `listing` covers, at the cost of their memory.
  virtual std::unique_ptr<RoundApplier> begin_round(const Listing& listing) = 0;
  std::unique_ptr<RoundApplier> begin_round() { return begin_round(Listing{true, {}}); }
  // For a round of many pages: where it changes a large part of a table, it builds the table anew
  // beside it, in short transactions, so that other programs can write all the while; the round's
  // own transaction is short, too (staged_table.h). Its tables are tidied away by tidy().
  virtual std::unique_ptr<RoundApplier> begin_long_round(LongRoundWays ways) = 0;
  // Off: commits do not wait for the disk. A crash of the machine may take back the last of them,
  // as a whole, the newest first; one of the process takes back nothing. A commit that waits brings
  // those before it to the disk, too, so does make_durable().
  virtual void wait_for_disk(bool wait) = 0;
  virtual void make_durable() = 0;
  // Takes away what long rounds leave: replaced tables, and what a crash has interrupted.
  virtual void tidy() = 0;

  // --- the queue
  virtual StoreCounters counters() const = 0;
  // In-flight ones to resend first; if there are none, freezes pending ones. As many as the limits
  // let (whole groups; a group or mutation beyond them goes alone). Empty: nothing to send.
  //
  // `after`: the number up to which mutations are under way, their verdicts not stored yet. What
  // follows may be sent when they are answered, so it may hold none of their records: the version
  // that it claims is the verdict's to say. Empty also when that leaves little to send.
  // `begun`: as of store_verdicts(), before steps are folded.
  virtual std::vector<QueuedMutation> next_batch(BatchLimits limits, int64_t after = 0,
                                                 const std::function<void()>& begun = {}) = 0;
  // What next_batch() froze, and what was certainly never sent, or not taken, is pending again.
  virtual void thaw(const std::vector<QueuedMutation>& batch) = 0;
  // What no server could read, among what is in flight, leaves the queue as rejected, its group
  // with it: broken text, or larger than protocol/limits.h lets. Returned; empty: there is none.
  // `begun`: as of store_verdicts().
  virtual std::vector<Rejection> reject_unreadable(const std::function<void()>& begun = {}) = 0;
  // The batch's payloads as the JSON array for sync_push, and its length.
  static std::string batch_json(const std::vector<QueuedMutation>& batch);
  static size_t batch_bytes(const std::vector<QueuedMutation>& batch);
  // All or none. Rejected ones leave the queue and come back as events. `begun` is called when the
  // write lock is held and nothing is changed yet.
  virtual std::vector<Rejection> store_verdicts(const std::vector<StoredVerdict>& verdicts,
                                                const std::function<void()>& begun = {}) = 0;
  // Local writes after number `after`, oldest first, as far as they are in the queue. Reads one
  // state of the file: that of the running transaction, if there is one.
  virtual LocalWrites local_writes(int64_t after, const Listing& listing) const = 0;
  // The objects of the mutations after number `after` that are in the queue.
  virtual WrittenObjects written_since(int64_t after) const = 0;
  // One SELECT; anything else, or what SQLite refuses, is StoreErrorKind::query. check_query() only
  // prepares it. interrupt() makes a run_query() on another thread end with that error.
  virtual QueryResult run_query(const std::string& sql,
                                const std::vector<Value>& parameters) const = 0;
  virtual void check_query(const std::string& sql, const std::vector<Value>& parameters) const = 0;
  virtual void interrupt() const noexcept = 0;
  // When the oldest pending mutation after this number, up to that one, was written; empty: there
  // is none.
  virtual std::string oldest_pending(int64_t after, int64_t up_to = INT64_MAX) const = 0;
  // The number of the newest local write.
  virtual int64_t newest_write() const = 0;
  // Another value when another connection has committed since. Costs no reading of the file.
  virtual int64_t data_version() const = 0;
  // False when the tables are not those that this object was opened with, or the file under its
  // name is another one: open it anew.
  virtual bool is_current() const = 0;
  virtual std::vector<QueuedMutation> queue() const = 0;  // all, in order
  // Highest client_sequence up to which every verdict is stored in this file.
  virtual int64_t confirmed() const = 0;
  // A fork (docs/forks.md). The identity that the file is about to take: the candidate, or the one
  // that it was about to take when it was last asked.
  virtual std::string next_client_id(const std::string& candidate) = 0;
  // Takes it. `fates`: what sync_fork() said of the mutations that are not judged. Judged ones are
  // settled as by store_verdicts(), `unseen` ones (and those it does not name) stay, pending, with
  // new numbers; `moved` and `unknown` ones leave the queue as rejected, for the reasons fork_moved
  // and fork_unknown. All that is rejected comes back. `begun`: as of store_verdicts();
  // `renumbered`: in the same transaction, when what stays has its new numbers.
  virtual std::vector<Rejection> adopt_identity(const std::string& client_id,
                                                const std::vector<StoredVerdict>& fates,
                                                const std::function<void()>& begun = {},
                                                const std::function<void()>& renumbered = {}) = 0;

  // --- leased keys (docs/keys.md)
  // One entry for each object whose key a sequence of the server's fills.
  virtual std::vector<Lease> leases() const = 0;
  // `first` to `last` by `step`: from now on this file's to give.
  virtual void add_lease(const std::string& object, int64_t first, int64_t last, int64_t step) = 0;
  virtual void drop_leases() = 0;

  virtual std::vector<LocalConflict> conflicts(bool open_only = true) const = 0;
  virtual std::vector<Rejection> rejections() const = 0;
  // A pending mutation leaves the queue, its group with it, and the rows are what the others make
  // of them. Returns what left, with the rows before and after. Later edits of its record go on
  // without an update; an insert or a delete that they build on is mutation_needed, what is not
  // pending any more mutation_sent. `begun`: as of store_verdicts().
  virtual Discarded discard(const std::string& mutation_id,
                            const std::function<void()>& begun = {}) = 0;
  // Writes what a rejected mutation wrote once more, as a local write to the present row (an insert
  // of a record that there is becomes an update), and forgets the rejection. Returns the id of the
  // new mutation, "" if the row is that way already. record_missing: an update without its record.
  virtual std::string retry(const std::string& mutation_id) = 0;
  virtual void dismiss(const std::string& mutation_id) = 0;  // forgets a rejection
  virtual std::vector<LocalDifference> verify_local() const = 0;
  // The app's own triggers on the object tables, and what a changed table took from the app.
  virtual std::vector<AppTrigger> app_triggers() const = 0;
  virtual std::vector<LostStatement> lost_statements() const = 0;
  // What SQLite itself finds wrong with the file, a sentence each; reads all of it.
  virtual std::vector<std::string> integrity_problems() const = 0;
  static std::string sqlite_version();

  // --- the app's own writes (own_writes.cpp)
  // Runs `write` in one transaction whose mutations form one group; rolled back when it throws.
  // Waits 10 s at most for another program's write lock.
  virtual TransactionResult write_group(const std::function<void()>& write) = 0;
  // One statement of the app's, or several if there are no parameters: the rows of the last one.
  virtual std::vector<Row> run_statement(const std::string& sql,
                                         const std::vector<Value>& parameters) = 0;
  // Queues the operation as it is, or as part of the newest mutation, if that is the same burst of
  // typing. ProtocolError where it reaches beyond the text, no_text, record_missing: then nothing
  // is changed. `begun`: as of store_verdicts().
  virtual TextWritten edit_text(const TextWrite& write, const std::function<void()>& begun) = 0;
  // The text as it stands; nothing: there is no such record. NULL is the empty text.
  virtual std::optional<std::string> text(const std::string& object, const std::string& record_id,
                                          const std::string& field) const = 0;
  // Writes the inverse of the newest group that is done (redo: of the one undone last), as one
  // group. Nothing there: nothing_to_undo, nothing_to_redo. An index of the app's that refuses it:
  // statement. docs/undo.md.
  virtual UndoResult invert_group(bool redo) = 0;
  // The groups that can be undone or redone, the newest first.
  virtual std::vector<HistoryGroup> history() const = 0;
  // So many groups are kept from now on; what is beyond goes at once.
  virtual void limit_history(int64_t groups) = 0;

  // The server image of the file, for verification (replica_image.h).
  virtual std::unique_ptr<ImageReader> read_image(uint64_t seed) const = 0;
  virtual std::optional<ImageRow> server_image(const std::string& object,
                                               const std::string& record_id) const = 0;
  // The local row as JSON in wire forms, or nullopt.
  virtual std::optional<std::string> row_json(const std::string& object,
                                              const std::string& record_id) const = 0;
  // Test hook: at most this many pages (PRAGMA max_page_count), to meet a full disk.
  virtual void limit_pages(int64_t pages) = 0;
};

}  // namespace objectos
