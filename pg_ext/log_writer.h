// Writes rows of objectos_sync.mutations in batches, without SQL: bulk heap insert, then index
// entries by the executor.
//
// Order: the transaction has its xid before its first sequence is drawn, and every sequence is
// drawn after the change it stands for was made (DESIGN section 5). Commit is made synchronous, for
// a sequence that a client has seen must not be given away again by a crash.
//
// The first row of each batch bears batch_end, the sequence of the last. Only such rows are in the
// index by xid: a transaction's rows are found through its batches, at one entry per batch.
//
// Use: construct, for
// each row row() and fill it, add(); finish() at the end. On an exception abort cleans up; the
// destructor calls nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg_ext/boundary.h"

namespace objectos::server {

inline constexpr int log_batch_rows = 1000;

struct LogRow {
  std::string_view id;  // uuid text; empty: a fresh one
  const std::string* client_id = nullptr;
  const std::int64_t* client_sequence = nullptr;
  const std::string* user_id = nullptr;
  const std::string* device = nullptr;
  std::string_view object;
  std::string_view record_id;
  const char* operation = nullptr;
  Datum data = 0;      // jsonb; 0 is NULL
  Datum original = 0;  // jsonb; 0 is NULL
  const std::int64_t* version = nullptr;
  bool exact = false;
};

class LogWriter {
 public:
  LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // About how many rows are to come: so many sequences are drawn at once, up to a batch of them.
  // All changes that these rows stand for must have been made.
  void expect(std::int64_t rows) noexcept { expected_ = rows; }
  // Call before building a row's data and original: it may write the batch out and empty the
  // context.
  void make_room();
  // Where a row's data and original are to be built; emptied after each batch.
  void* row_context() const noexcept { return row_context_; }
  // Returns the row's sequence.
  std::int64_t add(const LogRow& row);
  void finish();

 private:
  void open();
  void flush();
  void sort_indexes(void* opened);
  std::int64_t next_sequence();
  void set_id(void* to, std::string_view text);
  void index_batch();

  bool open_ = false;
  int count_ = 0;
  Oid sequence_relid_ = 0;
  std::int64_t expected_ = 0;    // rows, beyond those a sequence is drawn for
  std::int64_t next_drawn_ = 0;  // sequences drawn and not given yet: the first,
  std::int64_t drawn_left_ = 0;  // and how many
  std::uint64_t xid_ = 0;
  void* context_ = nullptr;      // MemoryContext: slots, executor state
  void* row_context_ = nullptr;  // MemoryContext: values of the batch
  void* relation_ = nullptr;     // Relation
  void* state_ = nullptr;        // EState
  void* result_ = nullptr;       // ResultRelInfo
  void* bulk_ = nullptr;         // BulkInsertState
  void* slots_ = nullptr;        // TupleTableSlot*[log_batch_rows], made as needed
  int slots_made_ = 0;
  void* by_sequence_ = nullptr;             // Relation, of result_
  void* by_sequence_info_ = nullptr;        // IndexInfo
  bool other_indexes_ = false;              // some that every row may have to go into
  std::int64_t sequences_[log_batch_rows];  // by row of the batch
  bool is_delete_[log_batch_rows];
};

// A row for those who write few: values as text.
struct LogEntry {
  std::optional<std::string> mutation_id;  // uuid text; none: a fresh one
  std::optional<std::string> client_id;
  std::optional<std::int64_t> client_sequence;
  std::string user_id;
  std::optional<std::string> device;
  std::string object;
  std::string record_id;
  const char* operation = "";
  std::string data;      // JSON text; empty: NULL
  std::string original;  // JSON text; empty: NULL
  std::optional<std::int64_t> version;
  bool exact = false;
};

// Writes the entries in their order; returns their sequences. Needs no rights of the caller.
std::vector<std::int64_t> write_log(const std::vector<LogEntry>& entries);

}  // namespace objectos::server
