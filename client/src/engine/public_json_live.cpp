// Live queries, conflict questions and presence as JSON.
#include <cmath>
#include <cstdio>

#include "engine/public_json.h"
#include "protocol/message_fields.h"

namespace objectos {

namespace {

Json strings(const std::vector<std::string>& texts) {
  Json all = Json::array();
  for (const std::string& text : texts) all.push_back(Json::string(text));
  return all;
}

std::string hex(const std::string& bytes) {
  static const char digits[] = "0123456789abcdef";
  std::string text = "\\x";
  for (unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

Json real_json(double value) {
  if (std::isnan(value)) return Json::string("NaN");
  if (std::isinf(value)) return Json::string(value > 0 ? "Infinity" : "-Infinity");
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return Json::number(text);
}

}  // namespace

Json to_json(const ConflictQuestion& question) {
  Json json = Json::object();
  json.set("conflict_id", Json::string(question.conflict_id));
  json.set("object", Json::string(question.object));
  json.set("record_id", Json::string(question.record_id));
  json.set("reason", Json::string(question.reason));
  json.set("base", embedded_json(question.base));
  json.set("local", embedded_json(question.local));
  json.set("remote", embedded_json(question.remote));
  json.set("row", embedded_json(question.row));
  json.set("fields", strings(question.fields));
  return json;
}

Json to_json(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::null:
      return {};
    case Value::Kind::integer:
      return Json::integer(value.integer());
    case Value::Kind::real:
      return real_json(value.real());
    case Value::Kind::text:
      return Json::string(value.text());
    case Value::Kind::blob:
      return Json::string(hex(value.blob()));
  }
  return {};
}

Json to_json(const ChangedRow& row) {
  Json json = Json::object();
  json.set("before", to_json(row.before));
  json.set("after", to_json(row.after));
  return json;
}

Json to_json(const QueryChange& change) {
  Json json = Json::object();
  json.set("first", Json::boolean(change.first));
  json.set("columns", strings(change.columns));
  json.set("rows", to_json(change.rows));
  json.set("added", to_json(change.added));
  json.set("removed", to_json(change.removed));
  json.set("changed", to_json(change.changed));
  json.set("error", text_or_null(change.error));
  return json;
}

Json to_json(const PresentClient& client) {
  Json json = Json::object();
  json.set("client_id", Json::string(client.client_id));
  json.set("user_id", Json::string(client.user_id));
  json.set("state", embedded_json(client.state));
  return json;
}

Json to_json(const PresenceEvent& event) {
  Json json = Json::object();
  json.set("kind", Json::string(presence_kind_name(event.kind)));
  json.set("channel", Json::string(event.channel));
  json.set("client_id", text_or_null(event.client_id));
  json.set("user_id", text_or_null(event.user_id));
  json.set("payload", embedded_json(event.payload));
  json.set("present", to_json(event.present));
  json.set("error", text_or_null(event.error));
  return json;
}

}  // namespace objectos
