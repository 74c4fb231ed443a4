#include "pg_ext/session_token.h"

#include <charconv>
#include <vector>

#include "pg_ext/boundary.h"
#include "pg_ext/secrets.h"
#include "pg_ext/settings.h"
#include "pg_ext/signing_keys.h"
#include "pg_ext/spi.h"
#include "protocol/errors.h"
#include "protocol/limits.h"
#include "protocol/signed_payload.h"

#include "pg_ext/pg.h"

namespace objectos::server {

char* session_token_setting = nullptr;

namespace {

constexpr std::string_view token_form = "token-1";
constexpr std::string_view challenge_form = "challenge-1";

// Texts of ours that come back from outside: fields in hexadecimal, dots between them, and a MAC.
using Fields = std::vector<std::string>;

struct ServerState {
  std::string epoch;
  Secret secret;
};

ServerState read_state(Spi& spi) {
  const Rows rows =
      spi.execute("SELECT epoch, secret FROM objectos_sync.state", {}, Access::read_only);
  if (rows.empty()) throw SyncError("OS000", "objectos_sync.state is empty");
  return {rows.text_or(0, 0, ""), take_secret(rows, 0, 1)};
}

std::string mac_of(const Secret& secret, std::string_view form, const Fields& fields) {
  std::string bytes = signing_fields(
      {form, std::to_string(limits::protocol_version), std::to_string(MyDatabaseId)});
  for (const std::string& field : fields) bytes += signing_fields({field});
  return hex_text(HmacSha256(secret.bytes()).of({bytes}));
}

std::string sealed(const Secret& secret, std::string_view form, const Fields& fields) {
  std::string text(form);
  for (const std::string& field : fields) text += '.' + hex_text(field);
  return text + '.' + mac_of(secret, form, fields);
}

// The fields, if the text is one of ours of this form.
std::optional<Fields> unsealed(const Secret& secret, std::string_view form, std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0;;) {
    const std::size_t dot = text.find('.', at);
    parts.push_back(text.substr(at, dot - at));
    if (dot == std::string_view::npos) break;
    at = dot + 1;
  }
  if (parts.size() < 2 || parts.front() != form) return std::nullopt;
  Fields fields;
  for (std::size_t i = 1; i + 1 < parts.size(); ++i) {
    auto bytes = bytes_of_hex(parts[i]);
    if (!bytes) return std::nullopt;
    fields.push_back(std::move(*bytes));
  }
  if (!equal_in_constant_time(mac_of(secret, form, fields), parts.back())) return std::nullopt;
  return fields;
}

std::int64_t number_of(const std::string& text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::int64_t clock_us() {
  return pg_call([] { return GetCurrentTimestamp(); });
}

[[noreturn]] void refuse_token(const char* why) {
  throw ProtocolError(ErrorCode::invalid_session_token, "the session's token is not valid", why,
                      "Log in again: sync_login() gives a new one. Without a token, RESET "
                      "objectos_sync.session_token, the session is its role's.");
}

struct Verified {
  std::string token;
  std::string key_id;
  std::int64_t ends_at = 0;            // as TimestampTz
  LocalTransactionId transaction = 0;  // in which the key was last seen to stand
  SessionUser user;
};

Verified verified;
std::uint64_t numbers = 0;

void verify_token(const std::string& token) {
  Fields fields;
  bool stands = false;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      const ServerState state = read_state(spi);
      auto found = unsealed(state.secret, token_form, token);
      if (!found || found->size() != 4) return;
      fields = std::move(*found);
      stands = key_stands(spi, fields[2]);
    });
  });
  verified = {};
  if (fields.empty()) refuse_token("It was not made by this database.");
  if (!stands) refuse_token("Its key was revoked or has expired.");
  verified.key_id = fields[2];
  verified.ends_at = number_of(fields[3]);
  verified.transaction = local_transaction();
  verified.user = {fields[0], fields[1], ++numbers * 2};
  verified.token = token;
}

}  // namespace

const SessionUser* session_user() {
  const char* const setting = session_token_setting;
  if (setting == nullptr || setting[0] == '\0') return nullptr;
  if (verified.transaction != local_transaction() || verified.token != setting)
    verify_token(setting);
  if (verified.ends_at <= GetCurrentStatementStartTimestamp()) {
    verified = {};
    refuse_token("It has expired.");
  }
  return &verified.user;
}

void require_session_of(const std::string& client_id) {
  const SessionUser* const user = session_user();
  if (user == nullptr || user->client_id == client_id) return;
  refuse_token("It was given to another client.");
}

Challenge new_challenge(const std::string& client_id) {
  return as_owner([&] {
    return with_spi([&](Spi& spi) {
      const ServerState state = read_state(spi);
      return Challenge{sealed(state.secret, challenge_form,
                              {client_id, std::to_string(clock_us()), random_bytes(16)}),
                       state.epoch};
    });
  });
}

Login log_in(const std::string& client_id, const std::string& key_id, const std::string& challenge,
             const std::string& proof) {
  return as_owner([&] {
    return with_spi([&](Spi& spi) {
      const ServerState state = read_state(spi);
      const SigningKeys keys = load_keys(spi, {key_id});
      const std::string user =
          signing_user(keys.begin()->second, proof,
                       {login_message({state.epoch, key_id, client_id}, challenge)});
      const auto asked = unsealed(state.secret, challenge_form, challenge);
      const std::int64_t now = clock_us();
      const bool fresh = asked && asked->size() == 3 && (*asked)[0] == client_id &&
                         number_of((*asked)[1]) + limits::challenge_seconds_max * 1'000'000 > now;
      if (!fresh || user.empty()) authentication_failed();
      const std::int64_t end = now + settings::token_lifetime_seconds() * std::int64_t{1'000'000};
      const Fields fields{user, client_id, key_id, std::to_string(end)};
      return Login{sealed(state.secret, token_form, fields), end};
    });
  });
}

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_challenge) {
  RowWriter writer(call);
  const Challenge challenge = new_challenge(text_argument(call, 0));
  writer.text(std::string_view(challenge.text)).text(std::string_view(challenge.epoch)).end_row();
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_login) {
  RowWriter writer(call);
  const Login login = log_in(text_argument(call, 0), text_argument(call, 1), text_argument(call, 2),
                             text_argument(call, 3));
  writer.text(std::string_view(login.token)).datum(static_cast<Datum>(login.ends_at), false);
  writer.end_row();
  return null_result(call);
}
