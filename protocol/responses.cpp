// What the server says: verdicts, conflicts, acknowledgements, the response to a pull. Read
// leniently (keys that are not known are passed over), but what is known must have its type.
#include <utility>

#include "protocol/message_fields.h"
#include "protocol/messages.h"

namespace objectos {

namespace {

constexpr std::size_t text_max = limits::name_bytes_max;

Json value_or_null(const Json& json, std::string_view name) {
  const Json* value = json.find(name);
  return value ? *value : Json();
}

Conflict::Field decode_conflict_field(const Json& json) {
  require_object(json, "conflicts");
  return {text_field(json, "field", text_max, true), value_or_null(json, "client_value"),
          value_or_null(json, "server_value"), text_field(json, "resolution", text_max, false)};
}

Json encode_conflict_field(const Conflict::Field& field) {
  Json json = Json::object();
  json.set("field", Json::string(field.field));
  json.set("client_value", field.client_value);
  json.set("server_value", field.server_value);
  if (!field.resolution.empty()) json.set("resolution", Json::string(field.resolution));
  return json;
}

template <class Item, class Encode>
Json encode_all(const std::vector<Item>& items, Encode encode) {
  Json array = Json::array();
  for (const Item& item : items) array.push_back(encode(item));
  return array;
}

}  // namespace

Verdict decode_verdict(const Json& json) {
  require_object(json, "verdict");
  Verdict verdict;
  verdict.mutation_id = text_field(json, "mutation_id", 64, true);
  verdict.status = text_field(json, "status", text_max, true);
  verdict.duplicate = boolean_field(json, "duplicate");
  verdict.version = integer_field(json, "version");
  verdict.sequence = integer_field(json, "sequence");
  verdict.reason = text_field(json, "reason", text_max, false);
  verdict.resolution = text_field(json, "resolution", text_max, false);
  verdict.server_version = integer_field(json, "server_version");
  verdict.client_version = integer_field(json, "client_version");
  verdict.detail = object_field(json, "detail");
  return verdict;
}

Json encode_verdict(const Verdict& v) {
  Json json = Json::object();
  json.set("mutation_id", Json::string(v.mutation_id));
  json.set("status", Json::string(v.status));
  json.set("duplicate", Json::boolean(v.duplicate));
  json.set("version", integer_or_null(v.version));
  json.set("sequence", integer_or_null(v.sequence));
  json.set("reason", text_or_null(v.reason));
  json.set("resolution", text_or_null(v.resolution));
  json.set("server_version", integer_or_null(v.server_version));
  json.set("client_version", integer_or_null(v.client_version));
  json.set("detail", v.detail);
  return json;
}

std::vector<Verdict> decode_push_response(std::string_view text) {
  const Json json = parse_json(text);
  require_object(json, "response");
  const Json list = array_field(json, "verdicts");
  std::vector<Verdict> verdicts;
  for (const Json& item : list.items()) verdicts.push_back(decode_verdict(item));
  return verdicts;
}

std::string encode_push_response(const std::vector<Verdict>& verdicts) {
  Json json = Json::object();
  json.set("verdicts", encode_all(verdicts, encode_verdict));
  return write_json(json);
}

Conflict decode_conflict(const Json& json) {
  require_object(json, "conflict");
  Conflict conflict;
  conflict.mutation_id = text_field(json, "mutation_id", 64, true);
  conflict.reason = text_field(json, "reason", text_max, true);
  conflict.server_version = integer_field(json, "server_version");
  conflict.client_version = integer_field(json, "client_version");
  conflict.resolution = text_field(json, "resolution", text_max, false);
  conflict.conflict_id = text_field(json, "conflict_id", 64, false);
  conflict.base = object_field(json, "base");
  Json fields = array_field(json, "conflicts");
  for (const Json& field : fields.items()) {
    conflict.conflicts.push_back(decode_conflict_field(field));
  }
  conflict.object = text_field(json, "object", text_max, false);
  conflict.record_id = text_field(json, "record_id", limits::record_id_bytes_max, false);
  conflict.status = text_field(json, "status", text_max, false);
  return conflict;
}

Json encode_conflict(const Conflict& c) {
  Json json = Json::object();
  json.set("mutation_id", Json::string(c.mutation_id));
  json.set("reason", Json::string(c.reason));
  json.set("server_version", integer_or_null(c.server_version));
  json.set("client_version", integer_or_null(c.client_version));
  json.set("resolution", text_or_null(c.resolution));
  json.set("conflict_id", text_or_null(c.conflict_id));
  json.set("base", c.base);
  json.set("conflicts", encode_all(c.conflicts, encode_conflict_field));
  if (!c.object.empty()) {
    json.set("object", Json::string(c.object));
    json.set("record_id", Json::string(c.record_id));
  }
  if (!c.status.empty()) json.set("status", Json::string(c.status));
  return json;
}

Acknowledgement decode_acknowledgement(const Json& json) {
  require_object(json, "acknowledgement");
  Acknowledgement acknowledgement;
  acknowledgement.id = text_field(json, "id", 64, true);
  acknowledgement.object = text_field(json, "object", text_max, true);
  acknowledgement.record_id = text_field(json, "record_id", limits::record_id_bytes_max, true);
  acknowledgement.operation = text_field(json, "operation", text_max, true);
  acknowledgement.version = integer_field(json, "version");
  auto client_sequence = integer_field(json, "client_sequence");
  if (!client_sequence) refuse_field(json, "client_sequence", "is missing");
  acknowledgement.client_sequence = *client_sequence;
  acknowledgement.status = text_field(json, "status", text_max, true);
  acknowledgement.whole = boolean_field(json, "whole");
  acknowledgement.absorb = boolean_field(json, "absorb");
  return acknowledgement;
}

Json encode_acknowledgement(const Acknowledgement& a) {
  Json json = Json::object();
  json.set("id", Json::string(a.id));
  json.set("object", Json::string(a.object));
  json.set("record_id", Json::string(a.record_id));
  json.set("operation", Json::string(a.operation));
  json.set("version", integer_or_null(a.version));
  json.set("client_sequence", Json::integer(a.client_sequence));
  json.set("status", Json::string(a.status));
  json.set("whole", Json::boolean(a.whole));
  if (a.absorb) json.set("absorb", Json::boolean(true));
  return json;
}

PullResponse decode_pull_response(std::string_view text) {
  Json json = parse_json(text);
  require_object(json, "response");
  PullResponse response;
  Json mutations = array_field(json, "mutations");
  for (const Json& item : mutations.items()) {
    response.mutations.push_back(decode_pulled_mutation(item));
  }
  Json conflicts = array_field(json, "conflicts");
  for (const Json& item : conflicts.items()) {
    response.conflicts.push_back(decode_conflict(item));
  }
  response.checkpoint = text_field(json, "checkpoint", limits::checkpoint_bytes_max, true);
  response.has_more = boolean_field(json, "has_more");
  response.removals = array_field(json, "removals");
  Json acknowledgements = array_field(json, "acknowledgements");
  for (const Json& item : acknowledgements.items()) {
    response.acknowledgements.push_back(decode_acknowledgement(item));
  }
  response.schema = object_field(json, "schema");
  response.rereads = array_field(json, "rereads");
  response.truncates = array_field(json, "truncates");
  return response;
}

std::string encode_pull_response(const PullResponse& response) {
  Json json = Json::object();
  json.set("mutations", encode_all(response.mutations, encode_mutation));
  json.set("conflicts", encode_all(response.conflicts, encode_conflict));
  json.set("checkpoint", Json::string(response.checkpoint));
  json.set("has_more", Json::boolean(response.has_more));
  if (!response.removals.is_null()) json.set("removals", response.removals);
  if (!response.acknowledgements.empty()) {
    json.set("acknowledgements", encode_all(response.acknowledgements, encode_acknowledgement));
  }
  if (!response.schema.is_null()) json.set("schema", response.schema);
  if (!response.rereads.is_null()) json.set("rereads", response.rereads);
  if (!response.truncates.is_null()) json.set("truncates", response.truncates);
  return write_json(json);
}

}  // namespace objectos
