#include "engine/answers.h"

#include <algorithm>

#include "objectos/error.h"
#include "protocol/errors.h"
#include "protocol/json.h"

namespace objectos {

namespace {

constexpr std::int64_t kProtocol = 1;

Json parse_answer(const std::string& text) {
  try {
    return parse_json(text);
  } catch (const ProtocolError& error) {
    throw Error(ErrorClass::upgrade, "unexpected_answer",
                "The server gave an answer this version does not know.", error.what());
  }
}

std::string text_of(const Json& object, std::string_view name) {
  const Json* member = object.find(name);
  return member != nullptr ? member->text() : std::string();
}

}  // namespace

HelloAnswer parse_hello(const std::string& text) {
  Json json = parse_answer(text);
  const Json* protocol = json.find("protocol");
  if (protocol == nullptr || protocol->as_integer() != kProtocol) {
    throw Error(ErrorClass::upgrade, "OS013",
                "The server speaks another version of the sync protocol.",
                "server: " + text_of(json, "protocol") + ", here: " + std::to_string(kProtocol),
                "Install the same version of objectos_sync on both sides.");
  }
  HelloAnswer answer;
  answer.epoch = text_of(json, "epoch");
  answer.server_time = text_of(json, "server_time");
  answer.user_id = text_of(json, "user_id");
  answer.schema = text_of(json, "schema");
  if (const Json* subscription = json.find("subscription")) {
    answer.subscription = subscription->is_null() ? "" : write_json(*subscription);
  }
  if (const Json* high_water = json.find("high_water")) {
    answer.high_water = high_water->as_integer();
  }
  return answer;
}

std::string subscription_form(const std::string& text) {
  if (text.empty()) return "";
  const Json json = parse_answer(text);
  return json.is_null() ? "" : write_json(json);
}

std::vector<CopyColumn> parse_copy_columns(const std::string& text,
                                           const std::vector<std::string>& key) {
  std::vector<CopyColumn> columns;
  const Json answer = parse_answer(text);  // must outlive the loop over its items
  for (const Json& item : answer.items()) {
    CopyColumn column;
    column.name = text_of(item, "name");
    column.format = copy_format(text_of(item, "format"));
    column.key = std::find(key.begin(), key.end(), column.name) != key.end();
    columns.push_back(std::move(column));
  }
  columns.push_back({"_version", CopyFormat::int8, false});  // the query's last, always
  return columns;
}

}  // namespace objectos
