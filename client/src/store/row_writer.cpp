#include "row_writer.h"

#include <charconv>

#include "app_indexes.h"

namespace objectos {
namespace {

int hex_digit(char c) {
  return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

std::string bytes_of(std::string_view hex) {
  std::string out;
  for (size_t i = 2; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(hex_digit(hex[i]) << 4 | hex_digit(hex[i + 1]));
  return out;
}

void bind_blob(Statement& statement, int at, const std::string& bytes) {
  sqlite3_bind_blob64(statement.handle(), at, bytes.data() == nullptr ? "" : bytes.data(),
                      bytes.size(), SQLITE_TRANSIENT);
}

template <typename Number>
bool whole_number(std::string_view raw, Number& number) {
  const char* end = raw.data() + raw.size();
  auto [at, error] = std::from_chars(raw.data(), end, number);
  return error == std::errc() && at == end;
}

// Whether a bound text lives until the statement has run.
enum class Texts { viewed, copied };

void bind_text(Statement& statement, int at, std::string_view text, Texts texts) {
  if (texts == Texts::viewed)
    statement.bind_view(at, text);
  else
    statement.bind(at, text);
}

// A text in a JSON string, which has escapes or not.
void bind_string(Statement& statement, int at, const LocalColumn& column, std::string_view raw,
                 Texts texts) {
  if (raw.size() >= 2 && raw.find('\\') == std::string_view::npos)
    return bind_text(statement, at, raw.substr(1, raw.size() - 2), texts);
  std::string text = json_unquote(raw);
  if (column.kind == "bytes" && text.starts_with("\\x"))
    bind_blob(statement, at, bytes_of(text));
  else
    statement.bind(at, std::string_view(text));
}

void bind_value(Statement& statement, int at, const LocalColumn& column, std::string_view raw,
                Texts texts) {
  int64_t integer = 0;
  double real = 0;
  if (raw == "null") {
    statement.bind_null(at);
  } else if (raw[0] == '"') {
    bind_string(statement, at, column, raw, texts);
  } else if (column.kind == "boolean" && (raw == "true" || raw == "false")) {
    statement.bind(at, static_cast<int64_t>(raw == "true"));
  } else if (column.kind == "integer" && whole_number(raw, integer)) {
    statement.bind(at, integer);
  } else if (column.kind == "float" && !column.is_key && whole_number(raw, real)) {
    sqlite3_bind_double(statement.handle(), at, real);
  } else {
    bind_text(statement, at, raw, texts);
  }
}

}  // namespace

void bind_wire_value(Statement& statement, int at, const LocalColumn& column,
                     std::string_view raw) {
  bind_value(statement, at, column, raw, Texts::viewed);
}

void bind_record_id(Statement& statement, int at, const LocalObject& object,
                    std::string_view record_id) {
  auto column = [&](size_t i) -> const LocalColumn& {
    return object.columns[static_cast<size_t>(object.column_index(object.key[i]))];
  };
  if (object.key.size() == 1) {
    const LocalColumn& only = column(0);
    if ((only.kind == "integer" || only.kind == "boolean") && !record_id.empty()) {
      bind_value(statement, at, only, record_id, Texts::viewed);
    } else if (only.kind == "bytes" && record_id.starts_with("\\x")) {
      bind_blob(statement, at, bytes_of(record_id));
    } else {
      statement.bind_view(at, record_id);
    }
    return;
  }
  std::vector<std::string> parts = json_elements(record_id);
  if (parts.size() != object.key.size())
    throw StoreError(StoreErrorKind::invalid_input, "the record id does not fit the key",
                     object.name + " " + std::string(record_id));
  for (size_t i = 0; i < parts.size(); i++)
    bind_value(statement, at + static_cast<int>(i), column(i), parts[i], Texts::copied);
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

bool RowWriter::Shape::fits(const std::vector<JsonSlice>& row) const {
  if (names.size() != row.size()) return false;
  for (size_t i = 0; i < row.size(); i++)
    if (names[i] != row[i].name) return false;
  return true;
}

RowWriter::Shape& RowWriter::shape_of(Shapes& shapes, const std::vector<JsonSlice>& row,
                                      MakeSql make_sql) {
  if (shapes.last != nullptr && shapes.last->fits(row)) return *shapes.last;
  std::string names;
  for (const JsonSlice& slice : row) names += quote_name(slice.name);
  auto [found, made] = shapes.known.try_emplace(names);
  Shape& shape = found->second;
  if (made) {
    for (const JsonSlice& slice : row) {
      int at = object_.column_index(slice.name);
      shape.names.emplace_back(slice.name);
      shape.columns.push_back(at < 0 ? nullptr : &object_.columns[static_cast<size_t>(at)]);
    }
  }
  if (shape.statement.handle() == nullptr)
    shape.statement = Statement(database_, (this->*make_sql)(shape.columns));
  shapes.last = &shape;
  return shape;
}

// Returns the number of the parameter after them.
int RowWriter::bind_row(Shape& shape, const std::vector<JsonSlice>& row) {
  int at = 1;
  for (size_t i = 0; i < row.size(); i++)
    if (shape.columns[i] != nullptr)
      bind_value(shape.statement, at++, *shape.columns[i], row[i].raw, Texts::viewed);
  return at;
}

std::string RowWriter::insert_sql(const Columns& columns) const {
  std::string name = quote_name(object_.name), names, values, sets, keys;
  for (const LocalColumn* column : columns) {
    if (column == nullptr) continue;
    names += quote_name(column->name) + ",";
    values += "?,";
    // The key is the one that is there: set again, its index would be written again.
    if (!column->is_key)
      sets += quote_name(column->name) + "=excluded." + quote_name(column->name) + ",";
  }
  for (const std::string& key : object_.key) keys += (keys.empty() ? "" : ",") + quote_name(key);
  return "INSERT INTO " + name + "(" + names + "_version,_synced) VALUES(" + values +
         "?,?) ON CONFLICT(" + keys + ") DO UPDATE SET " + sets +
         "_version=excluded._version,_synced=excluded._synced";
}

std::string RowWriter::newer_insert_sql(const Columns& columns) const {
  return insert_sql(columns) + " WHERE coalesce(" + quote_name(object_.name) +
         "._version,0)<=excluded._version";
}

std::string RowWriter::update_sql(const Columns& columns) const {
  std::string sets;
  int at = 1;
  for (const LocalColumn* column : columns)
    if (column != nullptr) sets += quote_name(column->name) + "=?" + std::to_string(at++) + ",";
  std::string version = "?" + std::to_string(at);
  return "UPDATE " + quote_name(object_.name) + " SET " + sets + "_version=" + version + " WHERE " +
         where_key(at + 1) + " AND coalesce(_version,0)<=" + version;
}

void RowWriter::upsert(const std::vector<JsonSlice>& row, std::optional<int64_t> version,
                       bool synced, bool force) {
  Shape& shape = force ? shape_of(inserts_, row, &RowWriter::insert_sql)
                       : shape_of(newer_inserts_, row, &RowWriter::newer_insert_sql);
  int next = bind_row(shape, row);
  shape.statement.bind(next, version).bind(next + 1, static_cast<int64_t>(synced));
  run_making_room(shape.statement);
}

bool RowWriter::update(std::string_view record_id, const std::vector<JsonSlice>& changes,
                       std::optional<int64_t> version) {
  Shape& shape = shape_of(updates_, changes, &RowWriter::update_sql);
  int next = bind_row(shape, changes);
  shape.statement.bind(next, version);
  bind_record_id(shape.statement, next + 1, object_, record_id);
  run_making_room(shape.statement);
  return sqlite3_changes(database_) > 0 || is_there(record_id);
}

bool RowWriter::is_there(std::string_view record_id) {
  Statement& row = prepared("SELECT 1 FROM " + quote_name(object_.name) + " WHERE " + where_key(1));
  bind_record_id(row, 1, object_, record_id);
  bool found = row.step();
  row.reset();
  return found;
}

bool RowWriter::remove(std::string_view record_id, std::optional<int64_t> up_to_version) {
  int next = static_cast<int>(object_.key.size()) + 1;
  Statement& statement = prepared(
      "DELETE FROM " + quote_name(object_.name) + " WHERE " + where_key(1) + " AND (?" +
      std::to_string(next) + " IS NULL OR coalesce(_version,0)<=?" + std::to_string(next) + ")");
  bind_record_id(statement, 1, object_, record_id);
  statement.bind(next, up_to_version);
  statement.run();
  return sqlite3_changes(database_) > 0;
}

// Null for one that is not written; an error for one that is not there.
const LocalColumn* RowWriter::writable(const JsonSlice& field) const {
  const int at = object_.column_index(field.name);
  if (at < 0)
    throw StoreError(StoreErrorKind::record_missing,
                     object_.name + " has no column " + std::string(field.name) + " any more");
  const LocalColumn& column = object_.columns[static_cast<size_t>(at)];
  return column.generated ? nullptr : &column;
}

void RowWriter::add(const std::vector<JsonSlice>& row) {
  std::string names, values;
  for (const JsonSlice& field : row) {
    if (writable(field) == nullptr) continue;
    names += (names.empty() ? "" : ",") + quote_name(field.name);
    values += values.empty() ? "?" : ",?";
  }
  Statement statement(database_, "INSERT INTO " + quote_name(object_.name) + "(" + names +
                                     ") VALUES(" + values + ")");
  int at = 1;
  for (const JsonSlice& field : row)
    if (const LocalColumn* column = writable(field))
      bind_value(statement, at++, *column, field.raw, Texts::viewed);
  statement.run();
}

void RowWriter::edit(std::string_view record_id, const std::vector<JsonSlice>& changes) {
  std::string sets;
  int at = 1;
  const auto edited = [&](const JsonSlice& field) {
    const LocalColumn* column = writable(field);
    return column == nullptr || column->is_key ? nullptr : column;
  };
  for (const JsonSlice& field : changes)
    if (edited(field) != nullptr)
      sets += (sets.empty() ? "" : ",") + quote_name(field.name) + "=?" + std::to_string(at++);
  if (sets.empty()) return;
  Statement statement(
      database_, "UPDATE " + quote_name(object_.name) + " SET " + sets + " WHERE " + where_key(at));
  bind_record_id(statement, at, object_, record_id);
  at = 1;
  for (const JsonSlice& field : changes)
    if (const LocalColumn* column = edited(field))
      bind_value(statement, at++, *column, field.raw, Texts::viewed);
  statement.run();
}

void RowWriter::remove_keyless() {
  std::string condition;
  for (const std::string& name : object_.key)
    condition += (condition.empty() ? "" : " OR ") + quote_name(name) + " IS NULL";
  prepared("DELETE FROM " + quote_name(object_.name) + " WHERE " + condition).run();
}

void RowWriter::remove_older(std::optional<int64_t> version) {
  Statement& statement = prepared("DELETE FROM " + quote_name(object_.name) +
                                  " WHERE _synced=1 AND coalesce(_version,0)<coalesce(?1,"
                                  "9223372036854775807)");
  statement.bind(1, version);
  statement.run();
}

std::optional<std::string> RowWriter::read(std::string_view record_id,
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
