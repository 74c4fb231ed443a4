// Signed mode: a key for the server's role to act for a user (docs/identity.md).
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace objectos {

// A key whose secret the engine does not see: it is in a keystore, or with an agent.
struct SigningKey {
  std::string key_id{};  // as sync_create_key() gave it; empty: none
  // HMAC-SHA-256 of the bytes under the key's secret: 32 bytes. Called from whatever thread works,
  // once for each mutation and login. A throw ends the exchange (class auth, "signing_failed").
  std::function<std::string(std::string_view bytes)> sign{};
};

}  // namespace objectos
