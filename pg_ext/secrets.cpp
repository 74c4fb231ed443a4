#include "pg_ext/secrets.h"

#include "pg_ext/boundary.h"
#include "pg_ext/spi.h"

#include "pg_ext/pg.h"
extern "C" {
#include "common/hmac.h"
#include "common/sha2.h"
}

namespace objectos::server {

Secret take_secret(const Rows& rows, std::size_t row, int column) {
  bool is_null = false;
  const Datum value = rows.datum(row, column, &is_null);
  if (is_null) return {};
  std::string bytes = rows.bytes(row, column);
  // The row is this session's copy.
  auto* const there = reinterpret_cast<varlena*>(DatumGetPointer(value));
  if (!VARATT_IS_EXTERNAL(there) && !VARATT_IS_COMPRESSED(there))
    explicit_bzero(VARDATA_ANY(there), VARSIZE_ANY_EXHDR(there));
  return Secret(std::move(bytes));
}

std::string hmac_sha256(std::string_view secret, std::initializer_list<std::string_view> parts) {
  unsigned char digest[PG_SHA256_DIGEST_LENGTH];
  const auto bytes_of = [](std::string_view text) {
    return reinterpret_cast<const uint8*>(text.data());
  };
  const bool done = pg_call([&] {
    pg_hmac_ctx* const context = pg_hmac_create(PG_SHA256);
    bool good = context != nullptr && pg_hmac_init(context, bytes_of(secret), secret.size()) >= 0;
    for (const std::string_view& part : parts)
      good = good && pg_hmac_update(context, bytes_of(part), part.size()) >= 0;
    good = good && pg_hmac_final(context, digest, sizeof digest) >= 0;
    if (context != nullptr) pg_hmac_free(context);
    return good;
  });
  if (!done) throw SyncError("OS000", "HMAC-SHA-256 failed");
  return {reinterpret_cast<const char*>(digest), sizeof digest};
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  char* const to = bytes.data();
  if (!pg_call([&] { return pg_strong_random(to, count); }))
    throw SyncError("OS000", "there is no randomness");
  return bytes;
}

}  // namespace objectos::server
