#include "protocol/message_fields.h"

#include <algorithm>

#include "protocol/code_points.h"
#include "protocol/errors.h"

namespace objectos {

void refuse_field(const Json& json, const std::string& field, const std::string& why) {
  std::string which = "Message";
  for (const char* name : {"id", "mutation_id"}) {
    const Json* id = json.find(name);
    if (id && id->is_string()) {
      which = "Mutation " + std::string(first_points(id->text(), 100));
      break;
    }
  }
  throw ProtocolError(ErrorCode::invalid_mutation, "field \"" + field + "\" " + why,
                      which + ", field " + field + ".",
                      "See the list of messages for the fields and their types.", field);
}

const Json* present(const Json& json, std::string_view name) {
  const Json* value = json.find(name);
  return value && !value->is_null() ? value : nullptr;
}

void require_object(const Json& json, const std::string& what) {
  if (!json.is_object()) refuse_field(json, what, "must be an object");
}

void require_known_keys(const Json& json, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : json.members()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      refuse_field(json, std::string(first_points(name, 100)), "is not known");
    }
  }
}

std::string text_field(const Json& json, const std::string& name, std::size_t bytes_max,
                       bool required) {
  const Json* value = present(json, name);
  if (!value) {
    if (required) refuse_field(json, name, "is missing");
    return {};
  }
  if (!value->is_string()) refuse_field(json, name, "must be a string");
  if (value->text().size() > bytes_max) refuse_field(json, name, "is too long");
  return value->text();
}

std::optional<std::string> optional_text_field(const Json& json, const std::string& name,
                                               std::size_t bytes_max) {
  if (!present(json, name)) return std::nullopt;
  return text_field(json, name, bytes_max, true);
}

std::optional<std::int64_t> integer_field(const Json& json, const std::string& name) {
  const Json* value = present(json, name);
  if (!value) return std::nullopt;
  auto number = value->as_integer();
  if (!number || *number < 0) {
    refuse_field(json, name, "must be a whole number, not negative");
  }
  return number;
}

bool boolean_field(const Json& json, const std::string& name) {
  const Json* value = present(json, name);
  if (value && !value->is_boolean()) refuse_field(json, name, "must be true or false");
  return value && value->as_boolean();
}

Json object_field(const Json& json, const std::string& name) {
  const Json* value = present(json, name);
  if (!value) return {};
  if (!value->is_object()) refuse_field(json, name, "must be an object");
  return *value;
}

Json array_field(const Json& json, const std::string& name) {
  const Json* value = present(json, name);
  if (!value) return {};
  if (!value->is_array()) refuse_field(json, name, "must be an array");
  return *value;
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json() : Json::string(text);
}

Json integer_or_null(const std::optional<std::int64_t>& value) {
  return value ? Json::integer(*value) : Json();
}

}  // namespace objectos
