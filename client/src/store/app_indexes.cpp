#include "app_indexes.h"

#include "local_schema.h"
#include "sqlite_handle.h"

namespace objectos {
namespace {

// Ours are told from the app's by their name.
const char* const is_ours = " LIKE '\\_queue\\_%' ESCAPE '\\'";

bool has_triggers(sqlite3* database, const LocalObject& object) {
  std::string wanted = create_triggers_sql(object);
  Statement rows(database, std::string("SELECT sql FROM sqlite_master WHERE type='trigger' AND "
                                       "tbl_name=? AND name") +
                               is_ours);
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

struct MadeAt {
  std::string name, sql;
  int64_t at = 0;
};

// In the order in which they were made. A trigger bears its table's name as its author spelt it.
std::vector<MadeAt> triggers(sqlite3* database, const LocalObject& object, const char* whose) {
  Statement rows(database, std::string("SELECT name,sql,rowid FROM sqlite_master WHERE "
                                       "type='trigger' AND tbl_name=? COLLATE NOCASE AND ") +
                               whose + is_ours + " ORDER BY rowid");
  rows.bind(1, std::string_view(object.name));
  std::vector<MadeAt> found;
  while (rows.step()) found.push_back({rows.text(0), rows.text(1), rows.integer(2)});
  return found;
}

// Each of ours where local_schema.h says: the one for deletes, the app's, the others.
bool in_order(sqlite3* database, const LocalObject& object) {
  const std::vector<MadeAt> app = triggers(database, object, "name NOT");
  if (app.empty()) return true;
  for (const MadeAt& own : triggers(database, object, "name")) {
    const bool deletes = own.name == "_queue_delete_" + object.name;
    if (deletes ? own.at > app.front().at : own.at < app.back().at) return false;
  }
  return true;
}

void make_triggers(sqlite3* database, const LocalObject& object) {
  const std::vector<MadeAt> app = triggers(database, object, "name NOT");
  run_sql(database, drop_triggers_sql(object.name));
  for (const MadeAt& trigger : app) run_sql(database, "DROP TRIGGER " + quote_name(trigger.name));
  run_sql(database, create_delete_trigger_sql(object));
  for (const MadeAt& trigger : app) run_sql(database, trigger.sql);
  run_sql(database, create_write_triggers_sql(object));
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

bool fits_app_statements(sqlite3* database, LocalObject& object) {
  object.app_unique = app_unique_indexes(database, object.name);
  return has_triggers(database, object) && in_order(database, object);
}

bool follow_app_statements(sqlite3* database, LocalObject& object) {
  if (fits_app_statements(database, object)) return false;
  make_triggers(database, object);
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
