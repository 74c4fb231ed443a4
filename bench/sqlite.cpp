#include "sqlite.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

namespace bench {

Sqlite::Sqlite(const std::string& path) {
  if (sqlite3_open(path.c_str(), &handle_) != SQLITE_OK)
    throw std::runtime_error("cannot open " + path);
  sqlite3_busy_timeout(handle_, 10'000);
}

void Sqlite::run(const std::string& sql) {
  char* message = nullptr;
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, &message) != SQLITE_OK) {
    const std::string text = message != nullptr ? message : "unknown";
    sqlite3_free(message);
    throw std::runtime_error("sqlite: " + text + " in: " + sql.substr(0, 200));
  }
}

std::int64_t Sqlite::number(const std::string& sql) {
  SqliteStatement statement(*this, sql);
  if (!statement.step()) throw std::runtime_error("no row: " + sql);
  return std::stoll(std::string(statement.text(0)));
}

SqliteStatement::SqliteStatement(Sqlite& database, const std::string& sql)
    : database_(database.raw()) {
  if (sqlite3_prepare_v2(database_, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK)
    throw std::runtime_error("sqlite: " + std::string(sqlite3_errmsg(database_)) + " in: " + sql);
}

bool SqliteStatement::step() {
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    throw std::runtime_error("sqlite: " + std::string(sqlite3_errmsg(database_)));
  return code == SQLITE_ROW;
}

std::string_view SqliteStatement::text(int column) {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return {bytes == nullptr ? "" : bytes,
          static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void remove_file(const std::string& path) {
  std::error_code ignored;  // a file that is not there is what we want
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    std::filesystem::remove(path + suffix, ignored);
}

void flush_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY);
  if (file < 0 || fsync(file) != 0) throw std::runtime_error("cannot fsync " + path);
  close(file);
}

}  // namespace bench
