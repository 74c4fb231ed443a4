#include "c_api/values_json.h"

#include <cstdlib>

#include "objectos/error.h"
#include "protocol/errors.h"
#include "protocol/json.h"

namespace objectos::c_api {

namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorClass::usage, "bad_parameters", why, {}, "docs/c-api.md shows the form.");
}

Json parse_array(const std::string& text) {
  try {
    Json json = parse_json(text);
    if (json.is_array()) return json;
  } catch (const ProtocolError& error) {
    refuse(std::string("This is no JSON: ") + error.what());
  }
  refuse("A JSON array is wanted.");
}

Value value_of(const Json& json) {
  switch (json.kind()) {
    case Json::Kind::null:
      return {};
    case Json::Kind::boolean:
      return Value(json.as_boolean() ? 1 : 0);
    case Json::Kind::number:
      if (const auto whole = json.as_integer()) return Value(*whole);
      return Value(std::strtod(json.text().c_str(), nullptr));
    case Json::Kind::string:
      return Value(json.text());
    case Json::Kind::array:
    case Json::Kind::object:
      break;
  }
  refuse("A parameter is null, a boolean, a number or a text.");
}

std::vector<Value> values_of(const Json& array) {
  std::vector<Value> values;
  for (const Json& item : array.items()) values.push_back(value_of(item));
  return values;
}

}  // namespace

std::vector<Value> values_from_json(const std::string& text) {
  return values_of(parse_array(text));
}

std::vector<SqlStatement> statements_from_json(const std::string& text) {
  std::vector<SqlStatement> statements;
  const Json array = parse_array(text);
  for (const Json& item : array.items()) {
    const Json* sql = item.find("sql");
    const Json* parameters = item.find("parameters");
    if (sql == nullptr || !sql->is_string()) refuse("A statement is {\"sql\": text, ...}.");
    if (parameters != nullptr && !parameters->is_array()) refuse("\"parameters\" is an array.");
    statements.push_back(
        {sql->text(), parameters != nullptr ? values_of(*parameters) : std::vector<Value>()});
  }
  return statements;
}

}  // namespace objectos::c_api
