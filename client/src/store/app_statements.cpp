#include "app_statements.h"

#include "sqlite_handle.h"
#include "store.h"

namespace objectos {
namespace {

// Nothing is run: SQLite reads the names in a trigger when a statement that fires it is prepared.
std::string why_not_prepared(sqlite3* database, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr);
  std::string why = code == SQLITE_OK ? "" : sqlite3_errmsg(database);
  sqlite3_finalize(statement);
  return why;
}

std::string broken_trigger(sqlite3* database, const LocalObject& object) {
  std::string names, values, sets;
  for (const LocalColumn& column : object.columns) {
    names += (names.empty() ? "" : ",") + quote_name(column.name);
    values += values.empty() ? "NULL" : ",NULL";
    sets += (sets.empty() ? "" : ",") + quote_name(column.name) + "=NULL";
  }
  const std::string table = quote_name(object.name);
  for (const std::string& sql : {"INSERT INTO " + table + "(" + names + ") VALUES(" + values + ")",
                                 "UPDATE " + table + " SET " + sets, "DELETE FROM " + table}) {
    std::string why = why_not_prepared(database, sql);
    if (!why.empty()) return why;
  }
  return "";
}

// "" when it was made.
std::string make(sqlite3* database, const LocalObject& object, const AppStatement& statement) {
  const int code = sqlite3_exec(database, statement.sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_ERROR) throw_sqlite(database, code);
  if (code != SQLITE_OK) return sqlite3_errmsg(database);
  Statement kind(database, "SELECT type FROM sqlite_master WHERE name=?");
  kind.bind(1, std::string_view(statement.name));
  const bool trigger = kind.step() && kind.text(0) == "trigger";
  kind.reset();
  std::string why = trigger ? broken_trigger(database, object) : "";
  if (!why.empty()) run_sql(database, "DROP TRIGGER " + quote_name(statement.name));
  return why;
}

bool is_known(sqlite3* database, const AppStatement& statement) {
  Statement known(database, "SELECT 1 FROM _lost_statements WHERE name=? AND sql=?");
  known.bind(1, std::string_view(statement.name)).bind(2, std::string_view(statement.sql));
  return known.step();
}

void keep(sqlite3* database, const std::string& object, const AppStatement& statement,
          const std::string& why) {
  Statement add(database,
                "INSERT OR REPLACE INTO _lost_statements(name,object,sql,reason) VALUES(?,?,?,?)");
  add.bind(1, std::string_view(statement.name)).bind(2, std::string_view(object));
  add.bind(3, std::string_view(statement.sql)).bind(4, std::string_view(why)).run();
}

}  // namespace

std::vector<AppStatement> app_statements(sqlite3* database, const std::string& object) {
  Statement rows(database,
                 "SELECT name,sql FROM sqlite_master WHERE tbl_name=?1 COLLATE NOCASE AND type "
                 "IN('index',"
                 "'trigger') AND sql IS NOT NULL AND name NOT LIKE '\\_queue\\_%' ESCAPE '\\' "
                 "UNION ALL SELECT name,sql FROM _lost_statements WHERE object=?1 AND name NOT IN "
                 "(SELECT name FROM sqlite_master)");
  rows.bind(1, std::string_view(object));
  std::vector<AppStatement> found;
  while (rows.step()) found.push_back({rows.text(0), rows.text(1)});
  return found;
}

std::vector<std::string> restore_app_statements(sqlite3* database, const LocalObject& object,
                                                const std::vector<AppStatement>& statements) {
  std::vector<std::string> lost;
  for (const AppStatement& statement : statements) {
    const std::string why = make(database, object, statement);
    if (why.empty()) {
      Statement found(database, "DELETE FROM _lost_statements WHERE name=?");
      found.bind(1, std::string_view(statement.name)).run();
      continue;
    }
    if (!is_known(database, statement)) lost.push_back(statement.name + ": " + why);
    keep(database, object.name, statement, why);
  }
  return lost;
}

std::vector<std::string> keep_app_statements(sqlite3* database, const std::string& object) {
  std::vector<std::string> lost;
  for (const AppStatement& statement : app_statements(database, object)) {
    const std::string why = "the object " + object + " is gone";
    if (!is_known(database, statement)) lost.push_back(statement.name + ": " + why);
    keep(database, object, statement, why);
  }
  return lost;
}

std::vector<std::string> broken_views(sqlite3* database) {
  std::vector<std::string> broken;
  Statement views(database, "SELECT name FROM sqlite_master WHERE type='view' ORDER BY name");
  while (views.step()) {
    const std::string name = views.text(0);
    const std::string why = why_not_prepared(database, "SELECT * FROM " + quote_name(name));
    if (!why.empty()) broken.push_back(name + ": " + why);
  }
  return broken;
}

std::vector<AppTrigger> Store::app_triggers() const {
  std::vector<AppTrigger> found;
  for (const LocalObject& object : objects_) {
    Statement rows(database_,
                   "SELECT name,sql LIKE '%\\_applying%' ESCAPE '\\' FROM sqlite_master WHERE "
                   "type='trigger' AND tbl_name=? COLLATE NOCASE AND name NOT LIKE '\\_queue\\_%' "
                   "ESCAPE '\\' ORDER BY name");
    rows.bind(1, std::string_view(object.name));
    while (rows.step()) found.push_back({object.name, rows.text(0), rows.integer(1) != 0});
  }
  return found;
}

std::vector<LostStatement> Store::lost_statements() const {
  Statement rows(database_, "SELECT object,name,reason FROM _lost_statements ORDER BY object,name");
  std::vector<LostStatement> found;
  while (rows.step()) found.push_back({rows.text(0), rows.text(1), rows.text(2)});
  return found;
}

}  // namespace objectos
