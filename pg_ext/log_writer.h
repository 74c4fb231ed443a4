// Writes rows of objectos_sync.mutations in batches, without SQL: bulk heap insert, then index
// entries by the executor.
//
// Order: the transaction has its xid before its first sequence is drawn, and every sequence is drawn
// after the change it stands for was made (DESIGN section 5). Commit is made synchronous, for a
// sequence that a client has seen must not be given away again by a crash.
// Use: construct, for each row row() and fill it, add(); finish() at the end. On an exception abort
// cleans up; the destructor calls nothing.
#pragma once

#include <cstdint>
#include <string>

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
  std::int64_t version = 0;
  bool exact = false;
};

class LogWriter {
 public:
  LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Where a row's data and original are to be built; emptied after each batch.
  void* row_context() const noexcept { return row_context_; }
  // Returns the row's sequence.
  std::int64_t add(const LogRow& row);
  void finish();

 private:
  void open();
  void flush();

  bool open_ = false;
  int count_ = 0;
  Oid sequence_relid_ = 0;
  std::uint64_t xid_ = 0;
  void* context_ = nullptr;      // MemoryContext: slots, executor state
  void* row_context_ = nullptr;  // MemoryContext: values of the batch
  void* relation_ = nullptr;     // Relation
  void* state_ = nullptr;        // EState
  void* result_ = nullptr;       // ResultRelInfo
  void* bulk_ = nullptr;         // BulkInsertState
  void* slots_ = nullptr;        // TupleTableSlot*[log_batch_rows], made as needed
  int slots_made_ = 0;
  unsigned char random_[16 * 64];
  int random_left_ = 0;
};

}  // namespace objectos::server
