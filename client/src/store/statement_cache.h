// Prepared statements of a connection, kept for the next time: preparing takes longer than most of
// them do, and a live round runs twenty.
//
// SQLite prepares a statement again by itself when the schema has changed under it. A statement is
// either here or with the one Statement that took it; so nested work prepares one of its own.
// Threads: a connection's statements are its thread's; the list of connections is anybody's.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

namespace objectos {

class StatementCache {
 public:
  // A file's work has some fifty; what is put together with values in it never comes again.
  static constexpr std::size_t statements_max = 64;
  static constexpr std::size_t text_bytes_max = 2'000;

  StatementCache() = default;
  ~StatementCache() { close(); }
  StatementCache(const StatementCache&) = delete;
  StatementCache& operator=(const StatementCache&) = delete;

  // From now on the connection's statements are kept; until close(), which comes before the
  // connection's own.
  void open(sqlite3* database);
  void close() noexcept;

  // Whether it may be kept at all: DDL is done once, and a PRAGMA works when it is prepared.
  static bool keeps(std::string_view sql) noexcept;
  // One that is kept of this text; null: there is none.
  static sqlite3_stmt* take(sqlite3* database, const std::string& sql) noexcept;
  // Keeps it, or finalizes it.
  static void give_back(sqlite3_stmt* statement) noexcept;

 private:
  static StatementCache* of(sqlite3* database) noexcept;
  void forget_all() noexcept;

  sqlite3* database_ = nullptr;
  std::unordered_multimap<std::string, sqlite3_stmt*> kept_;
};

}  // namespace objectos
