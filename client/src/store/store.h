// The implementation of LocalDatabase, spread over files by role: store.cpp (file, state),
// queue.cpp (batches and verdicts), rebase.cpp (base image (+) queue), round_applier.cpp,
// bulk_loader.cpp.
#pragma once

#include <map>
#include <memory>

#include "engine_lock.h"
#include "record_texts.h"
#include "row_writer.h"
#include "statement_cache.h"

namespace objectos {

// What the queue makes of a record: nullopt = no row.
using Image = std::optional<RawMembers>;
Image applied(Image row, const std::string& operation, const RawMembers& data);
// The server prints 0.1, SQLite 0.1000000000000000055: the same double. nullptr: SQL NULL.
bool same_value(const LocalColumn& column, const std::string* left, const std::string* right);
// An update's data without the fields that it did not change.
RawMembers changed_fields(const std::string& operation, const std::string& data,
                          const std::string& original);

// Whether both might be one: neither is of a group, and they are steps of one record (fold.cpp).
bool may_fold(const QueuedMutation& first, const QueuedMutation& then);

// Tables that a long round has built anew, seen from the transaction that ends it.
class ReplacedTables {
 public:
  virtual ~ReplacedTables() = default;
  // A record whose queue has changed; false if its table is not one of them.
  virtual bool take(const std::string& object, const std::string& record_id) = 0;
  // The new tables take their places.
  virtual void complete() = 0;
};

// How long a statement waits for another program's lock.
inline constexpr int busy_timeout_ms = 10'000;

class Store : public LocalDatabase {
 public:
  Store() = default;
  ~Store() override;
  void connect(const std::string& path, Mode mode, bool may_create);
  void load_schema();
  void create_tables(const CreateOptions& options);

  const std::vector<LocalObject>& objects() const override { return objects_; }
  SyncState state() const override;
  void set_identity(const std::string& client_id, const std::string& user_id,
                    const std::string& epoch) override;
  void set_server(const std::string& server) override;
  void set_clock_offset(int64_t milliseconds) override;
  LocalSubscription subscription() const override;
  void want_subscription(const std::string& subscription) override;
  void accept_subscription(const std::string& subscription) override;
  void forget_wanted_subscription() override;
  void forget_checkpoint() override;
  std::unique_ptr<BulkLoader> begin_load() override;
  std::unique_ptr<RoundApplier> begin_round(const Listing& listing) override;
  std::unique_ptr<RoundApplier> begin_round(const Listing& listing, ReplacedTables* replaced);
  std::unique_ptr<RoundApplier> begin_long_round(LongRoundWays ways) override;
  void tidy() override;
  StoreCounters counters() const override;
  std::vector<Rejection> reject_unreadable(const std::function<void()>& begun) override;
  std::vector<QueuedMutation> next_batch(BatchLimits limits, int64_t after,
                                         const std::function<void()>& begun) override;
  void thaw(const std::vector<QueuedMutation>& batch) override;
  std::vector<Rejection> store_verdicts(const std::vector<StoredVerdict>& verdicts,
                                        const std::function<void()>& begun) override;
  LocalWrites local_writes(int64_t after, const Listing& listing) const override;
  WrittenObjects written_since(int64_t after) const override;
  QueryResult run_query(const std::string& sql,
                        const std::vector<Value>& parameters) const override;
  void check_query(const std::string& sql, const std::vector<Value>& parameters) const override;
  void interrupt() const noexcept override;
  int64_t newest_write() const override;
  void wait_for_disk(bool wait) override;
  void make_durable() override;
  int64_t data_version() const override;
  bool is_current() const override;
  std::vector<QueuedMutation> queue() const override;
  int64_t confirmed() const override;
  std::string oldest_pending(int64_t after, int64_t up_to) const override;
  std::string next_client_id(const std::string& candidate) override;
  std::vector<Rejection> adopt_identity(const std::string& client_id,
                                        const std::vector<StoredVerdict>& fates,
                                        const std::function<void()>& begun,
                                        const std::function<void()>& renumbered) override;
  std::vector<Lease> leases() const override;
  void add_lease(const std::string& object, int64_t first, int64_t last, int64_t step) override;
  void drop_leases() override;
  std::vector<LocalConflict> conflicts(bool open_only) const override;
  std::vector<Rejection> rejections() const override;
  Discarded discard(const std::string& id, const std::function<void()>& begun) override;
  std::string retry(const std::string& id) override;
  void dismiss(const std::string& id) override;
  std::vector<LocalDifference> verify_local() const override;
  std::vector<AppTrigger> app_triggers() const override;
  std::vector<LostStatement> lost_statements() const override;
  std::vector<std::string> integrity_problems() const override;
  std::unique_ptr<ImageReader> read_image(uint64_t seed) const override;
  std::optional<ImageRow> server_image(const std::string& object,
                                       const std::string& record_id) const override;
  std::optional<std::string> row_json(const std::string& object,
                                      const std::string& record_id) const override;
  void limit_pages(int64_t pages) override;
  TransactionResult write_group(const std::function<void()>& write) override;
  std::vector<Row> run_statement(const std::string& sql,
                                 const std::vector<Value>& parameters) override;
  TextWritten edit_text(const TextWrite& wanted, const std::function<void()>& begun) override;
  std::optional<std::string> text(const std::string& object, const std::string& record_id,
                                  const std::string& field) const override;
  UndoResult invert_group(bool redo) override;
  std::vector<HistoryGroup> history() const override;
  void limit_history(int64_t groups) override;

  sqlite3* database() const { return database_; }
  const std::string& path() const { return path_; }
  RowWriter& writer(const std::string& object) const;
  bool knows(const std::string& object) const;
  // The server tells of every conflict that the user may see: those of records that are not in the
  // file, because it does not subscribe to them, are none of its.
  void drop_conflicts_of_others();
  std::vector<QueuedMutation> queue_of(const std::string& object,
                                       const std::string& record_id) const;
  std::optional<QueuedMutation> queued_number(int64_t client_sequence) const;
  // Between these a transaction writes many rows: a bigger cache, and no triggers unless the app
  // has some (the queue's do nothing while the engine applies, but looking costs). end_bulk() may
  // come twice.
  void begin_bulk(int cache_mib);
  void end_bulk() noexcept;
  // Outside a transaction: a file that was made beside its place goes to the disk and under its
  // name. Nothing when it is there already.
  void publish();
  void leave_no_lock() noexcept { lock_->leave_nothing(); }  // an engine's
  void follow_at_open();
  // Within a transaction: the app's indexes and triggers that were made since.
  void follow_indexes();
  // First in a transaction: another connection may have changed the schema since.
  void follow_schema();
  void restore_indexes();
  // Within a transaction with _applying set:
  // Returns what of the app's no longer fits (app_statements.h), for people.
  std::vector<std::string> migrate_tables(const std::string& schema);
  // Rolls the transaction in which the tables were migrated back, in memory, too.
  void forget_migration() noexcept;
  bool merges_text(std::string_view object) const;  // has a text field; false for no object
  struct BaseImage {
    Image row;  // nullopt also where it cannot be read
    std::optional<int64_t> version;
  };
  BaseImage base_image(const std::string& object, const std::string& record_id) const;
  // Before the text that they were made of goes: queued edits of it become values.
  void make_plain_texts(const std::string& object, const std::string& record_id);
  // `version`: of the base image, or, over queued mutations, the one that the last of them claims.
  Image expected_row(const std::string& object, const std::string& record_id,
                     std::optional<int64_t>* version) const;
  // Before base images go: the history takes the server's forms of what it sent
  // (history_forms.cpp).
  void take_server_forms();
  // Where OBJECTOS_CHECK_LOCAL is set in the environment: an error, before the commit, if a record
  // that rebase() was called for is not what base image and queue say.
  void check_rebased();
  // Writes base (+) queue to the local row; drops the base image when nothing is queued.
  void rebase(const std::string& object, const std::string& record_id);

 private:
  void take_engine_lock(const std::string& path);
  int64_t last_number() const;
  // --- text fields (text_queue.cpp, record_texts.h), within a write transaction
  bool has_plain_text(const QueuedMutation& mutation) const;
  RecordTexts queued_texts(const std::string& object, const std::string& record_id) const;
  // What plain SQL wrote to the record's texts becomes operations.
  void make_operations(const std::string& object, const std::string& record_id);
  void make_all_plain_texts(const LocalObject& object);
  void make_plain_for(const std::vector<LocalObject>& next);  // objects of another schema
  void withdraw_texts(const QueuedMutation& mutation);
  // Data and original, texts as values.
  std::pair<std::string, std::string> plain_values(const QueuedMutation& mutation) const;
  std::optional<QueuedMutation> open_burst(const std::string& object, const std::string& record_id,
                                           const std::string& field, int64_t now_ms) const;
  void join_burst(const QueuedMutation& last, const std::string& field,
                  const TextOperation& operation);
  // Takes a mutation out of the queue; the row is what the others make of the base image.
  Rejection take_out(const QueuedMutation& mutation, const StoredVerdict& verdict);
  // The same, and remembers it among the rejections.
  Rejection reject(const QueuedMutation& mutation, const StoredVerdict& verdict);
  static std::vector<QueuedMutation> queued(Statement& rows);
  static QueuedMutation queued_at(const Statement& row);  // of queue_sql::columns
  std::vector<QueuedMutation> queued_with_group(const std::string& id) const;
  void rewind_later(const QueuedMutation& mutation);
  void write_again(const Rejection& rejected);
  void merge_texts(const Rejection& rejected, RawMembers& values) const;
  bool forget_rejection(const std::string& id);
  void reject_undo_of(const std::string& mutation_id, std::vector<Rejection>& rejected);
  static void store_verdict(Statement& judge, int64_t client_sequence,
                            const StoredVerdict& verdict);
  void renumber_unjudged();
  std::vector<QueuedMutation> in_flight_after(int64_t after, BatchLimits limits) const;
  std::vector<QueuedMutation> pending_after(int64_t after, BatchLimits limits);
  static size_t message_bytes(const QueuedMutation& mutation);
  void fold(std::vector<QueuedMutation>& batch);
  std::optional<LocalDifference> difference_of(const std::string& object,
                                               const std::string& record_id) const;
  void leave_out_in_flight(std::vector<QueuedMutation>& batch, size_t max) const;
  static std::string frozen_payload(const QueuedMutation& mutation);
  void seal_again(std::vector<QueuedMutation>& sent, const BatchLimits& limits);
  void open_file(const std::string& file, int flags);
  void build_beside(const std::string& path);
  void serve();
  sqlite3* database_ = nullptr;
  StatementCache statements_;  // of database_
  std::string path_;
  bool on_disk_ = true;  // all that this object has committed
  bool beside_ = false;  // database_ is path_ + "-cloning"
  bool bulk_ = false;
  std::optional<EngineLock> lock_;  // let go when the database is closed
  std::vector<LocalObject> objects_;
  std::set<std::pair<std::string, std::string>> rebased_;  // to be checked
  int64_t schema_loaded_ = -1;  // SQLite's schema_version when the objects were read
  int64_t indexes_seen_ = -1;   // SQLite's schema_version when the app's indexes were looked at
  mutable std::map<std::string, std::unique_ptr<RowWriter>> writers_;
};

// Keeps the queue triggers still inside one transaction, which may pass over the app's UNIQUE
// indexes until done(). Begin it right after the transaction; it follows indexes made since.
class Applying {
 public:
  explicit Applying(Store& store) : store_(store) {
    store_.follow_indexes();
    Statement(store_.database(), "INSERT INTO _applying VALUES('engine')").run();
    Statement(store_.database(), "DELETE FROM _replaced").run();
  }
  void done() {
    store_.restore_indexes();
    store_.check_rebased();
    Statement(store_.database(), "DELETE FROM _applying").run();
  }

 private:
  Store& store_;
};

}  // namespace objectos
