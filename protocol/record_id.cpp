#include "protocol/record_id.h"

#include <optional>
#include <utility>

#include "protocol/code_points.h"
#include "protocol/errors.h"

namespace objectos {

namespace {

[[noreturn]] void refuse(const std::string& why, std::string_view record_id) {
  throw ProtocolError(ErrorCode::invalid_mutation, "invalid record_id: " + why,
                      "record_id " + json_string(first_points(record_id, 200)) + ".",
                      "One key column: its value as text; several: the JSON array of them.",
                      "record_id");
}

bool is_special(const std::string& text) {
  return text == "NaN" || text == "Infinity" || text == "-Infinity";
}

// "\x0aff": what bytea's text output writes.
bool is_hex_bytes(std::string_view text) {
  return text.substr(0, 2) == "\\x" && text.size() % 2 == 0 &&
         text.find_first_not_of("0123456789abcdef", 2) == std::string_view::npos;
}

// An array literal; with brackets only where a lower bound is not 1: [0:1]={a,b}.
bool is_array_literal(std::string_view text) {
  if (text.empty() || text.back() != '}') return false;
  return text[0] == '{' || (text[0] == '[' && text.find("]={") != std::string_view::npos);
}

bool fits(const Json& value, ValueKind kind) {
  switch (kind) {
    case ValueKind::boolean:
      return value.is_boolean();
    case ValueKind::integer: {
      auto number = value.as_integer();
      return number && std::to_string(*number) == value.text();
    }
    case ValueKind::real:
    case ValueKind::numeric:
      return value.is_number() || (value.is_string() && is_special(value.text()));
    case ValueKind::bytes:
      return value.is_string() && is_hex_bytes(value.text());
    case ValueKind::array:
      return value.is_array() || (value.is_string() && is_array_literal(value.text()));
    default:
      return value.is_string();
  }
}

// Nothing if it is no JSON array.
std::optional<Json> parse_array(std::string_view text) {
  try {
    Json array = parse_json(text);
    if (array.is_array()) return array;
  } catch (const ProtocolError&) {
  }
  return std::nullopt;
}

Json parse_single(std::string_view text, ValueKind kind) {
  if (kind == ValueKind::boolean) {
    if (text == "true" || text == "false") return Json::boolean(text == "true");
    refuse("a boolean is true or false", text);
  }
  bool numeric =
      kind == ValueKind::integer || kind == ValueKind::real || kind == ValueKind::numeric;
  Json value = numeric && is_json_number(text) ? Json::number(std::string(text))
                                               : Json::string(std::string(text));
  if (kind == ValueKind::array) {
    if (auto array = parse_array(text)) value = std::move(*array);
    if (value.is_array() && write_json(value) != text) refuse("not in its canonical form", text);
  }
  if (!fits(value, kind)) refuse(std::string("not a key of kind ") + to_string(kind), text);
  return value;
}

}  // namespace

std::string encode_record_id(const std::vector<Json>& values) {
  std::string text;
  for (const Json& value : values) {
    if (value.is_null() || value.is_object()) refuse("a key value is missing", "");
  }
  if (values.size() == 1) {
    const Json& only = values[0];
    text = only.is_string() || only.is_number() ? only.text() : write_json(only);
  } else {
    text = write_json(Json::array(values));
  }
  if (text.size() > limits::record_id_bytes_max) {
    throw ProtocolError(ErrorCode::limit_exceeded, "the record_id is too long",
                        std::to_string(text.size()) + " bytes.");
  }
  return text;
}

std::vector<Json> parse_record_id(std::string_view record_id, const std::vector<ValueKind>& kinds) {
  if (kinds.size() == 1) return {parse_single(record_id, kinds[0])};
  auto parsed = parse_array(record_id);
  if (!parsed) refuse("not a JSON array", record_id);
  const Json& array = *parsed;
  if (array.items().size() != kinds.size()) {
    refuse("it needs " + std::to_string(kinds.size()) + " values", record_id);
  }
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (!fits(array.items()[i], kinds[i])) {
      refuse("value " + std::to_string(i + 1) + " is not of kind " + to_string(kinds[i]),
             record_id);
    }
  }
  if (write_json(array) != record_id) refuse("not in its canonical form", record_id);
  return array.items();
}

}  // namespace objectos
