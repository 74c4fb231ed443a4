#include "statement_cache.h"

#include <exception>
#include <map>
#include <mutex>
#include <utility>

namespace objectos {

namespace {

struct Connections {
  std::mutex mutex;
  std::map<sqlite3*, StatementCache*> caches;
};

// Never destroyed: a file may be closed while the process ends.
Connections& connections() {
  static auto* const all = new Connections;
  return *all;
}

}  // namespace

void StatementCache::open(sqlite3* database) {
  close();
  Connections& all = connections();
  const std::lock_guard lock(all.mutex);
  all.caches[database] = this;
  database_ = database;
}

void StatementCache::close() noexcept {
  if (database_ == nullptr) return;
  {
    Connections& all = connections();
    const std::lock_guard lock(all.mutex);
    all.caches.erase(database_);
  }
  database_ = nullptr;
  forget_all();
}

void StatementCache::forget_all() noexcept {
  for (const auto& [text, statement] : kept_) sqlite3_finalize(statement);
  kept_.clear();
}

StatementCache* StatementCache::of(sqlite3* database) noexcept {
  Connections& all = connections();
  const std::lock_guard lock(all.mutex);
  const auto found = all.caches.find(database);
  return found == all.caches.end() ? nullptr : found->second;
}

bool StatementCache::keeps(std::string_view sql) noexcept {
  if (sql.size() > text_bytes_max) return false;
  for (const std::string_view whole :
       {"BEGIN IMMEDIATE", "COMMIT", "PRAGMA data_version", "PRAGMA schema_version"})
    if (sql == whole) return true;
  for (const std::string_view word : {"SELECT ", "INSERT ", "UPDATE ", "DELETE "})
    if (sql.starts_with(word)) return true;
  return false;
}

sqlite3_stmt* StatementCache::take(sqlite3* database, const std::string& sql) noexcept {
  StatementCache* const cache = of(database);
  if (cache == nullptr) return nullptr;
  const auto found = cache->kept_.find(sql);
  if (found == cache->kept_.end()) return nullptr;
  sqlite3_stmt* const statement = found->second;
  cache->kept_.erase(found);
  return statement;
}

void StatementCache::give_back(sqlite3_stmt* statement) noexcept {
  StatementCache* const cache = of(sqlite3_db_handle(statement));
  const char* const text = sqlite3_sql(statement);
  if (cache == nullptr || text == nullptr) {
    sqlite3_finalize(statement);
    return;
  }
  sqlite3_reset(statement);
  sqlite3_clear_bindings(statement);
  if (cache->kept_.size() >= statements_max) cache->forget_all();
  try {
    cache->kept_.emplace(text, statement);
  } catch (const std::exception&) {  // bad_alloc
    sqlite3_finalize(statement);
  }
}

}  // namespace objectos
