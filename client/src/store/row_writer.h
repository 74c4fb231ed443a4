// Writes rows of one object from raw JSON members; prepared once per set of columns.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "json_slices.h"
#include "local_schema.h"
#include "sqlite_handle.h"

namespace objectos {

// Binds texts as views: they must live until the statement has run.
void bind_wire_value(Statement& statement, int at, const LocalColumn& column, std::string_view raw);
void bind_record_id(Statement& statement, int at, const LocalObject& object,
                    std::string_view record_id);

class RowWriter {
 public:
  RowWriter(sqlite3* database, const LocalObject& object) : database_(database), object_(object) {}
  const LocalObject& object() const { return object_; }
  // Insert or replace the given columns; never an older version over a newer one unless forced.
  void upsert(const std::vector<JsonSlice>& row, std::optional<int64_t> version, bool synced,
              bool force);
  // False if there is no such row; an older version changes nothing, yet finds it.
  bool update(std::string_view record_id, const std::vector<JsonSlice>& changes,
              std::optional<int64_t> version);
  bool remove(std::string_view record_id, std::optional<int64_t> up_to_version);
  // As the app would write them: versions are none of their business, keys stay, what the server
  // computes is left out.
  void add(const std::vector<JsonSlice>& row);
  void edit(std::string_view record_id, const std::vector<JsonSlice>& changes);
  void remove_keyless();  // rows with a NULL in their key, which no server has
  void remove_older(std::optional<int64_t> version);  // truncate
  std::optional<std::string> read(std::string_view record_id, std::optional<int64_t>* version);
  // UNIQUE indexes of the app's that stood in the way of a row are dropped until the end of the
  // transaction: before its COMMIT call restore_indexes(), when it begins forget_dropped().
  void restore_indexes();
  void forget_dropped() { dropped_indexes_.clear(); }

 private:
  using Columns = std::vector<const LocalColumn*>;
  const LocalColumn* writable(const JsonSlice& field) const;
  using MakeSql = std::string (RowWriter::*)(const Columns&) const;
  // A statement for one list of columns. Rows of a page mostly have the same ones.
  struct Shape {
    std::vector<std::string> names;  // as they come, unknown ones too
    Columns columns;                 // null for an unknown one
    Statement statement;
    bool fits(const std::vector<JsonSlice>& row) const;
  };
  struct Shapes {
    std::unordered_map<std::string, Shape> known;
    Shape* last = nullptr;
  };
  Shape& shape_of(Shapes& shapes, const std::vector<JsonSlice>& row, MakeSql make_sql);
  std::string insert_sql(const Columns& columns) const;
  std::string newer_insert_sql(const Columns& columns) const;
  std::string update_sql(const Columns& columns) const;
  int bind_row(Shape& shape, const std::vector<JsonSlice>& row);
  bool is_there(std::string_view record_id);
  void run_making_room(Statement& statement);
  Statement& prepared(const std::string& sql);
  std::string where_key(int first_parameter) const;
  sqlite3* database_;
  const LocalObject& object_;
  std::unordered_map<std::string, Statement> statements_;
  Shapes inserts_, newer_inserts_, updates_;
  std::vector<std::string> dropped_indexes_;  // their CREATE statements
};

}  // namespace objectos
