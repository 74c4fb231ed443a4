#include "pg_ext/secrets.h"

#include "pg_ext/boundary.h"
#include "pg_ext/spi.h"

#include "pg_ext/pg.h"

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

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  char* const to = bytes.data();
  if (!pg_call([&] { return pg_strong_random(to, count); }))
    throw SyncError("OS000", "there is no randomness");
  return bytes;
}

}  // namespace objectos::server
