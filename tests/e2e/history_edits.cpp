// What people write in a history: statements that SQLite and PostgreSQL understand alike, the
// literals aside.
#include <sstream>

#include "tests/e2e/history_world.h"

namespace e2e {

std::string HistoryWorld::key(const Table& table) {
  return (table.parent.empty() ? "'k" : "'k") + std::to_string(below(7)) + "'";
}

std::string HistoryWorld::value(const std::string& column, bool local) {
  if (chance(12)) return "NULL";
  const std::vector<std::string> elements = {"a", "b", "c", "d"};
  std::string list;
  switch (column[0]) {
    case 'i':
      return std::to_string(chance(10) ? -1 : below(50));
    case 'b':
      return chance(50) ? (local ? "1" : "true") : (local ? "0" : "false");
    case 'p':
      return "'k" + std::to_string(below(7)) + "'";
    case 'o':
      return chance(50) ? "'history_ada'" : "'history_bob'";
    case 's':
      for (const std::string& element : elements)
        if (chance(40)) list += (list.empty() ? "" : ",") + ("\"" + element + "\"");
      return local ? "'[" + list + "]'" : "'{" + list + "}'";
    default:
      return "'v" + std::to_string(below(1000)) + "'";
  }
}

std::string HistoryWorld::assignment(const std::string& column, bool local) {
  if (column == "icount" && chance(80))
    return "icount = coalesce(icount, 0) + " + std::to_string(1 + below(3));
  return column + " = " + value(column, local);
}

std::string HistoryWorld::statement(const Table& table, const Columns& columns, bool local) {
  const std::string where = " WHERE id = " + key(table);
  if (columns.empty()) return "DELETE FROM " + table.name + where;
  const std::string one = pick(columns), other = pick(columns);
  switch (below(12)) {
    case 0:
    case 1:
      return "DELETE FROM " + table.name + where;
    case 2:
      return "UPDATE " + table.name + " SET id = " + key(table) + where;
    case 3:
      return "INSERT INTO " + table.name + " (id, " + one + ") VALUES (" + key(table) + ", " +
             value(one, local) + ") ON CONFLICT (id) DO UPDATE SET " + one + " = excluded." + one;
    case 4:
    case 5:
      return (local && chance(30) ? "INSERT OR REPLACE INTO " : "INSERT INTO ") + table.name +
             " (id, " + one + ") VALUES (" + key(table) + ", " + value(one, local) + ")";
    case 6:
      return "UPDATE " + table.name + " SET " + assignment(one, local) + " WHERE id IN (" +
             key(table) + ", " + key(table) + ", " + key(table) + ")";
    case 7:
      if (one != other)
        return "UPDATE " + table.name + " SET " + assignment(one, local) + ", " +
               assignment(other, local) + where;
      [[fallthrough]];
    default:
      return "UPDATE " + table.name + " SET " + assignment(one, local) + where;
  }
}

Columns HistoryWorld::local_columns(const Device& device, const Table& table) {
  std::stringstream names(
      local(device.file, "SELECT group_concat(name, ' ') FROM pragma_table_info('" + table.name +
                             "') WHERE name NOT IN ('id', '_version', '_synced')"));
  Columns columns;
  for (std::string name; names >> name;) columns.push_back(name);
  return columns;
}

std::string HistoryWorld::local_statement(const Device& device) {
  const Table& table = pick(tables_);
  return statement(table, local_columns(device, table), true);
}

void HistoryWorld::edit(Device& device) {
  std::string sql = local_statement(device);
  if (chance(20)) {
    sql = "BEGIN IMMEDIATE; INSERT INTO _group DEFAULT VALUES; " + sql;
    for (int more = 1 + below(3); more > 0; --more) sql += "; " + local_statement(device);
    sql += "; DELETE FROM _group; COMMIT";
  }
  note(device.label + ": " + sql);
  try {
    local(device.file, sql);
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    if (text.find("UNIQUE constraint failed") == std::string::npos) wrong(text);
    note("   " + text.substr(text.rfind(": ") + 2));
  }
}

std::string HistoryWorld::all_rows(const Device& device) {
  std::string rows;
  for (const Table& table : tables_) {
    std::string row = "id";
    for (const std::string& column : local_columns(device, table))
      row += "||'|'||coalesce(quote(" + column + "),'-')";
    rows += local(device.file, "SELECT group_concat(line, char(10)) FROM (SELECT " + row +
                                   " AS line FROM " + table.name + " ORDER BY id)") +
            "\n";
  }
  return rows;
}

// Steps back and forth. What an undo wrote, a redo right after it takes back exactly.
void HistoryWorld::undo(Device& device) {
  bool undoable = false, redoable = false;
  for (const objectos::HistoryGroup& group : device.engine->history())
    (group.state == "done" ? undoable : redoable) = true;
  if (!undoable && !redoable && chance(90)) return edit(device);
  const bool redo = redoable && chance(undoable ? 45 : 95), both = !redo && chance(50);
  const std::string before = both ? all_rows(device) : "";
  const std::string verb = redo ? "redo" : "undo";
  try {
    const objectos::UndoResult result = redo ? device.engine->redo() : device.engine->undo();
    note(device.label + ": " + verb + " wrote " + std::to_string(result.mutations) + ", left " +
         std::to_string(result.left.size()));
    if (!both || result.mutations == 0) return;
    note(device.label + ": redo");
    if (!device.engine->redo().left.empty()) wrong("a redo right after its undo left something");
    if (all_rows(device) != before)
      wrong("undo and redo: " + before + "became\n" + all_rows(device));
  } catch (const objectos::Error& error) {
    note(device.label + ": " + error.code());
    if (error.code() != "nothing_to_undo" && error.code() != "nothing_to_redo")
      wrong(verb + ": " + error.code() + " " + error.message() + " " + error.detail());
  }
}

void HistoryWorld::edit_by_psql() {
  const Table& table = pick(tables_);
  const std::string sql = chance(3) && !table.parent.empty()
                              ? "TRUNCATE " + table.name
                              : statement(table, table.columns, false);
  note("psql: " + sql);
  try {
    server_.exec(sql);
  } catch (const std::runtime_error& error) {
    const std::string text = error.what();
    if (text.find("violates") == std::string::npos) wrong(text);
    note("   refused");
  }
}

}  // namespace e2e
