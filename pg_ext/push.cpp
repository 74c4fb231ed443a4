// The SQL functions sync_push, sync_push_request, sync_push_frame and sync_ack.
#include "pg_ext/boundary.h"
#include "pg_ext/client_registry.h"
#include "pg_ext/identity.h"
#include "pg_ext/push_rows.h"
#include "pg_ext/push_signatures.h"
#include "pg_ext/pusher.h"
#include "pg_ext/session_token.h"
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

// A signed push is judged and applied for the user who signed it.
std::vector<Verdict> judge(const std::string& client_id, const std::vector<PushEntry>& entries,
                           const PushSignatures& signatures) {
  require_signatures(entries, signatures);
  const auto push = [&] { return Pusher(client_id).push(entries, signatures); };
  if (signatures.user()) return acting_for(*signatures.user(), push);
  require_session_of(client_id);
  return push();
}

Datum push_answer(FunctionCall call, const std::string& client_id,
                  const std::vector<PushEntry>& entries, const PushSignatures& signatures,
                  std::optional<std::int64_t> confirmed = std::nullopt) {
  refuse_in_recovery();
  RowWriter writer(call);
  write_verdicts(writer, judge(client_id, entries, signatures));
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
  const std::string mutations = required_text(call, 1, "mutations");
  PushSignatures signatures;
  const auto entries = objectos::decode_push(mutations, client_id, signatures.check());
  return push_answer(call, client_id, entries, signatures);
}

OBJECTOS_FUNCTION(sync_push_request) {
  PushSignatures signatures;
  const objectos::PushRequest request =
      objectos::decode_push_request(required_text(call, 0, "request"), signatures.check());
  return push_answer(call, request.client_id, request.entries, signatures, request.confirmed);
}

OBJECTOS_FUNCTION(sync_push_frame) {
  PushSignatures signatures;
  const objectos::PushRequest request = objectos::decode_push_request(
      objectos::decode_frame(bytes_argument(call, 0)), signatures.check());
  refuse_in_recovery();
  const std::vector<objectos::Verdict> verdicts =
      judge(request.client_id, request.entries, signatures);
  return bytes_result(objectos::encode_frame(objectos::encode_push_response(verdicts)));
}

OBJECTOS_FUNCTION(sync_ack) {
  const objectos::Ack ack = objectos::decode_ack(required_text(call, 0, "ack"));
  require_session_of(ack.client_id);
  acknowledge(ack);
  return text_result("");  // void
}
