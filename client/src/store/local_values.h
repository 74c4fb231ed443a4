// What a LocalDatabase takes and gives: plain values, and its errors.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "objectos/local_writes.h"
#include "protocol/text_operation.h"

namespace objectos {

enum class StoreErrorKind {
  not_found,         // no such file
  not_ours,          // a file that is no SQLite database, or not one of ours
  read_only,         // the file or its directory cannot be written
  newer_format,      // written by a newer version of this program
  locked,            // another engine has the file open
  busy,              // another program holds the write lock for too long: retry
  disk_full,         // no space (or quota); nothing was changed
  exists,            // create() on a file that is one of ours already, or a table name is taken
  corrupt,           // SQLite says the file is damaged
  constraint,        // a UNIQUE index of the app's refuses what the server holds
  incomplete,        // its initial sync was interrupted
  invalid_input,     // a row, schema or verdict that does not fit
  statement,         // a statement of the app's failed; detail: what it was
  unknown_mutation,  // neither in the queue nor among the rejections
  mutation_sent,     // too late to discard it
  mutation_needed,   // later ones in the queue build on it; detail: which
  record_missing,    // what a rejected update changed is gone
  nothing_to_undo,
  nothing_to_redo,
  no_text,  // no such text field
  query,    // a query of the app's that is none, or that SQLite refuses
  internal,
};

class StoreError : public std::runtime_error {
 public:
  StoreError(StoreErrorKind kind, const std::string& message, std::string detail = {},
             std::string hint = {})
      : std::runtime_error(message), kind(kind), detail(std::move(detail)), hint(std::move(hint)) {}
  StoreErrorKind kind;
  std::string detail, hint;
};

struct LocalColumn {
  std::string name, type, kind;  // kind: "boolean" … "array" (contract of values: value_kinds.h)
  bool generated = false;
  bool is_key = false;
  int attnum = 0;  // the server's number of the column, which a rename leaves alone; 0 = not known
  bool counter = false;      // by strategy: what others add stays
  bool merges_text = false;  // by strategy: edits are operations (docs/text_fields.md)
  std::string key_source;    // of a key column: "uuid", "sequence", or empty: the writer gives it
};

// A trigger of the app's on an object's table. `guarded`: it looks whether the engine applies.
struct AppTrigger {
  std::string object, name;
  bool guarded = false;
};

// An index or trigger of the app's that no longer fits its table, and why.
struct LostStatement {
  std::string object, name, reason;
};

// A UNIQUE index that the app made on an object's table: its columns and their collations.
struct AppUnique {
  std::vector<std::pair<std::string, std::string>> columns;
};

struct LocalObject {
  std::string name;
  std::vector<std::string> key;
  std::vector<LocalColumn> columns;   // schema order; _version and _synced are not among them
  std::vector<AppUnique> app_unique;  // not on expressions: what these displace is not seen
  bool row_security = false;          // as this user reads it: its records have tags
  int column_index(std::string_view name) const;
  bool merges_text() const;                     // any column of it
  bool is_text(std::string_view column) const;  // it merges text
};

// One row of sync_pull(); texts as Postgres gave them, data is JSON text (empty = SQL NULL).
struct PulledRow {
  std::string kind;
  std::optional<int64_t> sequence;
  std::string id, object, record_id, operation, data;
  std::optional<int64_t> version;
  std::string timestamp, user_id, tag, checkpoint;
  bool has_more = false;
};

// The same, as views into a page that outlives the call it is given to.
struct PulledView {
  std::string_view kind, id, object, record_id, operation, data;
  std::optional<int64_t> version;
  std::string_view tag, checkpoint;
  bool has_more = false;

  PulledView() = default;
  explicit PulledView(const PulledRow& row)
      : kind(row.kind),
        id(row.id),
        object(row.object),
        record_id(row.record_id),
        operation(row.operation),
        data(row.data),
        version(row.version),
        tag(row.tag),
        checkpoint(row.checkpoint),
        has_more(row.has_more) {}
};

// In the place of a verdict's status: none. The mutation, and all that follow it, wait for a pull.
inline constexpr std::string_view pull_first = "pull_first";

// One row of sync_push().
struct StoredVerdict {
  std::string mutation_id, status;
  bool duplicate = false;
  std::optional<int64_t> version, sequence;
  std::string reason, resolution;
  std::optional<int64_t> server_version, client_version;
  std::string detail;  // JSON text or empty
};

struct QueuedMutation {
  std::string id;
  int64_t client_sequence = 0;
  std::string object, record_id, operation;
  std::string data, original;  // JSON texts; empty = none
  std::string timestamp;
  std::optional<int64_t> version;
  std::string group, state;  // pending | in_flight | judged
  std::string verdict;       // JSON text or empty
  std::string undo_of;       // id of the mutation that it takes back, or empty
  std::string frozen;        // exact bytes to send (a JSON object); empty while pending. Signed
                             // ones are frozen in their signed form
};

// What one push may hold: mutations, and bytes of their messages. `fold`: steps that follow one
// another on one record become one where the server could not tell (fold.cpp).
struct BatchLimits {
  size_t mutations = 1000;
  size_t bytes = size_t{4} << 20;
  bool fold = false;
  // The text to send for a frozen one, or for what it was sent as before; the same: it stays.
  std::function<std::string(const std::string& frozen)> seal{};
  BatchLimits(size_t of_mutations) : mutations(of_mutations) {}
  BatchLimits(size_t of_mutations, size_t of_bytes, bool folds = false)
      : mutations(of_mutations), bytes(of_bytes), fold(folds) {}
};

// An edit of a text that the app gives.
struct TextWrite {
  std::string object, record_id, field;
  TextOperation operation;
  int64_t now_ms = 0;  // since 1970
  // The text that the operation was made of, if it may be another one by now: then it is moved over
  // the difference.
  std::optional<std::string> seen = {};
  // Called within the transaction with the operation as it is made of the present text, and what it
  // leaves. Must not throw.
  std::function<void(const TextOperation&, const std::string&)> made = {};
};

struct LocalChange {
  std::string object, record_id;
  std::string operation;      // insert | update | delete | removed | truncate (no record_id)
  std::string before, after;  // JSON rows, members in schema order; empty = no row
  std::optional<int64_t> version;
};

struct TextWritten {
  std::string text;  // afterwards
  // Where it joined a mutation that is in the queue already, whose number tells nobody of it.
  std::optional<LocalChange> change;
};

// What writes of this device did, up to a number of the queue.
struct LocalWrites {
  std::vector<LocalChange> changes;
  int64_t last = 0;
};

struct WrittenObjects {
  std::set<std::string, std::less<>> objects;
  int64_t last = 0;  // number of the newest write
};

// A query's result. `key`: the columns of it that name a row: of every object whose whole key is in
// the result; empty: none is.
struct QueryResult {
  std::vector<std::string> columns;
  std::vector<Row> rows;
  std::vector<size_t> key;
  std::set<std::string, std::less<>> tables;  // that it reads, through views too
};

// Which objects' changes are to be listed.
struct Listing {
  bool wanted = false;
  std::set<std::string, std::less<>> objects{};  // empty: all
  bool covers(std::string_view object) const {
    return wanted && (objects.empty() || objects.count(object) > 0);
  }
};

struct Rejection {
  std::string mutation_id;
  int64_t client_sequence = 0;
  std::string object, record_id, operation, reason, detail;  // detail: JSON text
  std::string data, original;                                // what was tried
  std::string before, after;  // the local row before and after the undo (JSON; empty = no row)
  std::string rejected_at;
};

// What left the queue because the app wanted it, and each one's row before and after, in order.
struct Discarded {
  std::vector<QueuedMutation> mutations;
  std::vector<Rejection> rows;
};

struct LocalConflict {
  std::string conflict_id, mutation_id, object, record_id, reason, status, resolution;
  std::string data;  // the whole conflict as JSON
};

struct SyncState {
  std::string checkpoint;  // empty = never pulled
  std::string last_sync;   // ISO 8601 UTC or empty
  std::string client_id, user_id, epoch;
  std::string server;  // connection string without password
  std::string schema;  // sync_schema() JSON text
  int64_t confirmed = 0;
  bool complete = false;
  int64_t clock_offset_ms = 0;
  int64_t format = 1;
};

// What the file wants of the server, as the JSON of protocol/filter.h; empty: everything.
struct LocalSubscription {
  std::string accepted;               // by the server, in its form
  std::optional<std::string> wanted;  // asked for since, and not answered yet
};

struct StoreCounters {
  int64_t pending = 0, in_flight = 0, judged = 0;  // of _mutations
  int64_t conflicts_open = 0, rejections = 0;
  int64_t highest_client_sequence = 0;  // ever given out by this file
};

// The numbers that a file may still give to new records of an object.
struct Lease {
  std::string object;
  int64_t left = 0;
};

struct RoundResult {
  std::vector<LocalChange> changes;  // only if they were asked for; each record once
  int64_t change_count = 0;
  std::set<std::string, std::less<>> objects;  // whose tables may be other ones now
  std::vector<std::string> acknowledged;       // mutation ids that left the queue
  bool schema_changed = false;
  std::vector<std::string> lost;  // the app's indexes, triggers and views that no longer fit
  int64_t missing_rows = 0;       // an update named a record this file has not: re-read is needed
  std::string checkpoint;
  bool has_more = false;
};

}  // namespace objectos
