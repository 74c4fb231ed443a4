#include "pg_ext/pull_response.h"

#include "pg_ext/boundary.h"
#include "protocol/json.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

std::string row_json(const PullRow& row, MutationIds ids) {
  ObjectText json;
  const bool acknowledgement = row.kind == "acknowledgement";
  if (ids == MutationIds::all || row.kind != "mutation") json.text("id", row.id);
  json.text("object", row.object);
  json.text("record_id", row.record_id);
  json.text("operation", row.operation);
  if (row.data && !acknowledgement) json.raw("data", *row.data);
  json.number("version", row.version);
  if (row.data && acknowledgement) json.members(*row.data);
  json.number("sequence", row.sequence);
  if (row.timestamp) json.text("timestamp", iso_time(*row.timestamp));
  json.text("user", row.user_id);
  json.text("tag", row.tag);
  return json.done();
}

}  // namespace

void ObjectText::raw(std::string_view name, std::string_view json) {
  text_ += text_.size() > 1 ? ",\"" : "\"";
  text_ += name;
  text_ += "\":";
  text_ += json;
}

void ObjectText::members(std::string_view object) {
  const std::string_view inner = object.substr(1, object.size() - 2);
  if (inner.empty()) return;
  if (text_.size() > 1) text_ += ',';
  text_ += inner;
}

void ObjectText::text(std::string_view name, const std::optional<std::string>& value) {
  if (value) raw(name, json_string(*value));
}

void ObjectText::number(std::string_view name, const std::optional<std::int64_t>& value) {
  if (value) raw(name, std::to_string(*value));
}

std::string response_json(const PullRows& rows, MutationIds ids) {
  struct Part {
    const char* kind;
    const char* key;
    std::string items;
  };
  Part parts[] = {{"mutation", "mutations", ""}, {"conflict", "conflicts", ""},
                  {"removal", "removals", ""},   {"acknowledgement", "acknowledgements", ""},
                  {"reread", "rereads", ""},     {"truncate", "truncates", ""}};
  ObjectText response;
  for (const PullRow& row : rows) {
    if (row.kind == "schema") response.raw("schema", *row.data);
    for (Part& part : parts) {
      if (row.kind != part.kind) continue;
      if (!part.items.empty()) part.items += ',';
      part.items += row.kind == "conflict" ? *row.data : row_json(row, ids);
    }
    if (row.kind == "checkpoint") {
      for (const Part& part : parts) response.raw(part.key, '[' + part.items + ']');
      response.text("checkpoint", row.checkpoint);
      response.raw("has_more", *row.has_more ? "true" : "false");
    }
  }
  return response.done();
}

std::string iso_time(std::int64_t at) {
  char buffer[MAXDATELEN + 1];
  pg_call([&] {
    int zone = 0;
    JsonEncodeDateTime(buffer, TimestampTzGetDatum(at), TIMESTAMPTZOID, &zone);
  });
  return buffer;
}

}  // namespace objectos::server
