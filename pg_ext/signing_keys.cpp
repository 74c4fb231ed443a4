#include "pg_ext/signing_keys.h"

#include "pg_ext/boundary.h"
#include "pg_ext/secrets.h"
#include "pg_ext/spi.h"
#include "protocol/limits.h"
#include "protocol/messages.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

constexpr const char* load_sql = R"(
SELECT a.id, k.user_id, k.secret,
       k.revoked_at IS NULL AND (k.expires_at IS NULL
                                 OR k.expires_at > pg_catalog.clock_timestamp())
  FROM pg_catalog.unnest($1) AS a(id)
  LEFT JOIN objectos_sync.keys k ON k.key_id = a.id)";

std::optional<std::string> as_key_id(const std::string& text) {
  const auto uuid = normalize_uuid(text);
  if (uuid && *uuid == text) return uuid;  // one spelling only
  return std::nullopt;
}

}  // namespace

SigningKeys load_keys(Spi& spi, const std::vector<std::string>& key_ids) {
  SigningKeys keys;
  std::vector<std::optional<std::string>> wanted;
  const std::string nobodys(signature_bytes, '\0');
  for (const std::string& id : key_ids) {
    if (!keys.try_emplace(id, SigningKey{"", HmacSha256(nobodys), false}).second) continue;
    wanted.push_back(as_key_id(id));
  }
  const Rows rows = spi.execute(load_sql, {Param::array_of(UUIDOID, std::move(wanted))});
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (rows.is_null(row, 1)) continue;
    SigningKey& key = keys.find(rows.text_or(row, 0, ""))->second;
    key.user_id = rows.text_or(row, 1, "");
    key.mac = HmacSha256(take_secret(rows, row, 2).bytes());
    key.usable = rows.boolean(row, 3);
  }
  return keys;
}

bool key_stands(Spi& spi, const std::string& key_id) {
  const auto id = as_key_id(key_id);
  const Rows rows = spi.execute(
      "SELECT FROM objectos_sync.keys WHERE key_id = $1 AND revoked_at IS NULL"
      " AND (expires_at IS NULL OR expires_at > pg_catalog.clock_timestamp())",
      {Param::uuid(id)}, Access::read_only);
  return !rows.empty();
}

void authentication_failed() {
  throw ProtocolError(ErrorCode::authentication_failed, "authentication failed",
                      "The key is unknown, revoked or expired, or what is signed is not what was "
                      "sent.",
                      "Get a new key from whoever runs the server; what is queued is safe.");
}

std::string signing_user(const SigningKey& key, std::string_view signature,
                         std::initializer_list<std::string_view> parts) {
  const std::string expected = hex_text(key.mac.of(parts));
  const bool equal = equal_in_constant_time(expected, signature);
  return key.usable && equal ? key.user_id : std::string();
}

}  // namespace objectos::server
