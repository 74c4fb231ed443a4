// Writes rows of one object from raw JSON members; prepared once per set of columns.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "json_slices.h"
#include "local_schema.h"
#include "sqlite_handle.h"

namespace objectos {

void bind_value(Statement& statement, int at, const LocalColumn& column, const std::string& raw);
void bind_record_id(Statement& statement, int at, const LocalObject& object,
                    const std::string& record_id);

class RowWriter {
 public:
  RowWriter(sqlite3* database, const LocalObject& object) : database_(database), object_(object) {}
  const LocalObject& object() const { return object_; }
  // Insert or replace the given columns; never an older version over a newer one unless forced.
  void upsert(const RawMembers& row, std::optional<int64_t> version, bool synced, bool force);
  // False if there is no such row.
  bool update(const std::string& record_id, const RawMembers& changes,
              std::optional<int64_t> version);
  bool remove(const std::string& record_id, std::optional<int64_t> up_to_version);
  void remove_older(std::optional<int64_t> version);  // truncate
  std::optional<std::string> read(const std::string& record_id, std::optional<int64_t>* version);
  // UNIQUE indexes of the app's that stood in the way of a row are dropped until the end of the
  // transaction: before its COMMIT call restore_indexes(), when it begins forget_dropped().
  void restore_indexes();
  void forget_dropped() { dropped_indexes_.clear(); }

 private:
  void run_making_room(Statement& statement);
  Statement& prepared(const std::string& sql);
  std::string where_key(int first_parameter) const;
  sqlite3* database_;
  const LocalObject& object_;
  std::unordered_map<std::string, Statement> statements_;
  std::vector<std::string> dropped_indexes_;  // their CREATE statements
};

}  // namespace objectos
