#include "table_swap.h"

#include <cctype>

#include "../fault_point.h"
#include "local_schema.h"
#include "sqlite_handle.h"

namespace objectos {
namespace {

std::string outgoing_name(std::string_view object) {
  return "_outgoing_" + std::string(object);
}
std::string incoming_index(std::string_view object, std::size_t number) {
  return "_incoming_" + std::to_string(number) + "_of_" + std::string(object);
}
std::string outgoing_index(std::string_view object, std::size_t number) {
  return "_outgoing_" + std::to_string(number) + "_of_" + std::string(object);
}
std::string key_index(std::string_view table) {
  return "sqlite_autoindex_" + std::string(table) + "_1";
}

// The name at `at`, which moves on past it; false where there is none.
bool pass_name(std::string_view sql, std::size_t& at) {
  if (at >= sql.size()) return false;
  const char open = sql[at], close = open == '[' ? ']' : open;
  if (open == '"' || open == '`' || open == '\'' || open == '[') {
    for (++at; at < sql.size(); ++at) {
      if (sql[at] != close) continue;
      if (close != ']' && at + 1 < sql.size() && sql[at + 1] == close) {
        ++at;
        continue;
      }
      ++at;
      return true;
    }
    return false;
  }
  const std::size_t begin = at;
  const auto in_name = [](unsigned char c) { return c >= 0x80 || std::isalnum(c) || c == '_'; };
  while (at < sql.size() && in_name(static_cast<unsigned char>(sql[at]))) ++at;
  return at > begin;
}

bool pass_space(std::string_view sql, std::size_t& at) {
  const std::size_t begin = at;
  while (at < sql.size() && std::isspace(static_cast<unsigned char>(sql[at]))) ++at;
  return at > begin;
}

// An index of the app's, taken apart: "CREATE INDEX " name " ON " table rest.
struct AppIndex {
  std::string name, head, rest;
  std::string sql(const std::string& as, const std::string& table) const {
    return head + quote_name(as) + " ON " + quote_name(table) + rest;
  }
};

// As SQLite stores it: one space between the first words, and no IF NOT EXISTS.
bool take_apart(const std::string& name, std::string_view sql, AppIndex& index) {
  index.name = name;
  index.head = sql.starts_with("CREATE UNIQUE INDEX ") ? "CREATE UNIQUE INDEX " : "CREATE INDEX ";
  if (!sql.starts_with(index.head)) return false;
  std::size_t at = index.head.size();
  pass_space(sql, at);
  if (!pass_name(sql, at)) return false;
  pass_space(sql, at);
  const std::string_view on = sql.substr(std::min(at, sql.size()), 2);
  if (on != "ON" && on != "on" && on != "On") return false;
  at += 2;
  pass_space(sql, at);
  if (!pass_name(sql, at)) return false;
  std::size_t bracket = at;
  pass_space(sql, bracket);
  if (bracket >= sql.size() || sql[bracket] != '(') return false;
  index.rest = sql.substr(at);
  return true;
}

// False: one of them is written in a way that is not understood here.
bool read_indexes(sqlite3* database, const std::string& table, std::vector<AppIndex>& found) {
  Statement rows(database,
                 "SELECT name,sql FROM sqlite_master WHERE type='index' AND tbl_name=? AND sql IS "
                 "NOT NULL ORDER BY name");
  rows.bind(1, std::string_view(table));
  while (rows.step()) {
    AppIndex index;
    if (!take_apart(rows.text(0), rows.text(1), index)) return false;
    found.push_back(std::move(index));
  }
  return true;
}

std::vector<AppIndex> known_indexes(sqlite3* database, const std::string& table) {
  std::vector<AppIndex> found;
  if (!read_indexes(database, table, found)) throw NotBesideTables("an index of " + table);
  return found;
}

std::vector<std::string> names_of(sqlite3* database, const std::string& condition) {
  Statement rows(database, "SELECT name FROM sqlite_master WHERE " + condition);
  std::vector<std::string> names;
  while (rows.step()) names.push_back(rows.text(0));
  return names;
}

bool exists(sqlite3* database, const std::string& condition) {
  return Statement(database, "SELECT 1 FROM sqlite_master WHERE " + condition + " LIMIT 1").step();
}

// Columns without types or key: so its indexes are indexes like others, which can be dropped.
std::string outgoing_table_sql(const LocalObject& object) {
  std::string columns;
  for (const LocalColumn& column : object.columns) columns += quote_name(column.name) + ",";
  return "CREATE TABLE " + quote_name(outgoing_name(object.name)) + "(" + columns +
         "_version,_synced)";
}

// The b-tree of the key's index holds key and rowid; that of a table without rowids whose key they
// are is the same. So it can be emptied in its own order, apart from the table: by rows of the
// table each would touch another page of it.
std::string outgoing_key_sql(const LocalObject& object) {
  std::string names;
  for (std::size_t i = 0; i <= object.key.size(); ++i) {
    names += (i == 0 ? "k" : ",k") + std::to_string(i);
  }
  return "CREATE TABLE " + quote_name(outgoing_index(object.name, 0)) + "(" + names +
         ",PRIMARY KEY(" + names + ")) WITHOUT ROWID";
}

// The schema table, open for writing; what this connection knows of it is read again afterwards.
class SchemaEdit {
 public:
  explicit SchemaEdit(sqlite3* database) : database_(database) {
    sqlite3_db_config(database_, SQLITE_DBCONFIG_DEFENSIVE, 0, static_cast<int*>(nullptr));
    run_sql(database_, "PRAGMA writable_schema=ON");
  }
  ~SchemaEdit() {
    sqlite3_exec(database_, "PRAGMA writable_schema=RESET", nullptr, nullptr, nullptr);
  }
  SchemaEdit(const SchemaEdit&) = delete;
  SchemaEdit& operator=(const SchemaEdit&) = delete;

  int64_t root(const std::string& name) {
    Statement row(database_, "SELECT rootpage FROM sqlite_master WHERE name=?");
    row.bind(1, std::string_view(name));
    if (!row.step() || row.integer(0) < 2)
      throw StoreError(StoreErrorKind::internal, "the schema has no " + name);
    return row.integer(0);
  }
  void trade_roots(const std::string& one, const std::string& other) {
    const int64_t first = root(one), second = root(other);
    set_root(one, second);
    set_root(other, first);
  }
  void rewrite(const std::string& name, const std::string& as, const std::string& table,
               const std::string& sql) {
    Statement row(database_,
                  "UPDATE sqlite_master SET type=?,name=?,tbl_name=?,sql=? WHERE name=?");
    row.bind(1, std::string_view(as == table ? "table" : "index")).bind(2, std::string_view(as));
    row.bind(3, std::string_view(table)).bind(4, std::string_view(sql));
    row.bind(5, std::string_view(name)).run();
  }
  // Every connection reads the schema again before its next statement.
  void announce() {
    Statement version(database_, "PRAGMA schema_version");
    version.step();
    const int64_t next = version.integer(0) + 1;
    version.reset();
    run_sql(database_, "PRAGMA schema_version=" + std::to_string(next));
  }

 private:
  void set_root(const std::string& name, int64_t page) {
    Statement row(database_, "UPDATE sqlite_master SET rootpage=? WHERE name=?");
    row.bind(1, page).bind(2, std::string_view(name)).run();
  }
  sqlite3* database_;
};

std::string note_sql(const char* name, const char* event, const std::string& row) {
  return std::string("CREATE TRIGGER _queue_note_") + name + " AFTER " + event +
         " ON _mutations BEGIN INSERT INTO _sync_touched SELECT " + row + ".object," + row +
         ".record_id WHERE NOT EXISTS(SELECT 1 FROM _sync_touched WHERE object=" + row +
         ".object AND record_id=" + row + ".record_id); END;";
}

std::string key_of(sqlite3* database, const std::string& table) {
  Statement rows(database, "SELECT name FROM pragma_table_info(?) WHERE pk>0 ORDER BY pk");
  rows.bind(1, std::string_view(table));
  std::string names;
  while (rows.step()) names += (names.empty() ? "" : ",") + quote_name(rows.text(0));
  return names;
}

bool without_rowid(sqlite3* database, const std::string& table) {
  return exists(database,
                "sql LIKE '%) WITHOUT ROWID' AND type='table' AND name=" + quote_text(table));
}

// Rows in the order of the table's own pages.
void empty_table(sqlite3* database, const std::string& table) {
  ShortTransactions slices(database);
  const std::string name = quote_name(table),
                    place = without_rowid(database, table) ? key_of(database, table) : "rowid";
  Statement rows(database, "DELETE FROM " + name + " WHERE (" + place + ")<=(SELECT " + place +
                               " FROM " + name + " ORDER BY " + place + " LIMIT 1 OFFSET ?)");
  for (bool more = true; more;) {
    slices.run([&] {
      rows.bind(1, static_cast<int64_t>(slices.share())).run();
      more = sqlite3_changes(database) > 0;
    });
    fault_point("long_round.emptying");
  }
}

bool is_begun(sqlite3* database) {
  return exists(database, "name='_sync_replacing'");
}

std::vector<std::string> leftover_tables(sqlite3* database) {
  Statement rows(database, "SELECT name FROM _sync_replacing ORDER BY name");
  std::vector<std::string> names;
  while (rows.step()) names.push_back(rows.text(0));
  return names;
}

}  // namespace

std::string incoming_name(std::string_view object) {
  return "_incoming_" + std::string(object);
}

bool can_be_replaced(sqlite3* database, const LocalObject& object) {
  if (object.row_security || object.key.empty()) return false;
  Statement made(database, "SELECT sql FROM sqlite_master WHERE type='table' AND name=?");
  made.bind(1, std::string_view(object.name));
  if (!made.step() || create_table_sql(object, object.name) != made.text(0) + ";\n") return false;
  if (exists(database, "name IN(" + quote_text(incoming_name(object.name)) + "," +
                           quote_text(outgoing_name(object.name)) + ")"))
    return false;
  if (exists(database, "type='trigger' AND name NOT LIKE '\\_queue\\_%' ESCAPE '\\' AND tbl_name=" +
                           quote_text(object.name)))
    return false;
  std::vector<AppIndex> indexes;
  return read_indexes(database, object.name, indexes);
}

std::string shape_of(sqlite3* database, const LocalObject& object) {
  Statement rows(database,
                 "SELECT sql FROM sqlite_master WHERE tbl_name=? AND sql IS NOT NULL AND name NOT "
                 "LIKE '\\_queue\\_%' ESCAPE '\\' ORDER BY name");
  rows.bind(1, std::string_view(object.name));
  std::string shape;
  while (rows.step()) shape += rows.text(0) + ";";
  return shape;
}

void create_incoming(sqlite3* database, const LocalObject& object) {
  const std::string name = incoming_name(object.name);
  if (!is_begun(database))
    run_sql(database,
            "CREATE TABLE _sync_replacing(name TEXT PRIMARY KEY);"
            "CREATE TABLE _sync_touched(object TEXT,record_id TEXT,PRIMARY KEY(object,record_id)) "
            "WITHOUT ROWID;" +
                note_sql("new", "INSERT", "NEW") + note_sql("before", "UPDATE", "OLD") +
                note_sql("after", "UPDATE", "NEW") + note_sql("gone", "DELETE", "OLD"));
  run_sql(database, create_table_sql(object, name) + "INSERT INTO _sync_replacing VALUES(" +
                        quote_text(name) + ")");
}

void index_incoming(sqlite3* database, const LocalObject& object) {
  std::size_t number = 0;
  const std::string table = incoming_name(object.name);
  const std::vector<AppIndex> indexes = known_indexes(database, object.name);
  for (const AppIndex& index : indexes)
    run_sql(database, index.sql(incoming_index(object.name, ++number), table));
}

void exchange(sqlite3* database, const LocalObject& object) {
  const std::string incoming = incoming_name(object.name), outgoing = outgoing_name(object.name);
  const std::vector<AppIndex> indexes = known_indexes(database, object.name);
  run_sql(database, "UPDATE _sync_replacing SET name=" + quote_text(outgoing) + " WHERE name=" +
                        quote_text(incoming) + ";INSERT INTO _sync_replacing VALUES(" +
                        quote_text(outgoing_index(object.name, 0)) + ")");
  SchemaEdit schema(database);
  schema.trade_roots(object.name, incoming);
  schema.trade_roots(key_index(object.name), key_index(incoming));
  schema.rewrite(incoming, outgoing, outgoing, outgoing_table_sql(object));
  schema.rewrite(key_index(incoming), outgoing_index(object.name, 0),
                 outgoing_index(object.name, 0), outgoing_key_sql(object));
  std::size_t number = 0;
  for (const AppIndex& index : indexes) {
    const std::string from = incoming_index(object.name, ++number),
                      to = outgoing_index(object.name, number);
    schema.trade_roots(index.name, from);
    schema.rewrite(from, to, outgoing, index.sql(to, outgoing));
  }
  schema.announce();
}

void stop_noting(sqlite3* database) {
  for (const std::string& name :
       names_of(database,
                "type='trigger' AND name LIKE '\\_queue\\_note\\_%' ESCAPE '\\' AND "
                "tbl_name='_mutations'"))
    run_sql(database, "DROP TRIGGER " + quote_name(name));
  run_sql(database, "DROP TABLE IF EXISTS _sync_touched");
}

bool has_leftovers(sqlite3* database) {
  return is_begun(database);
}

void discard_leftovers(sqlite3* database) {
  {
    WriteTransaction transaction(database);
    stop_noting(database);
    transaction.commit();
  }
  for (const std::string& table : leftover_tables(database)) {
    for (const std::string& index :
         names_of(database, "type='index' AND sql IS NOT NULL AND tbl_name=" + quote_text(table)))
      run_sql(database, "DROP INDEX " + quote_name(index));
    empty_table(database, table);
    WriteTransaction transaction(database);
    run_sql(database, "DROP TABLE " + quote_name(table) +
                          ";DELETE FROM _sync_replacing WHERE name=" + quote_text(table));
    transaction.commit();
  }
  run_sql(database, "DROP TABLE _sync_replacing");
}

void drop_leftovers(sqlite3* database) {
  if (!is_begun(database)) return;
  stop_noting(database);
  for (const std::string& table : leftover_tables(database))
    run_sql(database, "DROP TABLE " + quote_name(table));
  run_sql(database, "DROP TABLE _sync_replacing");
}

}  // namespace objectos
