// The keys of users: what they sign with, and who they are then.
//
// Invariant: an unknown, revoked, expired and wrong key go the same way and end in the same error;
// which of them it was stands nowhere.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "protocol/sha256.h"
#include "protocol/signed_payload.h"

namespace objectos::server {

class Spi;

// An unknown one has no user, and some secret.
struct SigningKey {
  std::string user_id;
  HmacSha256 mac;
  bool usable = false;  // known, not revoked, not expired
};

using SigningKeys = std::map<std::string, SigningKey, std::less<>>;

// All that are asked for, whether there are such keys or not. As the owner.
SigningKeys load_keys(Spi& spi, const std::vector<std::string>& key_ids);

// Is it known, not revoked and not expired? As the owner.
bool key_stands(Spi& spi, const std::string& key_id);

// What every failed signature and login says.
[[noreturn]] void authentication_failed();

// The user whose key made `signature` (hexadecimal) over the parts; "" if it does not stand.
// Takes the same time whatever is wrong.
std::string signing_user(const SigningKey& key, std::string_view signature,
                         std::initializer_list<std::string_view> parts);

}  // namespace objectos::server
