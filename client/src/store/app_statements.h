// The app's own indexes and triggers on an object's table, when the server changes the table: they
// are made again on the new one. What no longer fits it (it names a column that is gone) is kept as
// text in _lost_statements, told of, and tried again at every later change of the table.
#pragma once

#include <string>
#include <vector>

#include "local_database.h"

struct sqlite3;

namespace objectos {

struct AppStatement {
  std::string name, sql;
};

// What there is on the table now (ours are not among them), and what was lost before.
std::vector<AppStatement> app_statements(sqlite3* database, const std::string& object);

// After the table was built anew. Returns what is lost by now and was not before, each as "name:
// why". Rows that break a UNIQUE index are an error: StoreErrorKind::constraint.
std::vector<std::string> restore_app_statements(sqlite3* database, const LocalObject& object,
                                                const std::vector<AppStatement>& statements);

// The object's table goes: keeps its statements for the day when it comes back.
std::vector<std::string> keep_app_statements(sqlite3* database, const std::string& object);

// The app's views that cannot be read any more, each as "name: why". They stay as they are.
std::vector<std::string> broken_views(sqlite3* database);

}  // namespace objectos
