// Rows into a table of ours without a statement: heap pages are filled many rows at a time, and the
// indexes get their entries one by one (a unique one refuses a second row as ever).
//
// For tables without triggers, defaults and generated columns. Nothing is checked against rights:
// the table is ours. Values live until their batch is written.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "pg_ext/boundary.h"

namespace objectos::server {

class BulkInsert {
 public:
  // `table`: in schema objectos_sync.
  explicit BulkInsert(const char* table);
  BulkInsert(const BulkInsert&) = delete;
  BulkInsert& operator=(const BulkInsert&) = delete;

  // The row's next column.
  BulkInsert& null();
  BulkInsert& text(std::string_view bytes);          // text, bytea and json that is known to be one
  BulkInsert& text_or_null(std::string_view bytes);  // empty: NULL
  BulkInsert& int8(std::optional<std::int64_t> value);  // none: NULL
  BulkInsert& int2(std::int16_t value);
  BulkInsert& input(std::string_view text);  // any type, by its input function
  void end_row();
  // Writes what is left. Without it (an exception passes) the abort cleans up.
  void finish();

 private:
  void add(std::uintptr_t value, bool is_null);
  void flush();

  char* room(std::size_t bytes);  // within the batch's block, aligned for any type

  static constexpr int batch_rows = 256;
  void* context_;      // MemoryContext
  void* row_context_;  // MemoryContext: values of the batch that an input function made
  void* relation_;     // Relation
  void* state_;        // EState*
  void* result_;       // ResultRelInfo*
  void* slots_[batch_rows];
  int slots_made_ = 0;
  int count_ = 0;   // rows in the batch
  int column_ = 0;  // of the row being built
  // The batch's other values: made without a guard for each.
  std::vector<std::vector<char>> blocks_;
  std::size_t block_left_ = 0;
};

}  // namespace objectos::server
