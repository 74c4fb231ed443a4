#include "protocol/sha256.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <stdexcept>

namespace objectos {

namespace {

constexpr std::size_t digest_bytes = 32;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

void expect(bool done) {
  if (!done) throw std::runtime_error("SHA-256 failed");
}

}  // namespace

std::string sha256(std::string_view bytes) {
  // Looked up once: libcrypto would do it for each message.
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  expect(algorithm != nullptr);
  unsigned char digest[digest_bytes];
  expect(EVP_Digest(bytes.data(), bytes.size(), digest, nullptr, algorithm, nullptr) == 1);
  return {reinterpret_cast<const char*>(digest), sizeof digest};
}

void HmacSha256::Free::operator()(evp_mac_ctx_st* context) const noexcept {
  EVP_MAC_CTX_free(context);
}

HmacSha256::HmacSha256(std::string_view secret) {
  // A null pointer would say that the key stays as it was.
  expect(secret.data() != nullptr);
  const std::unique_ptr<EVP_MAC, void (*)(EVP_MAC*)> hmac(EVP_MAC_fetch(nullptr, "HMAC", nullptr),
                                                          EVP_MAC_free);
  expect(hmac != nullptr);
  context_.reset(EVP_MAC_CTX_new(hmac.get()));
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof digest - 1),
      OSSL_PARAM_construct_end()};
  expect(context_ != nullptr &&
         EVP_MAC_init(context_.get(), bytes_of(secret), secret.size(), params) == 1);
}

std::string HmacSha256::of(std::initializer_list<std::string_view> parts) const {
  unsigned char digest[digest_bytes];
  std::size_t size = 0;
  // Without a key: with the one it has.
  bool done = EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1;
  for (const std::string_view part : parts)
    done = done && EVP_MAC_update(context_.get(), bytes_of(part), part.size()) == 1;
  done = done && EVP_MAC_final(context_.get(), digest, &size, sizeof digest) == 1;
  expect(done && size == sizeof digest);
  return {reinterpret_cast<const char*>(digest), sizeof digest};
}

}  // namespace objectos
