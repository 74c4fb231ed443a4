#include "app_indexes.h"

#include "local_schema.h"
#include "sqlite_handle.h"

namespace objectos {
namespace {

bool has_triggers(sqlite3* database, const LocalObject& object) {
  std::string wanted = create_triggers_sql(object);
  Statement rows(database,
                 "SELECT sql FROM sqlite_master WHERE type='trigger' AND tbl_name=? AND name "
                 "LIKE '\\_queue\\_%' ESCAPE '\\'");
  rows.bind(1, std::string_view(object.name));
  int found = 0;
  while (rows.step()) {
    if (wanted.find(rows.text(0)) == std::string::npos) return false;
    ++found;
  }
  int made = 0;
  for (std::size_t at = wanted.find("CREATE TRIGGER "); at != std::string::npos;
       at = wanted.find("\nCREATE TRIGGER ", at))
    ++made, ++at;
  return found == made;
}

}  // namespace

std::vector<AppUnique> app_unique_indexes(sqlite3* database, const std::string& table) {
  std::vector<AppUnique> found;
  Statement indexes(database,
                    "SELECT name FROM pragma_index_list(?) WHERE \"unique\"=1 AND origin='c' "
                    "ORDER BY name");
  indexes.bind(1, std::string_view(table));
  while (indexes.step()) {
    std::string name = indexes.text(0);
    Statement columns(database, "SELECT name,coll FROM pragma_index_xinfo(?) WHERE key=1");
    columns.bind(1, std::string_view(name));
    AppUnique index;
    bool whole = true;
    while (columns.step()) {
      whole = whole && !columns.is_null(0);  // NULL: an expression
      index.columns.emplace_back(columns.text(0), columns.text(1));
    }
    if (whole && !index.columns.empty()) found.push_back(std::move(index));
  }
  return found;
}

bool follow_app_indexes(sqlite3* database, LocalObject& object) {
  object.app_unique = app_unique_indexes(database, object.name);
  if (has_triggers(database, object)) return false;
  run_sql(database, drop_triggers_sql(object.name) + create_triggers_sql(object));
  return true;
}

std::vector<std::string> drop_unique_indexes(sqlite3* database, const std::string& table) {
  std::vector<std::string> names, statements;
  Statement indexes(database,
                    "SELECT m.name,m.sql FROM pragma_index_list(?1) i JOIN sqlite_master m ON "
                    "m.name=i.name WHERE i.\"unique\"=1 AND i.origin='c'");
  indexes.bind(1, std::string_view(table));
  while (indexes.step()) {
    names.push_back(indexes.text(0));
    statements.push_back(indexes.text(1));
  }
  indexes.reset();
  for (const std::string& name : names) run_sql(database, "DROP INDEX " + quote_name(name));
  return statements;
}

void restore_unique_indexes(sqlite3* database, const std::string& table,
                            const std::vector<std::string>& statements) {
  for (const std::string& statement : statements) {
    try {
      run_sql(database, statement);
    } catch (const StoreError& error) {
      throw StoreError(StoreErrorKind::constraint,
                       "the app's UNIQUE index keeps the server's rows out of " + table,
                       error.detail + ": " + statement,
                       "Change the local row that has the same values, or drop the index.");
    }
  }
}

}  // namespace objectos
