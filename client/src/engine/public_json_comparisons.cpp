// What comparing, and asking for a history, gives, as JSON.
#include "engine/public_json.h"
#include "protocol/message_fields.h"

namespace objectos {

namespace {

Json strings(const std::vector<std::string>& texts) {
  Json all = Json::array();
  for (const std::string& text : texts) all.push_back(Json::string(text));
  return all;
}

}  // namespace

Json to_json(const LocalDifference& difference) {
  Json json = Json::object();
  json.set("object", Json::string(difference.object));
  json.set("record_id", Json::string(difference.record_id));
  json.set("expected", embedded_json(difference.expected));
  json.set("found", embedded_json(difference.found));
  return json;
}

Json to_json(const TransactionResult& result) {
  Json json = Json::object();
  json.set("group", Json::string(result.group));
  json.set("mutations", Json::integer(result.mutations));
  return json;
}

Json to_json(const RecordDifference& difference) {
  Json json = Json::object();
  json.set("object", Json::string(difference.object));
  json.set("record_id", Json::string(difference.record_id));
  json.set("kind", Json::string(difference_kind_name(difference.kind)));
  json.set("fields", strings(difference.fields));
  return json;
}

Json to_json(const ObjectVerification& object) {
  Json json = Json::object();
  json.set("object", Json::string(object.object));
  json.set("server_records", Json::integer(object.server_records));
  json.set("local_records", Json::integer(object.local_records));
  json.set("missing", Json::integer(object.missing));
  json.set("extra", Json::integer(object.extra));
  json.set("different", Json::integer(object.different));
  json.set("repaired", Json::integer(object.repaired));
  json.set("differences", to_json(object.differences));
  return json;
}

Json to_json(const VerifyReport& report) {
  Json json = Json::object();
  json.set("objects", to_json(report.objects));
  json.set("differences", Json::integer(report.differences));
  json.set("repaired", Json::integer(report.repaired));
  json.set("round_trips", Json::integer(report.round_trips));
  json.set("bytes", Json::integer(report.bytes));
  json.set("rows_fetched", Json::integer(report.rows_fetched));
  return json;
}

Json to_json(const HistoryEntry& entry) {
  Json json = Json::object();
  json.set("sequence", Json::integer(entry.sequence));
  json.set("version", integer_or_null(entry.version));
  json.set("operation", Json::string(entry.operation));
  json.set("user_id", text_or_null(entry.user_id));
  json.set("client_id", text_or_null(entry.client_id));
  json.set("device", text_or_null(entry.device));
  json.set("mutation_id", text_or_null(entry.mutation_id));
  json.set("timestamp", Json::string(entry.timestamp));
  json.set("data", embedded_json(entry.data));
  json.set("original", embedded_json(entry.original));
  return json;
}

Json to_json(const FieldDifference& field) {
  Json json = Json::object();
  json.set("field", Json::string(field.field));
  json.set("base", embedded_json(field.base));
  json.set("local", embedded_json(field.local));
  return json;
}

Json to_json(const RecordDiff& diff) {
  Json json = Json::object();
  json.set("object", Json::string(diff.object));
  json.set("record_id", Json::string(diff.record_id));
  json.set("operation", Json::string(diff.operation));
  json.set("fields", to_json(diff.fields));
  return json;
}

}  // namespace objectos
