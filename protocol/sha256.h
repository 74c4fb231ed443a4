// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), by libcrypto.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

struct evp_mac_ctx_st;

namespace objectos {

// 32 bytes. Throws std::runtime_error if libcrypto cannot.
std::string sha256(std::string_view bytes);

// Under one secret, for any number of messages: what depends on the secret alone is computed once.
// The keyed state is wiped when it goes. Threads: one at a time.
class HmacSha256 {
 public:
  // The secret itself is not kept. Throws std::runtime_error if libcrypto cannot.
  explicit HmacSha256(std::string_view secret);

  // 32 bytes, over the parts one after the other.
  std::string of(std::initializer_list<std::string_view> parts) const;

 private:
  struct Free {
    void operator()(evp_mac_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_mac_ctx_st, Free> context_;
};

}  // namespace objectos
