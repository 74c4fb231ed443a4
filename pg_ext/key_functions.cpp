// The SQL functions sync_create_key, sync_rotate_key, sync_revoke_key and sync_keys.
//
// A secret goes to the table without a statement and to the caller once: no log and no statistics
// of statements can hold it.
#include "pg_ext/boundary.h"
#include "pg_ext/bulk_insert.h"
#include "pg_ext/conflict_store.h"
#include "pg_ext/secrets.h"
#include "pg_ext/spi.h"
#include "protocol/limits.h"
#include "protocol/signed_payload.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

[[noreturn]] void bad_option(const std::string& what, const char* hint, const char* field) {
  throw ProtocolError(ErrorCode::invalid_option, what, "", hint, field);
}

void refuse_in_recovery() {
  if (!pg_call([] { return RecoveryInProgress(); })) return;
  throw ProtocolError(ErrorCode::in_recovery, "this server is a standby",
                      "Keys are made on the primary.", "Ask the primary.");
}

// NULL, or longer than nothing.
Param time_argument(FunctionCall call, int index, const char* name) {
  if (argument_is_null(call, index)) return Param::datum(INTERVALOID, 0, true);
  const Datum value = call->args[index].value;
  const bool positive = pg_call([&] {
    Interval none{};
    return DatumGetInt32(DirectFunctionCall2(interval_cmp, value, IntervalPGetDatum(&none))) > 0;
  });
  if (!positive) {
    bad_option(std::string(name) + " is not longer than nothing",
               "Give an interval, for example '90 days'.", name);
  }
  return Param::datum(INTERVALOID, value, false);
}

std::optional<std::string> label_argument(FunctionCall call, int index, const char* name) {
  auto text = optional_text_argument(call, index);
  if (text && text->size() > limits::label_bytes_max)
    bad_option(std::string(name) + " is too long", "Give a shorter one.", name);
  return text;
}

struct NewKey {
  std::string user_id;
  std::optional<std::string> device;
};

// As the owner. Writes the key and, once, its secret.
std::string make_key(Spi& spi, const NewKey& wanted, const Param& valid_for, RowWriter& writer) {
  const Rows times = spi.execute(
      "SELECT pg_catalog.now(),"
      " CASE WHEN $1 IS NOT NULL THEN pg_catalog.now() + $1 END",
      {valid_for});
  const auto created_at = times.text(0, 0), expires_at = times.text(0, 1);
  const std::string key_id = new_uuid();
  const Secret secret(random_bytes(signature_bytes));
  BulkInsert row("keys");
  row.input(key_id).text(wanted.user_id);
  if (wanted.device) {
    row.text(*wanted.device);
  } else {
    row.null();
  }
  row.text(secret.bytes()).input(*created_at);
  if (expires_at) {
    row.input(*expires_at);
  } else {
    row.null();
  }
  row.null().null().end_row();
  row.finish();
  bool never = false;
  const Datum end = times.datum(0, 1, &never);
  const Secret text(hex_text(secret.bytes()));
  writer.text(std::string_view(key_id)).text(text.bytes()).datum(end, never).end_row();
  return key_id;
}

constexpr const char* find_sql = R"(
SELECT user_id, device FROM objectos_sync.keys
 WHERE key_id = $1 AND revoked_at IS NULL AND replaced_by IS NULL
   AND (expires_at IS NULL OR expires_at > pg_catalog.now())
   FOR UPDATE)";

constexpr const char* replace_sql = R"(
UPDATE objectos_sync.keys
   SET replaced_by = $2, expires_at = LEAST(expires_at, pg_catalog.now() + $3)
 WHERE key_id = $1)";

Param uuid_argument(FunctionCall call, int index) {
  return Param::datum(UUIDOID, call->args[index].value, false);
}

}  // namespace

OBJECTOS_FUNCTION(sync_create_key) {
  RowWriter writer(call);
  refuse_in_recovery();
  const auto user = label_argument(call, 0, "user_id");
  if (!user || user->empty()) bad_option("user_id is empty", "Name the key's user.", "user_id");
  const NewKey wanted{*user, label_argument(call, 1, "device")};
  const Param valid_for = time_argument(call, 2, "valid_for");
  as_owner([&] { with_spi([&](Spi& spi) { make_key(spi, wanted, valid_for, writer); }); });
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_rotate_key) {
  RowWriter writer(call);
  refuse_in_recovery();
  if (argument_is_null(call, 0)) bad_option("key_id is null", "Name the key.", "key_id");
  const Param id = uuid_argument(call, 0);
  if (argument_is_null(call, 1)) bad_option("grace is null", "Give an interval.", "grace");
  const Param grace = Param::datum(INTERVALOID, call->args[1].value, false);
  const Param valid_for = time_argument(call, 2, "valid_for");
  as_owner([&] {
    with_spi([&](Spi& spi) {
      const Rows found = spi.execute(find_sql, {id});
      if (found.empty()) {
        bad_option("there is no such key, or it was replaced or revoked, or has expired",
                   "sync_keys() lists the keys.", "key_id");
      }
      const NewKey wanted{found.text_or(0, 0, ""), found.text(0, 1)};
      const std::string made = make_key(spi, wanted, valid_for, writer);
      spi.execute(replace_sql, {id, Param::uuid(made), grace});
    });
  });
  return null_result(call);
}

OBJECTOS_FUNCTION(sync_revoke_key) {
  refuse_in_recovery();
  const Param id = uuid_argument(call, 0);
  const bool revoked = as_owner([&] {
    return with_spi([&](Spi& spi) {
      return spi.execute(
                    "UPDATE objectos_sync.keys SET revoked_at = pg_catalog.now()"
                    " WHERE key_id = $1 AND revoked_at IS NULL",
                    {id})
                 .affected() > 0;
    });
  });
  return revoked ? 1 : 0;  // a bool's datum
}

OBJECTOS_FUNCTION(sync_keys) {
  RowWriter writer(call);
  as_owner([&] {
    with_spi([&](Spi& spi) {
      const Rows rows = spi.execute(
          "SELECT key_id, user_id, device, created_at, expires_at, revoked_at, replaced_by"
          " FROM objectos_sync.keys ORDER BY user_id COLLATE \"C\", created_at, key_id");
      for (std::size_t row = 0; row < rows.size(); ++row) {
        if (row % 1000 == 999) check_interrupts();
        for (int column = 0; column < 7; ++column) {
          bool is_null = false;
          const Datum value = rows.datum(row, column, &is_null);
          writer.datum(value, is_null);
        }
        writer.end_row();
      }
    });
  });
  return null_result(call);
}

}  // namespace objectos::server
