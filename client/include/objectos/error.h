// The one exception family of the client. Every public function that can fail throws
// objectos::Error and nothing else (std::bad_alloc aside).
#pragma once

#include <stdexcept>
#include <string>

namespace objectos {

// What the caller can do about an error. The background loop decides by this alone.
enum class ErrorClass {
  transient,  // server not reachable, deadlock, shutdown: the same call may work later
  rejected,   // the server judged and refused; retrying the same thing will not help
  auth,       // who you are, or what you may do: needs a person
  resync,     // the checkpoint no longer fits the server's history: the replica is read again
  fork,       // this file is a copy or a restored backup of one that went on elsewhere
  upgrade,    // client and server do not speak the same protocol, or the extension is missing
  local,      // the file: not ours, damaged, locked, disk full
  usage,      // the call itself is wrong: unknown object, bad option
  internal,   // a defect: please report it with code and detail
};

// The stable lower-case name ("transient", ...), as `--json` prints it. Never null.
const char* error_class_name(ErrorClass error_class) noexcept;

// `code` is a SQLSTATE when the server or libpq gave one (ours begin with "OS"), otherwise a
// lower-case name such as "file_not_ours". `what()` is a whole sentence; detail and hint may be
// empty; hint says what to do. No member ever holds a password.
class Error : public std::runtime_error {
 public:
  Error(ErrorClass error_class, std::string code, const std::string& message,
        std::string detail = {}, std::string hint = {})
      : std::runtime_error(message),
        class_(error_class),
        code_(std::move(code)),
        detail_(std::move(detail)),
        hint_(std::move(hint)) {}

  ErrorClass error_class() const noexcept { return class_; }
  const std::string& code() const noexcept { return code_; }
  std::string message() const { return what(); }
  const std::string& detail() const noexcept { return detail_; }
  const std::string& hint() const noexcept { return hint_; }
  bool retryable() const noexcept { return class_ == ErrorClass::transient; }

 private:
  ErrorClass class_;
  std::string code_;
  std::string detail_;
  std::string hint_;
};

}  // namespace objectos
