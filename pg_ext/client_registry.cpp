#include "pg_ext/client_registry.h"

#include "pg_ext/boundary.h"
#include "pg_ext/identity.h"
#include "pg_ext/retention.h"
#include "pg_ext/spi.h"
#include "protocol/errors.h"
#include "protocol/json.h"
#include "protocol/limits.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

void check_client_id(const std::string& client_id) {
  if (!client_id.empty() && client_id.size() <= limits::client_id_bytes_max) return;
  throw ProtocolError(ErrorCode::invalid_client,
                      client_id.empty() ? "the client id is empty" : "the client id is too long",
                      "A client id has 1 to " + std::to_string(limits::client_id_bytes_max) +
                          " bytes; this one has " + std::to_string(client_id.size()) + ".",
                      "Give every replica its own id, for example a UUID.");
}

constexpr const char* claim_sql = R"(
INSERT INTO objectos_sync.clients AS c (client_id, user_id, device, high_water,
                                        confirmed, last_seen)
VALUES ($1, $2, $3, 0, 0, pg_catalog.now())
ON CONFLICT (client_id) DO UPDATE
   SET last_seen = pg_catalog.now(), device = COALESCE(EXCLUDED.device, c.device),
       forgotten_at = NULL
RETURNING user_id, COALESCE(high_water, 0), COALESCE(confirmed, 0), signed_from)";

constexpr const char* ack_sql = R"(
UPDATE objectos_sync.clients SET checkpoint = COALESCE($2, checkpoint), last_seen = pg_catalog.now()
 WHERE client_id = $1)";

// Only verdicts that were given can be confirmed. Nothing where that is not new.
constexpr const char* confirm_sql = R"(
UPDATE objectos_sync.clients SET confirmed = LEAST($2, COALESCE(high_water, 0))
 WHERE client_id = $1 AND COALESCE(confirmed, 0) < LEAST($2, COALESCE(high_water, 0))
RETURNING confirmed)";

// Goes through all of the client's verdicts: those that stay are few. So their numbers have no
// index, which every push would pay for.
constexpr const char* drop_sql = R"(
DELETE FROM objectos_sync.verdicts WHERE client_id = $1 AND client_sequence <= $2)";

void drop_confirmed(Spi& spi, const std::string& client_id, std::int64_t confirmed) {
  Rows rows = spi.execute(confirm_sql, {Param::text(client_id), Param::int8(confirmed)});
  if (rows.empty()) return;
  spi.execute_by_key(drop_sql, {Param::text(client_id), Param::int8(rows.int8(0, 0))});
}

}  // namespace

std::string calling_user() {
  return current_user_id();
}

ClientState claim_client(const std::string& client_id, const std::optional<std::string>& device) {
  check_client_id(client_id);
  const std::string user = calling_user();
  std::string owner;
  ClientState state;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      Rows rows =
          spi.execute(claim_sql, {Param::text(client_id), Param::text(user), Param::text(device)});
      owner = rows.text_or(0, 0, "");
      state.high_water = rows.int8(0, 1).value_or(0);
      state.confirmed = rows.int8(0, 2).value_or(0);
      state.signed_from = rows.int8(0, 3);
    });
  });
  if (owner != user) {
    throw SyncError("42501", "client id " + json_string(client_id) + " belongs to another user",
                    "A client id belongs to the first user who used it.",
                    "Take a new client id for this user.");
  }
  return state;
}

void raise_high_water(const std::string& client_id, std::int64_t high_water) {
  as_owner([&] {
    with_spi([&](Spi& spi) {
      spi.execute(
          "UPDATE objectos_sync.clients SET high_water = $2 WHERE client_id = $1"
          " AND COALESCE(high_water, 0) < $2",
          {Param::text(client_id), Param::int8(high_water)});
    });
  });
}

void confirm(const std::string& client_id, std::int64_t confirmed) {
  as_owner([&] { with_spi([&](Spi& spi) { drop_confirmed(spi, client_id, confirmed); }); });
}

void acknowledge(const Ack& ack) {
  claim_client(ack.client_id, std::nullopt);
  std::optional<std::string> checkpoint;
  if (!ack.checkpoint.empty()) checkpoint = ack.checkpoint;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      spi.execute(ack_sql, {Param::text(ack.client_id), Param::text(checkpoint)});
      drop_confirmed(spi, ack.client_id, ack.confirmed.value_or(0));
    });
  });
  take_sample_if_due();
}

}  // namespace objectos::server
