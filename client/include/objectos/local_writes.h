// What the app itself writes: transactions that form one group.
// Plain data but for Transaction, which lives as long as the call that it is handed to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "objectos/value.h"

namespace objectos {

class LocalDatabase;

// The app's own statements within SyncEngine::transaction(). Belongs to the thread that got it.
// An Error of class usage, code "statement_failed", when SQLite refuses a statement (also one that
// would begin or end a transaction); the app may catch it and go on.
class Transaction {
 public:
  explicit Transaction(LocalDatabase& database) : database_(database) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Parameters are bound to ?1, ?2, … in order. Without parameters `sql` may hold several
  // statements. Rows that a statement yields are dropped by execute().
  void execute(const std::string& sql, const std::vector<Value>& parameters = {});
  std::vector<Row> query(const std::string& sql, const std::vector<Value>& parameters = {});

 private:
  LocalDatabase& database_;
};

struct TransactionResult {
  std::string group;           // of all its mutations; the server applies or rejects it whole
  std::int64_t mutations = 0;  // queued by it
};

// A mutation of this file that can be undone or redone.
struct HistoryMutation {
  std::string mutation_id;
  std::string object, record_id;
  std::string operation;       // insert, update, delete
  std::string data, original;  // JSON objects: what it wrote, what was there before; or empty
};

// One group of them, as the file has it now: of an undone one, what undid it.
struct HistoryGroup {
  std::int64_t number = 0;  // upwards; the newest is undone first
  std::string written_at;   // ISO 8601, UTC: of the group's first write
  std::string state;        // done, undone
  std::vector<HistoryMutation> mutations;
};

// What an undo or redo left alone, for it is no longer what the group had written.
struct LeftAlone {
  std::string object, record_id;
  std::string field;    // empty: the whole record, which is there again
  std::string written;  // JSON value that the group wrote; empty: it had deleted the record
  std::string found;    // JSON value, or row, that stands now; empty: the record is gone
};

struct UndoResult {
  std::string group;            // of the mutations that it wrote; empty: there was nothing to write
  std::int64_t mutations = 0;   // queued by it
  std::vector<LeftAlone> left;  // others' later work, which stays
};

// A record that is not what its base image and its queued mutations make of it.
struct LocalDifference {
  std::string object, record_id;
  // JSON rows; empty = no row. `expected` is empty, too, where base image or queue cannot be read.
  std::string expected, found;
};

}  // namespace objectos
