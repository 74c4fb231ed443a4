// Every error of objectos_sync, in one table: SQLSTATE, name, meaning, whether a retry can help,
// and what the client does. The server raises them with exactly these codes; the client sorts by
// them.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace objectos {

enum class ErrorCode {
  internal_error,             // OS000
  resync_required,            // OS001
  invalid_checkpoint,         // OS002
  client_forked,              // OS003
  unknown_object,             // OS004
  malformed_message,          // OS005
  invalid_mutation,           // OS006
  limit_exceeded,             // OS007
  object_not_supported,       // OS008
  pull_in_write_transaction,  // OS009
  in_recovery,                // OS010
  invalid_option,             // OS011
  unknown_conflict,           // OS012
  upgrade_required,           // OS013
  invalid_client,             // OS014
  objects_enabled,            // OS015
  authentication_failed,      // OS016
  signature_required,         // OS017
  invalid_session_token,      // OS018
  invalid_subscription,       // OS019
};

// What a client does when it meets the error.
enum class ClientAction {
  report,      // tell the app; nothing to do by itself
  retry,       // try again later, with backoff
  resync,      // take a new snapshot; the queue is kept
  rename,      // take a new client identity; unsent work is kept
  quarantine,  // the mutation leaves the queue as rejected
  stop,        // stop syncing and tell the user
};

struct ErrorInfo {
  ErrorCode code;
  const char* sqlstate;  // five characters, class OS
  const char* name;      // as in verdicts' `reason`
  const char* meaning;
  bool retryable;
  ClientAction action;
};

inline constexpr int error_count = 20;

// The row of the table for a code. Never fails.
const ErrorInfo& error_info(ErrorCode code) noexcept;

// The row for a SQLSTATE such as "OS001"; nullptr for those of others.
const ErrorInfo* find_error(std::string_view sqlstate) noexcept;

// "report", "retry", …
const char* to_string(ClientAction action) noexcept;

// The only exception (besides std::bad_alloc) that leaves this library.
// `field` names the offending key or column where there is one.
class ProtocolError : public std::exception {
 public:
  ProtocolError(ErrorCode code, std::string message, std::string detail = {}, std::string hint = {},
                std::string field = {});

  ErrorCode code() const noexcept { return code_; }
  const char* sqlstate() const noexcept { return error_info(code_).sqlstate; }
  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& message() const noexcept { return message_; }
  const std::string& detail() const noexcept { return detail_; }
  const std::string& hint() const noexcept { return hint_; }
  const std::string& field() const noexcept { return field_; }

 private:
  ErrorCode code_;
  std::string message_;
  std::string detail_;
  std::string hint_;
  std::string field_;
};

}  // namespace objectos
