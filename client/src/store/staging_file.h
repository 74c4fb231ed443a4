// A SQLite file of one long round's own, beside the file that it is for: the rows that wait, and
// copies of the tables that are built anew. Nobody else can open it (its name is taken away at
// once), so nothing of it is left by a crash, and it has neither journal nor syncs.
#pragma once

#include <functional>
#include <string>

#include "local_schema.h"
#include "sqlite_handle.h"

namespace objectos {

class StagingFile {
 public:
  // `live`: path of the file that the round is for.
  explicit StagingFile(const std::string& live);
  ~StagingFile();
  StagingFile(const StagingFile&) = delete;
  StagingFile& operator=(const StagingFile&) = delete;

  sqlite3* database() const { return database_; }
  // The object's rows as the live file has them; then `more`, which sees the live file of the same
  // moment as schema `live`. Statements that were prepared before stay good.
  void copy_table(const LocalObject& object, const std::function<void()>& more);

  // Rows of the round in their order.
  void keep(const PulledView& row);
  // Hands over the kept rows (of one object, or all) and forgets them.
  void take(const std::string& object, const std::function<void(const PulledView&)>& each);
  void take_all(const std::function<void(const PulledView&)>& each);

 private:
  void hand_over(const std::string& condition, const std::string& object,
                 const std::function<void(const PulledView&)>& each);
  void begin() { run_sql(database_, "BEGIN"); }

  const std::string live_;
  sqlite3* database_ = nullptr;
  Statement keep_;
};

}  // namespace objectos
