// The SQL functions of pulling: sync_pull, sync_pull_response, sync_schema, sync_hello,
// sync_snapshot.
#include "pg_ext/pull.h"
#include "pg_ext/snapshot.h"
#include "protocol/errors.h"

#include "pg_ext/pg.h"

namespace objectos::server {
namespace {

PullCall call_of(FunctionCall call) {
  if (argument_is_null(call, 0)) {
    throw ProtocolError(ErrorCode::invalid_client, "client_id is null", "",
                        "Give the name under which this device syncs.");
  }
  PullCall result;
  result.client_id = text_argument(call, 0);
  result.checkpoint = optional_text_argument(call, 1);
  if (!argument_is_null(call, 2)) result.max_mutations = int4_argument(call, 2);
  if (!argument_is_null(call, 3)) result.confirmed = int8_argument(call, 3);
  return result;
}

void write_row(RowWriter& writer, const PullRow& row) {
  writer.text(std::string_view(row.kind))
      .int8(row.sequence)
      .text(row.id)
      .text(row.object)
      .text(row.record_id);
  writer.text(row.operation).text(row.data).int8(row.version);
  if (row.timestamp) {
    writer.datum(static_cast<Datum>(*row.timestamp), false);
  } else {
    writer.null();
  }
  writer.text(row.user_id).text(row.tag).text(row.checkpoint);
  if (row.has_more) {
    writer.boolean(*row.has_more);
  } else {
    writer.null();
  }
  writer.end_row();
}

// A JSON string, by the server's own escaping.
std::string quoted(const std::string& text) {
  const char* json = pg_call([&] {
    StringInfoData out;
    initStringInfo(&out);
    escape_json(&out, text.c_str());
    return static_cast<const char*>(out.data);
  });
  return json;
}

class ObjectText {
 public:
  void raw(const char* name, const std::string& json) {
    text_ += text_.size() > 1 ? ",\"" : "\"";
    text_ += name;
    text_ += "\":" + json;
  }
  void text(const char* name, const std::optional<std::string>& value) {
    if (value) raw(name, quoted(*value));
  }
  void number(const char* name, const std::optional<std::int64_t>& value) {
    if (value) raw(name, std::to_string(*value));
  }
  std::string done() const { return text_ + '}'; }

 private:
  std::string text_ = "{";
};

std::string iso_time(std::int64_t at) {
  const char* text = pg_call([&] {
    char buffer[MAXDATELEN + 1];
    int zone = 0;
    JsonEncodeDateTime(buffer, TimestampTzGetDatum(at), TIMESTAMPTZOID, &zone);
    return static_cast<const char*>(pstrdup(buffer));
  });
  return text;
}

std::string row_json(const PullRow& row) {
  ObjectText json;
  json.text("id", row.id);
  json.text("object", row.object);
  json.text("record_id", row.record_id);
  json.text("operation", row.operation);
  if (row.data) json.raw("data", *row.data);
  json.number("version", row.version);
  json.number("sequence", row.sequence);
  if (row.timestamp) json.text("timestamp", iso_time(*row.timestamp));
  json.text("user", row.user_id);
  json.text("tag", row.tag);
  return json.done();
}

std::string response_json(const PullRows& rows) {
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
      part.items += row.kind == "conflict" ? *row.data : row_json(row);
    }
    if (row.kind == "checkpoint") {
      for (const Part& part : parts) response.raw(part.key, '[' + part.items + ']');
      response.text("checkpoint", row.checkpoint);
      response.raw("has_more", *row.has_more ? "true" : "false");
    }
  }
  return response.done();
}

std::string hello_json(Spi& spi, const std::string& client_id) {
  const PullClient client = identify_client(spi, client_id);
  std::int64_t high_water = 0;
  std::int64_t confirmed = 0;
  bool known = false;
  as_owner([&] {
    Rows rows =
        spi.execute("SELECT high_water, confirmed FROM objectos_sync.clients WHERE client_id = $1",
                    {Param::text(client_id)}, Access::read_only);
    known = !rows.empty();
    if (!known) return;
    high_water = rows.int8(0, 0).value_or(0);
    confirmed = rows.int8(0, 1).value_or(0);
  });
  struct Now {
    std::int64_t time;
    const char* user;
  };
  const Now now = pg_call([] {
    return Now{GetCurrentTimestamp(),
               static_cast<const char*>(GetUserNameFromId(GetUserId(), false))};
  });
  ObjectText json;
  json.text("epoch", client.epoch);
  json.number("protocol", 1);
  json.text("server_time", iso_time(now.time));
  json.text("user_id", std::string(now.user));
  json.number("high_water", high_water);
  json.number("confirmed", confirmed);
  json.raw("known", known ? "true" : "false");
  return json.done();
}

}  // namespace
}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_pull) {
  RowWriter writer(call);
  for (const PullRow& row : pull(call_of(call))) write_row(writer, row);
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_pull_response) {
  const std::string json = response_json(pull(call_of(call)));
  return result_from_text(JSONBOID, json);
}

OBJECTOS_FUNCTION(sync_schema) {
  const std::string json =
      with_spi([](Spi& spi) { return describe_view(server_epoch(spi)).schema_json; });
  return result_from_text(JSONBOID, json);
}

OBJECTOS_FUNCTION(sync_hello) {
  if (argument_is_null(call, 0)) {
    throw objectos::ProtocolError(objectos::ErrorCode::invalid_client, "client_id is null");
  }
  const std::string client_id = text_argument(call, 0);
  const std::string json = with_spi([&](Spi& spi) { return hello_json(spi, client_id); });
  return result_from_text(JSONBOID, json);
}

OBJECTOS_FUNCTION(sync_snapshot) {
  RowWriter writer(call);
  for (const SnapshotRow& row : snapshot(text_argument(call, 0))) {
    writer.text(std::string_view(row.checkpoint)).text(std::string_view(row.schema));
    writer.text(row.object).text(row.query);
    writer.text(row.columns).end_row();
  }
  return null_result(call);
}
