// Owners for SQLite's handles; every error code becomes a StoreError. Only the store includes this.
#pragma once

#include <sqlite3.h>

#include <optional>
#include <string>
#include <string_view>

#include "local_database.h"

namespace objectos {

[[noreturn]] void throw_sqlite(sqlite3* database, int code);
std::string quote_name(std::string_view name);  // "na""me"
std::string quote_text(std::string_view text);  // 'te''xt'

class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* database, const std::string& sql);
  // The first statement of `sql`; `unread` gets what follows it. No handle: there was none.
  Statement(sqlite3* database, std::string_view sql, std::string_view& unread);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  Statement& bind(int at, std::string_view text);
  // The text must live until the statement has run.
  Statement& bind_view(int at, std::string_view text);
  Statement& bind(int at, int64_t value);
  Statement& bind(int at, std::optional<int64_t> value);
  Statement& bind_null(int at);
  Statement& bind_text_or_null(int at, std::string_view text);  // empty becomes NULL
  bool step();                                                  // true: a row
  void run();                                                   // step and reset
  void reset() { sqlite3_reset(handle_); }
  std::string text(int column) const;
  int64_t integer(int column) const { return sqlite3_column_int64(handle_, column); }
  bool is_null(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }
  std::optional<int64_t> integer_or_none(int column) const;
  sqlite3_stmt* handle() const { return handle_; }

 private:
  void check(int code);
  sqlite3_stmt* handle_ = nullptr;
  bool kept_ = false;  // by the connection, when this is done (statement_cache.h)
};

void run_sql(sqlite3* database, const std::string& sql);

// BEGIN IMMEDIATE … COMMIT; rolled back when destroyed open.
class WriteTransaction {
 public:
  explicit WriteTransaction(sqlite3* database) : database_(database) {
    Statement(database_, "BEGIN IMMEDIATE").run();
  }
  ~WriteTransaction() {
    if (database_ != nullptr && sqlite3_get_autocommit(database_) == 0)
      sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  WriteTransaction(const WriteTransaction&) = delete;
  void commit() {
    Statement(database_, "COMMIT").run();
    database_ = nullptr;
  }

 private:
  sqlite3* database_;
};

}  // namespace objectos
