#include "record_hasher.h"

#include <openssl/evp.h>

#include "local_database.h"

namespace objectos {

struct RecordHasher::Context {
  EVP_MD_CTX* handle = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(handle); }
};

RecordHasher::RecordHasher(std::uint64_t seed)
    : image_(seed), context_(std::make_unique<Context>()) {}
RecordHasher::~RecordHasher() = default;

Digest RecordHasher::digest() {
  unsigned char hash[EVP_MAX_MD_SIZE];
  const std::string& bytes = image_.bytes();
  EVP_MD_CTX* const context = context_->handle;
  const bool done = context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1 &&
                    EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1 &&
                    EVP_DigestFinal_ex(context, hash, nullptr) == 1;
  if (!done) throw StoreError(StoreErrorKind::internal, "there is no SHA-256");
  return digest_of_hash(hash);
}

}  // namespace objectos
