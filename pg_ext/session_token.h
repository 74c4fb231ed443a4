// Login for reading: a challenge, a proof that is made of it with a key, and the token it yields.
//
// The token stands in the setting objectos_sync.session_token, of a session or a transaction. It
// names user, client, key and its end, under a MAC of this database. The database is in the MAC, so
// a copy that was made by CREATE DATABASE … TEMPLATE takes no token of the other one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace objectos::server {

extern char* session_token_setting;  // settings.cpp defines it

struct SessionUser {
  std::string user_id;
  std::string client_id;
  std::uint64_t number = 0;  // another one whenever it may be another user
};

// Whom the session's token names; nullptr without a token. Throws OS018 for one that is forged, of
// another database, has expired (when the statement began) or whose key does not stand any more.
// The token is verified once a transaction; it costs a comparison after that. Lives until the next
// call.
const SessionUser* session_user();

// With a token: it must be this client's. Throws OS018.
void require_session_of(const std::string& client_id);

struct Challenge {
  std::string text;
  std::string epoch;
};
Challenge new_challenge(const std::string& client_id);

struct Login {
  std::string token;
  std::int64_t ends_at = 0;  // as TimestampTz
};
// For a proof (hexadecimal) made with the key. Throws OS016.
Login log_in(const std::string& client_id, const std::string& key_id, const std::string& challenge,
             const std::string& proof);

}  // namespace objectos::server
