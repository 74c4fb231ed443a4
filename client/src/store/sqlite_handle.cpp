#include "sqlite_handle.h"

#include <utility>

#include "statement_cache.h"

namespace objectos {

void throw_sqlite(sqlite3* database, int code) {
  std::string message = database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database);
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
      throw StoreError(StoreErrorKind::disk_full, "the local database could not be written",
                       message, "Free disk space and sync again; nothing was changed.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw StoreError(StoreErrorKind::busy, "another program holds the local database's lock",
                       message, "Try again when it has finished its transaction.");
    case SQLITE_CORRUPT:
      throw StoreError(StoreErrorKind::corrupt, "the local database is damaged", message,
                       "Save the file; clone again.");
    case SQLITE_NOTADB:
      throw StoreError(StoreErrorKind::not_ours, "the file is not a SQLite database", message);
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw StoreError(StoreErrorKind::read_only, "the local database is read-only", message);
    case SQLITE_CANTOPEN:
      throw StoreError(StoreErrorKind::not_found, "the local database cannot be opened", message);
    default:
      throw StoreError(StoreErrorKind::internal, "SQLite refused a statement", message);
  }
}

std::string quote_with(std::string_view text, char mark) {
  std::string out(1, mark);
  for (char c : text) {
    out += c;
    if (c == mark) out += c;
  }
  return out + mark;
}
std::string quote_name(std::string_view name) {
  return quote_with(name, '"');
}
std::string quote_text(std::string_view text) {
  return quote_with(text, '\'');
}

Statement::Statement(sqlite3* database, const std::string& sql)
    : handle_(nullptr), kept_(StatementCache::keeps(sql)) {
  if (kept_) handle_ = StatementCache::take(database, sql);
  if (handle_ != nullptr) return;
  int code = sqlite3_prepare_v3(database, sql.data(), static_cast<int>(sql.size()),
                                SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
  if (code != SQLITE_OK) throw_sqlite(database, code);
}
Statement::Statement(sqlite3* database, std::string_view sql, std::string_view& unread) {
  const char* tail = nullptr;
  int code =
      sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &handle_, &tail);
  if (code != SQLITE_OK) throw_sqlite(database, code);
  unread = sql.substr(static_cast<size_t>(tail - sql.data()));
}
Statement::Statement(Statement&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), kept_(other.kept_) {}
Statement::~Statement() {
  if (kept_ && handle_ != nullptr)
    StatementCache::give_back(handle_);
  else
    sqlite3_finalize(handle_);
}
Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(kept_, other.kept_);
  return *this;
}

void Statement::check(int code) {
  if (code != SQLITE_OK) throw_sqlite(sqlite3_db_handle(handle_), code);
}
Statement& Statement::bind(int at, std::string_view text) {
  check(sqlite3_bind_text64(handle_, at, text.data() == nullptr ? "" : text.data(), text.size(),
                            SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}
Statement& Statement::bind_view(int at, std::string_view text) {
  check(sqlite3_bind_text64(handle_, at, text.data() == nullptr ? "" : text.data(), text.size(),
                            SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}
Statement& Statement::bind(int at, int64_t value) {
  check(sqlite3_bind_int64(handle_, at, value));
  return *this;
}
Statement& Statement::bind(int at, std::optional<int64_t> value) {
  return value ? bind(at, *value) : bind_null(at);
}
Statement& Statement::bind_null(int at) {
  check(sqlite3_bind_null(handle_, at));
  return *this;
}
Statement& Statement::bind_text_or_null(int at, std::string_view text) {
  return text.empty() ? bind_null(at) : bind(at, text);
}
bool Statement::step() {
  int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* database = sqlite3_db_handle(handle_);
  try {
    throw_sqlite(database, code);
  } catch (...) {
    sqlite3_reset(handle_);
    throw;
  }
}
void Statement::run() {
  while (step()) {
  }
  reset();
}
std::string Statement::text(int column) const {
  auto bytes = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(handle_, column))};
}
std::optional<int64_t> Statement::integer_or_none(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

void run_sql(sqlite3* database, const std::string& sql) {
  int code = sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw_sqlite(database, code);
}

}  // namespace objectos
