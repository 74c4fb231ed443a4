// The SQL functions sync_clients and sync_forget_client: who the clients are, and taking one away.
#include <algorithm>

#include "pg_ext/boundary.h"
#include "pg_ext/catalog.h"
#include "pg_ext/client_registry.h"
#include "pg_ext/identity.h"
#include "pg_ext/spi.h"
#include "protocol/checkpoint.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// $1: whose clients, or NULL for everybody's.
constexpr const char* clients_sql = R"(
SELECT c.client_id, c.user_id, c.device, c.last_seen, c.checkpoint, c.high_water, c.confirmed,
       COALESCE((SELECT max(m.sequence) FROM objectos_sync.mutations m), 0),
       (SELECT count(*) FROM objectos_sync.conflicts f
         WHERE f.client_id = c.client_id AND f.status = 'open')
  FROM objectos_sync.clients c
 WHERE c.forgotten_at IS NULL AND ($1 IS NULL OR c.user_id = $1)
 ORDER BY c.client_id COLLATE "C")";

// The number stays: what the client sent once must never be applied again.
constexpr const char* forget_sql = R"(
UPDATE objectos_sync.clients
   SET forgotten_at = pg_catalog.now(), device = NULL, checkpoint = NULL, confirmed = high_water
 WHERE client_id = $1 AND forgotten_at IS NULL)";

bool acts_for_owner() {
  if (proven_user_id()) return false;  // somebody behind the owner's connection
  const Oid owner = extension_owner();
  return pg_call([&] { return has_privs_of_role(GetUserId(), owner); });
}

// How many mutations the server has logged beyond the checkpoint; those that were rolled back
// count, so it is an upper bound. Nothing for a checkpoint that cannot be read.
std::optional<std::int64_t> lag_of(const std::optional<std::string>& text, std::int64_t newest) {
  if (!text) return std::nullopt;
  try {
    const std::optional<Checkpoint> checkpoint = decode_checkpoint(*text);
    const std::int64_t bound = checkpoint ? checkpoint->last_bound() : 0;
    return std::max<std::int64_t>(newest - bound, 0);
  } catch (const ProtocolError&) {
    return std::nullopt;
  }
}

void write_client(RowWriter& writer, const Rows& rows, std::size_t row) {
  const std::optional<std::string> checkpoint = rows.text(row, 4);
  bool is_null = false;
  const Datum last_seen = rows.datum(row, 3, &is_null);
  writer.text(rows.text(row, 0)).text(rows.text(row, 1)).text(rows.text(row, 2));
  writer.datum(last_seen, is_null).text(checkpoint);
  writer.int8(rows.int8(row, 5)).int8(rows.int8(row, 6));
  writer.int8(lag_of(checkpoint, rows.int8(row, 7).value_or(0))).int8(rows.int8(row, 8));
  writer.end_row();
}

void list_clients(RowWriter& writer) {
  std::optional<std::string> user;
  if (!acts_for_owner()) user = calling_user();
  as_owner([&] {
    with_spi([&](Spi& spi) {
      const Rows rows = spi.execute(clients_sql, {Param::text(user)});
      for (std::size_t row = 0; row < rows.size(); ++row) {
        if (row % 1000 == 999) check_interrupts();
        write_client(writer, rows, row);
      }
    });
  });
}

bool forget(const std::string& client_id) {
  return as_owner([&] {
    return with_spi([&](Spi& spi) {
      const Params params{Param::text(client_id)};
      const bool known = spi.execute(forget_sql, params).affected() > 0;
      spi.execute("DELETE FROM objectos_sync.verdicts WHERE client_id = $1", params);
      spi.execute("DELETE FROM objectos_sync.subscriptions WHERE client_id = $1", params);
      return known;
    });
  });
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_clients) {
  RowWriter writer(call);
  list_clients(writer);
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_forget_client) {
  return forget(text_argument(call, 0)) ? 1 : 0;  // a bool's datum
}
