#include "pg_ext/log_seal.h"

#include "pg_ext/secrets.h"
#include "protocol/signed_payload.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// A jsonb's bytes are the same in memory and on the disk, but for their header.
std::string_view bytes_of(Datum jsonb) {
  if (jsonb == 0) return {};
  const varlena* const value = pg_call([&] { return PG_DETOAST_DATUM_PACKED(jsonb); });
  return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

}  // namespace

HmacSha256 log_sealer(std::string_view server_secret) {
  const Secret derived(HmacSha256(server_secret).of({"objectos_sync log seal"}));
  return HmacSha256(derived.bytes());
}

std::string seal_of(const HmacSha256& sealer, const SealedRow& row) {
  const std::string fields = signing_fields(
      {row.mutation_id, row.client_id, std::to_string(row.client_sequence), row.user_id, row.object,
       row.record_id, row.operation, std::to_string(row.version), row.exact ? "exact" : "",
       row.data != 0 ? "data" : "", bytes_of(row.data), row.original != 0 ? "original" : "",
       bytes_of(row.original)});
  return sealer.of({fields});
}

}  // namespace objectos::server
