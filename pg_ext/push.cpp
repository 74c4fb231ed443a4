// The SQL functions sync_push, sync_push_request, sync_push_frame and sync_ack.
#include "pg_ext/boundary.h"
#include "pg_ext/client_registry.h"
#include "pg_ext/push_rows.h"
#include "pg_ext/pusher.h"
#include "pg_ext/spi.h"
#include "protocol/frame.h"
#include "protocol/messages.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

void refuse_in_recovery() {
  if (!pg_call([] { return RecoveryInProgress(); })) return;
  throw ProtocolError(ErrorCode::in_recovery, "this server is a standby", "It cannot take a push.",
                      "Push to the primary.");
}

std::string required_text(FunctionCall call, int index, const char* name) {
  if (!argument_is_null(call, index)) return text_argument(call, index);
  throw ProtocolError(ErrorCode::malformed_message, std::string(name) + " is null", {},
                      "Give a value.", name);
}

Datum push_answer(FunctionCall call, const std::string& client_id,
                  const std::vector<PushEntry>& entries,
                  std::optional<std::int64_t> confirmed = std::nullopt) {
  refuse_in_recovery();
  RowWriter writer(call);
  Pusher pusher(client_id);
  write_verdicts(writer, pusher.push(entries));
  if (confirmed) confirm(client_id, *confirmed);
  return null_result(call);
}

}  // namespace

void write_verdicts(RowWriter& writer, const std::vector<Verdict>& verdicts) {
  const auto optional_text = [&](const std::string& text) {
    if (text.empty()) {
      writer.null();
    } else {
      writer.text(std::string_view(text));
    }
  };
  for (const Verdict& verdict : verdicts) {
    writer.text(std::string_view(verdict.mutation_id));
    writer.text(std::string_view(verdict.status)).boolean(verdict.duplicate);
    writer.int8(verdict.version).int8(verdict.sequence);
    optional_text(verdict.reason);
    optional_text(verdict.resolution);
    writer.int8(verdict.server_version).int8(verdict.client_version);
    optional_text(verdict.detail.is_null() ? std::string() : write_json(verdict.detail));
    writer.end_row();
  }
}

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_push) {
  const std::string client_id = required_text(call, 0, "client_id");
  return push_answer(call, client_id, objectos::decode_push(required_text(call, 1, "mutations")));
}

OBJECTOS_FUNCTION(sync_push_request) {
  const objectos::PushRequest request =
      objectos::decode_push_request(required_text(call, 0, "request"));
  return push_answer(call, request.client_id, request.entries, request.confirmed);
}

OBJECTOS_FUNCTION(sync_push_frame) {
  const objectos::PushRequest request =
      objectos::decode_push_request(objectos::decode_frame(bytes_argument(call, 0)));
  refuse_in_recovery();
  const std::vector<objectos::Verdict> verdicts = Pusher(request.client_id).push(request.entries);
  return bytes_result(objectos::encode_frame(objectos::encode_push_response(verdicts)));
}

OBJECTOS_FUNCTION(sync_ack) {
  acknowledge(objectos::decode_ack(required_text(call, 0, "ack")));
  return text_result("");  // void
}
