// The client's half of signed mode (docs/identity.md): what signs mutations and logins.
//
// A key file is read anew for every exchange, so a rotated key is in use with the next one. Its
// secret is wiped with the signer and stands in no message.
// Threads: const members may be called from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace objectos {

struct Options;

class RequestSigner {
 public:
  virtual ~RequestSigner() = default;
  // What the options say; nullptr: role mode. Errors: class local, code key_file_not_found,
  // key_file_open_to_others or key_file_malformed; usage, bad_key.
  static std::shared_ptr<const RequestSigner> of(const Options& options);

  const std::string& key_id() const noexcept { return key_id_; }
  // The text to send for a mutation that is frozen as `frozen`: its signed form. One that was
  // signed with this key already stays as it is; one of another key is signed anew.
  std::string seal(const std::string& frozen, const std::string& epoch,
                   const std::string& client_id) const;
  // Hexadecimal, as sync_login() wants it.
  std::string login_proof(const std::string& challenge, const std::string& epoch,
                          const std::string& client_id) const;

 protected:
  explicit RequestSigner(std::string key_id) : key_id_(std::move(key_id)) {}

 private:
  virtual std::string hmac(const std::string& message) const = 0;  // 32 bytes
  const std::string key_id_;
};

}  // namespace objectos
