// A SQLite connection that throws, for the floors.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

class Sqlite {
 public:
  explicit Sqlite(const std::string& path);
  ~Sqlite() { sqlite3_close_v2(handle_); }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  void run(const std::string& sql);
  // First column of the first row.
  std::int64_t number(const std::string& sql);
  sqlite3* raw() { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

// A prepared statement whose bindings are 1-based; texts are bound without a copy and must live
// until step() returns.
class SqliteStatement {
 public:
  SqliteStatement(Sqlite& database, const std::string& sql);
  ~SqliteStatement() { sqlite3_finalize(statement_); }
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  void bind(int index, std::string_view text) {
    sqlite3_bind_text(statement_, index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }
  void bind(int index, std::int64_t number) { sqlite3_bind_int64(statement_, index, number); }
  void bind(int index, double number) { sqlite3_bind_double(statement_, index, number); }
  void bind_null(int index) { sqlite3_bind_null(statement_, index); }
  // True while there is a row.
  bool step();
  // Steps a statement without rows to its end and makes it ready again.
  void execute() {
    while (step()) {
    }
    sqlite3_reset(statement_);
  }
  std::string_view text(int column);

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
};

// Removes a database file with its WAL and shared memory.
void remove_file(const std::string& path);
// Writes a file's pages to the disk (fsync).
void flush_file(const std::string& path);

}  // namespace bench
