// JSON values → what the columns' input functions take.
#include "pg_ext/json_form.h"
#include "protocol/json.h"
#include "protocol/record_id.h"

namespace objectos::server {

namespace {

[[noreturn]] void wrong_kind(const ColumnInfo& column, const char* wanted) {
  throw SyncError("22P02", "field \"" + column.name + "\" wants " + wanted,
                  "The column's type is " + column.type_text + ".",
                  "docs/types.md has the JSON form of every type.");
}

void append_quoted_element(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

// A JSON array as an array literal. The parser's depth limit bounds the recursion.
void append_array_literal(std::string& out, const Json& array, char delimiter) {
  out += '{';
  bool first = true;
  for (const Json& item : array.items()) {
    if (!first) out += delimiter;
    first = false;
    if (item.is_null())
      out += "NULL";
    else if (item.is_array())
      append_array_literal(out, item, delimiter);
    else if (item.is_object())
      append_quoted_element(out, write_json(item));
    else if (item.is_boolean())
      out += item.as_boolean() ? "true" : "false";
    else
      append_quoted_element(out, item.text());
  }
  out += '}';
}

std::string text_of(const ColumnInfo& column, const Json& value) {
  switch (column.kind) {
    case ValueKind::boolean:
      if (value.is_boolean()) return value.as_boolean() ? "true" : "false";
      wrong_kind(column, "true or false");
    case ValueKind::integer:
    case ValueKind::real:
    case ValueKind::numeric:
      if (value.is_number() || value.is_string()) return value.text();
      wrong_kind(column, "a number");
    case ValueKind::json:
      return value.is_string() ? value.text() : write_json(value);
    case ValueKind::array: {
      if (value.is_string()) return value.text();
      if (!value.is_array()) wrong_kind(column, "an array");
      std::string literal;
      append_array_literal(literal, value, column.array_delimiter);
      return literal;
    }
    case ValueKind::text:
    case ValueKind::bytes:
      break;
  }
  if (!value.is_string()) wrong_kind(column, "a string");
  return value.text();
}

}  // namespace

std::optional<std::string> input_text(const ColumnInfo& column, std::string_view json) {
  const Json value = parse_json(json);
  if (value.is_null()) return std::nullopt;
  return text_of(column, value);
}

std::vector<std::string> key_input_texts(const ObjectInfo& object, std::string_view record_id) {
  if (object.key.size() == 1) return {std::string(record_id)};
  std::vector<ValueKind> kinds;
  for (const std::size_t index : object.key) kinds.push_back(object.columns[index].kind);
  const std::vector<Json> values = parse_record_id(record_id, kinds);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < values.size(); ++i)
    texts.push_back(text_of(object.columns[object.key[i]], values[i]));
  return texts;
}

}  // namespace objectos::server
