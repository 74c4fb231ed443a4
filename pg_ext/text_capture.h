// What a changed row's texts mean as operations: for the log, and for objectos_sync.text_ops.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg_ext/bulk_insert.h"
#include "pg_ext/catalog.h"
#include "pg_ext/push_origin.h"

namespace objectos::server {

// Use: for each updated row change() with its changed text columns, then keep() once its log row is
// numbered; finish() at the end. On an exception abort cleans up.
class TextCapture {
 public:
  // `columns`: of a partition, too, whose columns may have other numbers than the root's.
  TextCapture(const ObjectInfo& object, const std::vector<const ColumnInfo*>& columns);

  bool has_texts() const noexcept { return !texts_.empty(); }
  // The columns that merge text, as indexes.
  const std::vector<std::size_t>& texts() const noexcept { return texts_; }

  // A column's text went from `before` to `after` (nothing: NULL) by this mutation (none: plain
  // SQL). A text that was NULL, or that no operation of ours leads to, is a new beginning.
  void change(std::size_t column, const std::optional<std::string>& before,
              const std::optional<std::string>& after, PushedMutation* mutation);
  // An edit that changed the text of a column, and is followed by others in the same row.
  void change(std::size_t column, const CommittedText& edit);
  // Whether the mutation's edit did nothing to the column's text, which stands as it left it.
  bool left_alone(std::size_t column, const std::optional<std::string>& after,
                  const PushedMutation* mutation) const;
  // The row is another one, whatever its texts were.
  void replace_all();

  // What the log holds in the place of the values: the operation, and the one that takes it back.
  // By column, empty: the value itself. Nothing for a row without changed texts.
  const std::vector<std::string>* data() const { return changes_.empty() ? nullptr : &data_; }
  const std::vector<std::string>* original() const {
    return changes_.empty() ? nullptr : &original_;
  }

  // `client_id`: of the mutation, where there is one.
  void keep(const std::string& object, const std::string& record_id, std::int64_t revision,
            std::int64_t sequence, const std::string* mutation_id, const std::string& client_id);
  void finish();

 private:
  struct Change {
    std::size_t column;
    std::string operation;  // JSON; empty: none
  };
  void clear();

  const std::vector<const ColumnInfo*>& columns_;
  std::vector<std::size_t> texts_;
  std::vector<std::int16_t> fields_;  // by column: the root's attnum
  std::vector<Change> changes_;       // of the row
  std::vector<std::string> data_, original_;
  std::optional<BulkInsert> rows_;
};

// The text of a value of a text type, detoasted into the current memory context.
std::string text_value(Datum value);

}  // namespace objectos::server
