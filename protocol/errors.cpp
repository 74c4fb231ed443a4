#include "protocol/errors.h"

#include <cstddef>
#include <utility>

namespace objectos {

namespace {

constexpr ErrorInfo table[error_count] = {
    {ErrorCode::internal_error, "OS000", "internal_error",
     "a fault of objectos_sync itself; please report it", false, ClientAction::report},
    {ErrorCode::resync_required, "OS001", "resync_required",
     "the log is no continuation of the checkpoint, or was pruned beyond it", false,
     ClientAction::resync},
    {ErrorCode::invalid_checkpoint, "OS002", "invalid_checkpoint",
     "the checkpoint was edited, cut off or is not from here", false, ClientAction::resync},
    {ErrorCode::client_forked, "OS003", "client_forked",
     "two files push under one client id (a copied or restored file)", false, ClientAction::rename},
    {ErrorCode::unknown_object, "OS004", "unknown_object",
     "the object is not enabled, or not visible to the caller", false, ClientAction::quarantine},
    {ErrorCode::malformed_message, "OS005", "malformed_message",
     "not the JSON we accept: broken, duplicate key, U+0000, invalid UTF-8 or too deep", false,
     ClientAction::report},
    {ErrorCode::invalid_mutation, "OS006", "invalid_mutation",
     "a field of the message is missing or has the wrong type", false, ClientAction::quarantine},
    {ErrorCode::limit_exceeded, "OS007", "limit_exceeded", "larger than a limit allows", false,
     ClientAction::report},
    {ErrorCode::object_not_supported, "OS008", "object_not_supported",
     "this kind of table cannot be synced", false, ClientAction::report},
    {ErrorCode::pull_in_write_transaction, "OS009", "pull_in_write_transaction",
     "sync_pull was called in a transaction that has written", true, ClientAction::retry},
    {ErrorCode::in_recovery, "OS010", "in_recovery", "the server is a standby", true,
     ClientAction::retry},
    {ErrorCode::invalid_option, "OS011", "invalid_option",
     "an argument has a value that is not allowed", false, ClientAction::report},
    {ErrorCode::unknown_conflict, "OS012", "unknown_conflict",
     "there is no such open conflict for the caller", false, ClientAction::report},
    {ErrorCode::upgrade_required, "OS013", "upgrade_required",
     "client and server speak different versions of the protocol", false, ClientAction::stop},
    {ErrorCode::invalid_client, "OS014", "invalid_client", "the client id cannot be used", false,
     ClientAction::stop},
    {ErrorCode::objects_enabled, "OS015", "objects_enabled",
     "the extension cannot be dropped while objects are enabled", false, ClientAction::report},
    {ErrorCode::authentication_failed, "OS016", "authentication_failed",
     "a signature or a login does not stand: wrong, unknown, revoked or expired key", false,
     ClientAction::stop},
    {ErrorCode::signature_required, "OS017", "signature_required",
     "the server takes signed mutations only, of everybody or of this client", false,
     ClientAction::stop},
    {ErrorCode::invalid_session_token, "OS018", "invalid_session_token",
     "the session's token is forged, expired, of a revoked key or of another database", true,
     ClientAction::retry},
    {ErrorCode::invalid_subscription, "OS019", "invalid_subscription",
     "the subscription cannot be read, or does not fit the objects (any more)", false,
     ClientAction::report},
};

constexpr bool table_in_order() {
  for (int i = 0; i < error_count; ++i) {
    if (static_cast<int>(table[i].code) != i) return false;
  }
  return true;
}
static_assert(table_in_order());

}  // namespace

const ErrorInfo& error_info(ErrorCode code) noexcept {
  return table[static_cast<std::size_t>(code)];
}

const ErrorInfo* find_error(std::string_view sqlstate) noexcept {
  for (const ErrorInfo& info : table) {
    if (sqlstate == info.sqlstate) return &info;
  }
  return nullptr;
}

const char* to_string(ClientAction action) noexcept {
  switch (action) {
    case ClientAction::report:
      return "report";
    case ClientAction::retry:
      return "retry";
    case ClientAction::resync:
      return "resync";
    case ClientAction::rename:
      return "rename";
    case ClientAction::quarantine:
      return "quarantine";
    case ClientAction::stop:
      return "stop";
  }
  return "report";
}

ProtocolError::ProtocolError(ErrorCode code, std::string message, std::string detail,
                             std::string hint, std::string field)
    : code_(code),
      message_(std::move(message)),
      detail_(std::move(detail)),
      hint_(std::move(hint)),
      field_(std::move(field)) {}

}  // namespace objectos
