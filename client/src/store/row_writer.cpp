#include "row_writer.h"

#include <cstdlib>

#include "app_indexes.h"

namespace objectos {
namespace {

std::string bytes_of(const std::string& hex) {
  std::string out;
  for (size_t i = 2; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

void bind_blob(Statement& statement, int at, const std::string& bytes) {
  sqlite3_bind_blob64(statement.handle(), at, bytes.data() == nullptr ? "" : bytes.data(),
                      bytes.size(), SQLITE_TRANSIENT);
}

bool looks_integer(const std::string& raw) {
  size_t digits = raw.find_first_not_of("0123456789", raw[0] == '-' ? 1 : 0);
  return digits == std::string::npos;
}

}  // namespace

void bind_value(Statement& statement, int at, const LocalColumn& column, const std::string& raw) {
  if (raw == "null") {
    statement.bind_null(at);
  } else if (raw[0] == '"') {
    std::string text = json_unquote(raw);
    if (column.kind == "bytes" && text.starts_with("\\x")) {
      bind_blob(statement, at, bytes_of(text));
    } else {
      statement.bind(at, std::string_view(text));
    }
  } else if (column.kind == "boolean" && (raw == "true" || raw == "false")) {
    statement.bind(at, static_cast<int64_t>(raw == "true"));
  } else if (column.kind == "integer" && looks_integer(raw)) {
    statement.bind(at, static_cast<int64_t>(std::strtoll(raw.c_str(), nullptr, 10)));
  } else if (column.kind == "float" && !column.is_key) {
    sqlite3_bind_double(statement.handle(), at, std::strtod(raw.c_str(), nullptr));
  } else {
    statement.bind(at, std::string_view(raw));
  }
}

void bind_record_id(Statement& statement, int at, const LocalObject& object,
                    const std::string& record_id) {
  auto column = [&](size_t i) -> const LocalColumn& {
    return object.columns[static_cast<size_t>(object.column_index(object.key[i]))];
  };
  if (object.key.size() == 1) {
    const LocalColumn& only = column(0);
    bool bare = only.kind == "integer" || only.kind == "boolean";
    bind_value(statement, at, only,
               bare && !record_id.empty() ? record_id : json_string(record_id));
    return;
  }
  std::vector<std::string> parts = json_elements(record_id);
  if (parts.size() != object.key.size())
    throw StoreError(StoreErrorKind::invalid_input, "the record id does not fit the key",
                     object.name + " " + record_id);
  for (size_t i = 0; i < parts.size(); i++)
    bind_value(statement, at + static_cast<int>(i), column(i), parts[i]);
}

Statement& RowWriter::prepared(const std::string& sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) found = statements_.emplace(sql, Statement(database_, sql)).first;
  return found->second;
}

std::string RowWriter::where_key(int first) const {
  std::string sql;
  for (const std::string& name : object_.key)
    sql += (sql.empty() ? "" : " AND ") + quote_name(name) + "=?" + std::to_string(first++);
  return sql;
}

void RowWriter::run_making_room(Statement& statement) {
  try {
    return statement.run();
  } catch (const StoreError&) {
    if (sqlite3_extended_errcode(database_) != SQLITE_CONSTRAINT_UNIQUE) throw;
  }
  std::vector<std::string> dropped = drop_unique_indexes(database_, object_.name);
  dropped_indexes_.insert(dropped_indexes_.end(), dropped.begin(), dropped.end());
  statement.run();
}

void RowWriter::restore_indexes() {
  restore_unique_indexes(database_, object_.name, dropped_indexes_);
  dropped_indexes_.clear();
}

void RowWriter::upsert(const RawMembers& row, std::optional<int64_t> version, bool synced,
                       bool force) {
  std::string name = quote_name(object_.name), names, values, sets, keys;
  std::vector<const LocalColumn*> columns;
  for (const auto& [column, raw] : row) {
    int at = object_.column_index(column);
    if (at < 0) continue;
    columns.push_back(&object_.columns[static_cast<size_t>(at)]);
    names += quote_name(column) + ",";
    values += "?,";
    sets += quote_name(column) + "=excluded." + quote_name(column) + ",";
  }
  for (const std::string& key : object_.key) keys += (keys.empty() ? "" : ",") + quote_name(key);
  Statement& statement =
      prepared("INSERT INTO " + name + "(" + names + "_version,_synced) VALUES(" + values +
               "?,?) ON CONFLICT(" + keys + ") DO UPDATE SET " + sets +
               "_version=excluded._version,_synced=excluded._synced" +
               (force ? "" : " WHERE coalesce(" + name + "._version,0)<=excluded._version"));
  int at = 1;
  for (const auto& [column, raw] : row)
    if (object_.column_index(column) >= 0) {
      bind_value(statement, at, *columns[static_cast<size_t>(at - 1)], raw);
      at++;
    }
  statement.bind(at, version).bind(at + 1, static_cast<int64_t>(synced));
  run_making_room(statement);
}

bool RowWriter::update(const std::string& record_id, const RawMembers& changes,
                       std::optional<int64_t> version) {
  std::string sets;
  int at = 1;
  for (const auto& [column, raw] : changes)
    if (object_.column_index(column) >= 0)
      sets += quote_name(column) + "=?" + std::to_string(at++) + ",";
  std::string newest = "max(coalesce(_version,0),?" + std::to_string(at) + ")";
  // An older message changes nothing, yet still counts as found.
  Statement& older =
      prepared("SELECT _version FROM " + quote_name(object_.name) + " WHERE " + where_key(1));
  bind_record_id(older, 1, object_, record_id);
  bool found = older.step();
  bool stale = found && version && older.integer(0) > *version;
  older.reset();
  if (!found || stale) return found;
  Statement& statement = prepared("UPDATE " + quote_name(object_.name) + " SET " + sets +
                                  "_version=" + newest + " WHERE " + where_key(at + 1));
  at = 1;
  for (const auto& [column, raw] : changes) {
    int index = object_.column_index(column);
    if (index >= 0) bind_value(statement, at++, object_.columns[static_cast<size_t>(index)], raw);
  }
  statement.bind(at, version);
  bind_record_id(statement, at + 1, object_, record_id);
  run_making_room(statement);
  return true;
}

bool RowWriter::remove(const std::string& record_id, std::optional<int64_t> up_to_version) {
  int next = static_cast<int>(object_.key.size()) + 1;
  Statement& statement = prepared(
      "DELETE FROM " + quote_name(object_.name) + " WHERE " + where_key(1) + " AND (?" +
      std::to_string(next) + " IS NULL OR coalesce(_version,0)<=?" + std::to_string(next) + ")");
  bind_record_id(statement, 1, object_, record_id);
  statement.bind(next, up_to_version);
  statement.run();
  return sqlite3_changes(database_) > 0;
}

void RowWriter::remove_older(std::optional<int64_t> version) {
  Statement& statement = prepared("DELETE FROM " + quote_name(object_.name) +
                                  " WHERE _synced=1 AND coalesce(_version,0)<coalesce(?1,"
                                  "9223372036854775807)");
  statement.bind(1, version);
  statement.run();
}

std::optional<std::string> RowWriter::read(const std::string& record_id,
                                           std::optional<int64_t>* version) {
  Statement& statement = prepared("SELECT " + image_sql(object_, "t") + ",_version FROM " +
                                  quote_name(object_.name) + " t WHERE " + where_key(1));
  bind_record_id(statement, 1, object_, record_id);
  std::optional<std::string> row;
  if (statement.step()) {
    row = statement.text(0);
    if (version != nullptr) *version = statement.integer_or_none(1);
  }
  statement.reset();
  return row;
}

}  // namespace objectos
