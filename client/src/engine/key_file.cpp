// Where the key comes from: a file that nobody else may use, or the app.
#include "engine/signer.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>

#include "objectos/error.h"
#include "objectos/sync_engine.h"
#include "protocol/sha256.h"
#include "protocol/signed_payload.h"

namespace objectos {

namespace {

constexpr std::size_t key_file_bytes_max = 4096;

class SecretSigner final : public RequestSigner {
 public:
  // Wipes the key's secret.
  explicit SecretSigner(KeyText& key) : RequestSigner(key.key_id), hmac_(key.secret) {
    OPENSSL_cleanse(key.secret.data(), key.secret.size());
  }

 private:
  std::string hmac(const std::string& message) const override {
    const std::scoped_lock lock(mutex_);
    return hmac_.of({message});
  }
  mutable std::mutex mutex_;
  const HmacSha256 hmac_;
};

// The app signs: the secret is in a keystore, or with an agent.
class CallbackSigner final : public RequestSigner {
 public:
  explicit CallbackSigner(SigningKey key) : RequestSigner(key.key_id), sign_(std::move(key.sign)) {}

 private:
  std::string hmac(const std::string& message) const override {
    std::string digest;
    try {
      digest = sign_(message);
    } catch (const std::exception& error) {
      throw Error(ErrorClass::auth, "signing_failed",
                  std::string("The app could not sign: ") + error.what());
    }
    if (digest.size() == signature_bytes) return digest;
    throw Error(ErrorClass::usage, "bad_key", "SigningKey::sign gave no HMAC-SHA-256.", {},
                "It must return 32 bytes.");
  }
  const std::function<std::string(std::string_view)> sign_;
};

[[noreturn]] void refuse_file(const char* code, const std::string& message, const std::string& path,
                              const char* hint) {
  throw Error(ErrorClass::local, code, message, path, hint);
}

// At most key_file_bytes_max bytes; they are wiped by whoever parses them.
std::string read_key_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    refuse_file("key_file_not_found", "The key file cannot be opened.", path,
                "Name a file that holds KEY_ID:SECRET, as sync_create_key() gave them.");
  }
  struct stat about {};
  std::string text(key_file_bytes_max, '\0');
  const bool known = fstat(file, &about) == 0 && S_ISREG(about.st_mode);
  const ssize_t count = known ? read(file, text.data(), text.size()) : -1;
  close(file);
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) == 0) return text;
  OPENSSL_cleanse(text.data(), text.size());
  refuse_file("key_file_open_to_others", "Others than its owner can use the key file.", path,
              "chmod 600 it. If somebody may have read it, have the key rotated.");
}

std::shared_ptr<const RequestSigner> signer_of_file(const std::string& path) {
  std::string text = read_key_file(path);
  auto key = parse_key(text);
  OPENSSL_cleanse(text.data(), text.size());
  if (key) return std::make_shared<SecretSigner>(*key);
  refuse_file("key_file_malformed", "The key file holds no key.", path,
              "It holds one line, KEY_ID:SECRET, as sync_create_key() gave them.");
}

}  // namespace

std::shared_ptr<const RequestSigner> RequestSigner::of(const Options& options) {
  if (!options.key_file.empty()) return signer_of_file(options.key_file);
  if (options.key.key_id.empty() && !options.key.sign) return nullptr;
  const std::string nothing(2 * signature_bytes, '0');
  const auto key = parse_key(options.key.key_id + ':' + nothing);
  if (!key || !options.key.sign) {
    throw Error(ErrorClass::usage, "bad_key", "Options::key wants a key id and what signs.", {},
                "The key id is a UUID, as sync_create_key() gave it.");
  }
  return std::make_shared<CallbackSigner>(options.key);
}

}  // namespace objectos
