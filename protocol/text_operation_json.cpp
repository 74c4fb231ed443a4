#include "protocol/text_operation_json.h"

#include <cstdint>
#include <limits>

#include "protocol/code_points.h"
#include "protocol/errors.h"
#include "protocol/limits.h"
#include "protocol/message_fields.h"

namespace objectos {

namespace {

[[noreturn]] void refuse(const std::string& why, const std::string& detail) {
  throw ProtocolError(ErrorCode::invalid_mutation, "invalid text operation: " + why, detail,
                      "An array of n (keep n characters), -n (delete n) and \"text\" (insert it).");
}

std::string shown(const Json& value) {
  return std::string(first_points(write_json(value), 100));
}

[[noreturn]] void refuse_component(std::size_t index, const Json& value, const char* why) {
  refuse(why, "Component " + std::to_string(index + 1) + ": " + shown(value) + ".");
}

void add_number(TextOperationBuilder& builder, std::size_t index, const Json& value) {
  const auto number = value.as_integer();
  if (!number) refuse_component(index, value, "a length is a whole number");
  if (*number == 0) refuse_component(index, value, "a length of 0");
  if (*number > std::numeric_limits<std::int32_t>::max() ||
      *number < -std::numeric_limits<std::int32_t>::max())
    refuse_component(index, value, "a length beyond any text");
  if (*number > 0)
    builder.keep(static_cast<std::size_t>(*number));
  else
    builder.erase(static_cast<std::size_t>(-*number));
}

TextOperation parse_components(const Json& json) {
  const Json::Items& items = json.items();
  if (items.size() > limits::text_components_max)
    throw ProtocolError(ErrorCode::limit_exceeded, "the text operation has too many components",
                        std::to_string(items.size()) + ", at most " +
                            std::to_string(limits::text_components_max) + " are allowed.");
  TextOperationBuilder builder;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Json& item = items[i];
    if (item.is_number()) {
      add_number(builder, i, item);
    } else if (item.is_string()) {
      if (item.text().empty()) refuse_component(i, item, "an empty insert");
      builder.insert(item.text());
    } else {
      refuse_component(i, item, "neither a number nor a string");
    }
  }
  if (!items.empty() && items.back().is_number() && *items.back().as_integer() > 0)
    refuse_component(items.size() - 1, items.back(), "it ends with a keep");
  return builder.build();
}

// A length or a position of the article's form.
std::size_t points_field(const Json& json, const std::string& name, std::int64_t least) {
  const auto number = integer_field(json, name);
  if (!number) refuse_field(json, name, "is missing");
  if (*number < least || *number > std::numeric_limits<std::int32_t>::max())
    refuse_field(json, name, "is not within the lengths of a text");
  return static_cast<std::size_t>(*number);
}

TextOperation parse_article_form(const Json& json) {
  const std::string type = text_field(json, "type", limits::name_bytes_max, true);
  TextOperationBuilder builder;
  builder.keep(points_field(json, "pos", 0));
  if (type == "insert") {
    require_known_keys(json, {"type", "pos", "text"});
    const std::string text = text_field(json, "text", limits::string_bytes_max, true);
    if (text.empty()) refuse_field(json, "text", "is empty");
    builder.insert(text);
  } else if (type == "delete") {
    require_known_keys(json, {"type", "pos", "len"});
    builder.erase(points_field(json, "len", 1));
  } else {
    refuse_field(json, "type", "is neither insert nor delete");
  }
  return builder.build();
}

}  // namespace

TextOperation parse_text_operation(const Json& json) {
  if (json.is_array()) return parse_components(json);
  if (json.is_object()) return parse_article_form(json);
  refuse("neither an array nor an object", shown(json) + ".");
}

TextOperation parse_text_operation(std::string_view text) {
  return parse_text_operation(parse_json(text));
}

void append_text_operation(std::string& out, const TextOperation& operation) {
  out += '[';
  std::size_t at = 0;
  const char* separator = "";
  for (const TextComponent& one : operation.components()) {
    out += separator;
    separator = ",";
    if (one.is_insert()) {
      append_json_string(out, operation.inserted().substr(at, one.bytes));
      at += one.bytes;
    } else {
      out += std::to_string(one.points);
    }
  }
  out += ']';
}

std::string write_text_operation(const TextOperation& operation) {
  std::string out;
  append_text_operation(out, operation);
  return out;
}

Json text_operation_json(const TextOperation& operation) {
  Json::Items items;
  items.reserve(operation.components().size());
  std::size_t at = 0;
  for (const TextComponent& one : operation.components()) {
    if (one.is_insert())
      items.push_back(Json::string(std::string(operation.inserted().substr(at, one.bytes))));
    else
      items.push_back(Json::integer(one.points));
    at += one.bytes;
  }
  return Json::array(std::move(items));
}

}  // namespace objectos
