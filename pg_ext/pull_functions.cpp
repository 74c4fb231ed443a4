// The SQL functions of pulling: sync_pull, sync_pull_response, sync_pull_frame, sync_schema,
// sync_hello, sync_snapshot.
#include "pg_ext/pull_functions.h"

#include "pg_ext/identity.h"
#include "pg_ext/pull.h"
#include "pg_ext/pull_response.h"
#include "pg_ext/session_token.h"
#include "pg_ext/snapshot.h"
#include "pg_ext/subscriptions.h"
#include "protocol/errors.h"
#include "protocol/frame.h"

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

std::string hello_json(const std::string& client_id) {
  const PullClient client = identify_client(client_id);
  const std::int64_t now = pg_call([] { return GetCurrentTimestamp(); });
  ObjectText json;
  json.text("epoch", client.epoch);
  json.number("protocol", 1);
  json.text("server_time", iso_time(now));
  json.text("user_id", current_user_id());
  json.number("high_water", client.high_water);
  json.number("confirmed", client.confirmed_before);
  json.raw("known", client.known ? "true" : "false");
  json.text("challenge", new_challenge(client_id).text);
  json.raw("subscription", client.subscription.value_or("null"));
  json.text("schema", std::to_string(describe_view(client).schema_fingerprint));
  return json.done();
}

}  // namespace

void write_pull_row(RowWriter& writer, const PullRow& row) {
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

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_pull) {
  RowWriter writer(call);
  for (const PullRow& row : pull(call_of(call))) write_pull_row(writer, row);
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_pull_response) {
  const std::string json = response_json(pull(call_of(call)), MutationIds::all);
  return result_from_text(JSONBOID, json);
}

OBJECTOS_FUNCTION(sync_pull_frame) {
  const std::string json = response_json(pull(call_of(call)), MutationIds::none);
  return bytes_result(objectos::encode_frame(json));
}

OBJECTOS_FUNCTION(sync_schema) {
  const std::string json =
      with_spi([](Spi& spi) { return describe_everything(server_epoch(spi)).schema_json; });
  return result_from_text(JSONBOID, json);
}

OBJECTOS_FUNCTION(sync_hello) {
  if (argument_is_null(call, 0)) {
    throw objectos::ProtocolError(objectos::ErrorCode::invalid_client, "client_id is null");
  }
  const std::string client_id = text_argument(call, 0);
  const std::string json = hello_json(client_id);
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
