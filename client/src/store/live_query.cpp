// Queries of the app's: what they read, what they give.
#include "store.h"

namespace objectos {

namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& detail) {
  throw StoreError(StoreErrorKind::query, what, detail);
}

// What a statement does, told by SQLite while it is prepared. Only reading is allowed.
class Reading {
 public:
  explicit Reading(sqlite3* database) : database_(database) {
    sqlite3_set_authorizer(database_, &Reading::authorize, this);
  }
  ~Reading() { sqlite3_set_authorizer(database_, nullptr, nullptr); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  std::set<std::string, std::less<>> tables;

 private:
  static int authorize(void* self, int action, const char* first, const char*, const char*,
                       const char*) {
    switch (action) {
      case SQLITE_READ:
        if (first != nullptr) static_cast<Reading*>(self)->tables.insert(first);
        return SQLITE_OK;
      case SQLITE_SELECT:
      case SQLITE_FUNCTION:
      case SQLITE_RECURSIVE:
        return SQLITE_OK;
      default:
        return SQLITE_DENY;
    }
  }
  sqlite3* database_;
};

struct Prepared {
  sqlite3_stmt* handle = nullptr;
  std::set<std::string, std::less<>> tables;
  Prepared() = default;
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  ~Prepared() { sqlite3_finalize(handle); }
};

void bind(sqlite3* database, sqlite3_stmt* statement, const std::vector<Value>& parameters) {
  if (sqlite3_bind_parameter_count(statement) != static_cast<int>(parameters.size()))
    refuse("the query has another number of parameters than were given",
           std::to_string(sqlite3_bind_parameter_count(statement)) + " in it, " +
               std::to_string(parameters.size()) + " given");
  int at = 0, code = SQLITE_OK;
  for (const Value& value : parameters) {
    ++at;
    switch (value.kind()) {
      case Value::Kind::null:
        code = sqlite3_bind_null(statement, at);
        break;
      case Value::Kind::integer:
        code = sqlite3_bind_int64(statement, at, value.integer());
        break;
      case Value::Kind::real:
        code = sqlite3_bind_double(statement, at, value.real());
        break;
      case Value::Kind::text:
        code = sqlite3_bind_text64(statement, at, value.text().data(), value.text().size(),
                                   SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
      case Value::Kind::blob:
        code = sqlite3_bind_blob64(statement, at, value.blob().data(), value.blob().size(),
                                   SQLITE_TRANSIENT);
        break;
    }
    if (code != SQLITE_OK) refuse("a parameter cannot be bound", sqlite3_errmsg(database));
  }
}

void prepare(sqlite3* database, const std::string& sql, const std::vector<Value>& parameters,
             Prepared& prepared) {
  const char* tail = nullptr;
  Reading reading(database);
  const int code = sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()),
                                      &prepared.handle, &tail);
  if (code == SQLITE_AUTH) refuse("only a SELECT can be watched", sql);
  if ((code & 0xff) == SQLITE_BUSY) throw_sqlite(database, code);
  if (code != SQLITE_OK) refuse("SQLite refuses the query", sqlite3_errmsg(database));
  const std::string_view rest =
      std::string_view(sql).substr(static_cast<size_t>(tail - sql.data()));
  if (prepared.handle == nullptr || sqlite3_column_count(prepared.handle) == 0 ||
      sqlite3_stmt_readonly(prepared.handle) == 0 || sqlite3_stmt_isexplain(prepared.handle) != 0)
    refuse("only a SELECT can be watched", sql);
  if (rest.find_first_not_of(" \t\r\n;") != std::string_view::npos)
    refuse("only one statement can be watched", std::string(rest));
  bind(database, prepared.handle, parameters);
  prepared.tables = std::move(reading.tables);
}

Value value_at(sqlite3_stmt* statement, int column) {
  const auto bytes = [&](const void* data) {
    const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
    return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
  };
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return sqlite3_column_int64(statement, column);
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT:
      return bytes(sqlite3_column_text(statement, column));
    case SQLITE_BLOB:
      return Blob{bytes(sqlite3_column_blob(statement, column))};
    default:
      return nullptr;
  }
}

// Columns of the result that are key columns, of the objects whose whole key is there.
std::vector<size_t> key_columns(sqlite3_stmt* statement, const std::vector<LocalObject>& objects) {
  const int count = sqlite3_column_count(statement);
  std::vector<size_t> key;
  for (const LocalObject& object : objects) {
    std::set<std::string> found;
    std::vector<size_t> places;
    for (int i = 0; i < count; ++i) {
      const char* table = sqlite3_column_table_name(statement, i);
      const char* origin = sqlite3_column_origin_name(statement, i);
      if (table == nullptr || origin == nullptr || object.name != table) continue;
      const int at = object.column_index(origin);
      if (at < 0 || !object.columns[static_cast<size_t>(at)].is_key) continue;
      found.insert(origin);
      places.push_back(static_cast<size_t>(i));
    }
    if (!found.empty() && found.size() == object.key.size())
      key.insert(key.end(), places.begin(), places.end());
  }
  return key;
}

// Views are read through to their tables; table-valued functions are no tables.
void keep_stored_tables(sqlite3* database, std::set<std::string, std::less<>>& tables) {
  Statement stored(database,
                   "SELECT 1 FROM sqlite_master WHERE type='table' AND name=?1 COLLATE NOCASE");
  std::erase_if(tables, [&](const std::string& name) {
    stored.reset();
    if (name.starts_with("sqlite_")) return false;
    return !stored.bind(1, std::string_view(name)).step();
  });
}

}  // namespace

void Store::check_query(const std::string& sql, const std::vector<Value>& parameters) const {
  Prepared prepared;
  prepare(database_, sql, parameters, prepared);
}

QueryResult Store::run_query(const std::string& sql, const std::vector<Value>& parameters) const {
  Prepared prepared;
  prepare(database_, sql, parameters, prepared);
  QueryResult result;
  const int count = sqlite3_column_count(prepared.handle);
  for (int i = 0; i < count; ++i)
    result.columns.emplace_back(sqlite3_column_name(prepared.handle, i));
  int code = SQLITE_OK;
  while ((code = sqlite3_step(prepared.handle)) == SQLITE_ROW) {
    Row row;
    row.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) row.push_back(value_at(prepared.handle, i));
    result.rows.push_back(std::move(row));
  }
  if (code == SQLITE_INTERRUPT || (code & 0xff) == SQLITE_BUSY)
    throw StoreError(StoreErrorKind::busy, "the query was interrupted");
  if (code != SQLITE_DONE) refuse("SQLite could not run the query", sqlite3_errmsg(database_));
  result.key = key_columns(prepared.handle, objects_);
  result.tables = std::move(prepared.tables);
  keep_stored_tables(database_, result.tables);
  return result;
}

void Store::interrupt() const noexcept {
  sqlite3_interrupt(database_);
}

}  // namespace objectos
