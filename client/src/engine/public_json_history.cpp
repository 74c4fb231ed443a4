// Undo, redo and the list of the file's own groups as JSON.
#include "engine/public_json.h"
#include "protocol/message_fields.h"

namespace objectos {

Json to_json(const HistoryMutation& mutation) {
  Json json = Json::object();
  json.set("mutation_id", Json::string(mutation.mutation_id));
  json.set("object", Json::string(mutation.object));
  json.set("record_id", Json::string(mutation.record_id));
  json.set("operation", Json::string(mutation.operation));
  json.set("data", embedded_json(mutation.data));
  json.set("original", embedded_json(mutation.original));
  return json;
}

Json to_json(const HistoryGroup& group) {
  Json json = Json::object();
  json.set("number", Json::integer(group.number));
  json.set("written_at", Json::string(group.written_at));
  json.set("state", Json::string(group.state));
  json.set("mutations", to_json(group.mutations));
  return json;
}

Json to_json(const LeftAlone& left) {
  Json json = Json::object();
  json.set("object", Json::string(left.object));
  json.set("record_id", Json::string(left.record_id));
  json.set("field", text_or_null(left.field));
  json.set("written", embedded_json(left.written));
  json.set("found", embedded_json(left.found));
  return json;
}

Json to_json(const UndoResult& result) {
  Json json = Json::object();
  json.set("group", text_or_null(result.group));
  json.set("mutations", Json::integer(result.mutations));
  json.set("left", to_json(result.left));
  return json;
}

}  // namespace objectos
