// The SQL function sync_audit: signed mutations, verified again after the fact.
//
// A signature says what the user sent, a seal what the server made of it. Both are looked at for
// every signed mutation, and each row of the log that should have them is asked for them. What has
// no signature (other programs' writes, side effects, sync_resolve) is outside of all this.
#include <algorithm>

#include "pg_ext/boundary.h"
#include "pg_ext/log_seal.h"
#include "pg_ext/secrets.h"
#include "pg_ext/signing_keys.h"
#include "pg_ext/spi.h"
#include "protocol/messages.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

constexpr std::int64_t page_rows = 1000;

constexpr const char* page_sql = R"(
SELECT s.sequence, s.client_id, s.epoch, s.signature, s.payload, s.seal, s.key_id,
       k.user_id, k.secret, m.id, m.client_id, m.client_sequence, m.user_id, m.object, m.record_id,
       m.operation, m.version, m.exact, m.data, m.original, m.sequence IS NOT NULL
  FROM objectos_sync.signatures s
  LEFT JOIN objectos_sync.keys k ON k.key_id = s.key_id
  LEFT JOIN objectos_sync.mutations m ON m.sequence = s.sequence
 WHERE s.sequence >= $1 AND s.sequence <= $2
 ORDER BY s.sequence LIMIT 1000)";

// Rows of clients that sign which have none.
constexpr const char* bare_sql = R"(
SELECT m.sequence, m.id, m.client_id, m.client_sequence, m.user_id
  FROM objectos_sync.mutations m
  JOIN objectos_sync.clients c ON c.client_id = m.client_id AND m.client_sequence >= c.signed_from
 WHERE m.sequence >= $1 AND m.sequence <= $2
   AND NOT EXISTS (SELECT FROM objectos_sync.signatures s WHERE s.sequence = m.sequence)
 ORDER BY m.sequence)";

constexpr const char* unsigned_sql = R"(
SELECT pg_catalog.count(*) FROM objectos_sync.mutations m
 WHERE m.sequence >= $1 AND m.sequence <= $2
   AND NOT EXISTS (SELECT FROM objectos_sync.signatures s WHERE s.sequence = m.sequence))";

class Audit {
 public:
  Audit(RowWriter& writer, std::int64_t from, std::int64_t to)
      : writer_(writer), from_(from), to_(to) {}
  void run(Spi& spi);

 private:
  void look_at(const Rows& rows, std::size_t row);
  void compare(const Rows& rows, std::size_t row, const Mutation& mutation);
  void look_at_seal(const Rows& rows, std::size_t row);
  void look_for_bare(Spi& spi);
  void found(const Rows& rows, std::size_t row, const char* finding, const std::string& detail);

  RowWriter& writer_;
  const std::int64_t from_, to_;
  std::optional<HmacSha256> sealer_;
  std::int64_t looked_at_ = 0, found_ = 0;
};

void Audit::found(const Rows& rows, std::size_t row, const char* finding,
                  const std::string& detail) {
  ++found_;
  writer_.int8(rows.int8(row, 0)).text(rows.text(row, 9)).text(rows.text(row, 1));
  writer_.int8(rows.int8(row, 11)).text(rows.text(row, 7)).text(std::string_view(finding));
  writer_.text(std::string_view(detail)).end_row();
}

// What the log says of a mutation must be what its signer said.
void Audit::compare(const Rows& rows, std::size_t row, const Mutation& mutation) {
  const auto differs = [&](const char* what, const std::string& logged, const std::string& sent) {
    if (logged == sent) return;
    found(rows, row, "log row changed",
          std::string(what) + " is " + logged + ", signed was " + sent);
  };
  differs("id", rows.text_or(row, 9, ""), mutation.id);
  differs("client_id", rows.text_or(row, 10, ""), rows.text_or(row, 1, ""));
  differs("client_sequence", rows.text_or(row, 11, ""),
          std::to_string(mutation.client_sequence.value_or(0)));
  differs("object", rows.text_or(row, 13, ""), mutation.object);
  if (rows.text_or(row, 12, "") == rows.text_or(row, 7, "")) return;
  found(rows, row, "user changed",
        "the log says " + rows.text_or(row, 12, "nobody") + ", the key is of " +
            rows.text_or(row, 7, ""));
}

void Audit::look_at_seal(const Rows& rows, std::size_t row) {
  const std::string id = rows.text_or(row, 9, ""), client = rows.text_or(row, 10, ""),
                    user = rows.text_or(row, 12, ""), object = rows.text_or(row, 13, ""),
                    record = rows.text_or(row, 14, ""), operation = rows.text_or(row, 15, "");
  SealedRow sealed;
  sealed.mutation_id = id;
  sealed.client_id = client;
  sealed.client_sequence = rows.int8(row, 11).value_or(0);
  sealed.user_id = user;
  sealed.object = object;
  sealed.record_id = record;
  sealed.operation = operation;
  sealed.version = rows.int8(row, 16).value_or(0);
  sealed.exact = rows.boolean(row, 17);
  bool is_null = false;
  const Datum data = rows.datum(row, 18, &is_null);
  if (!is_null) sealed.data = data;
  const Datum original = rows.datum(row, 19, &is_null);
  if (!is_null) sealed.original = original;
  if (equal_in_constant_time(seal_of(*sealer_, sealed), rows.bytes(row, 5))) return;
  found(rows, row, "data changed",
        "record " + record + " of " + object +
            ": the row is not the one that was written when "
            "the mutation was applied");
}

void Audit::look_at(const Rows& rows, std::size_t row) {
  ++looked_at_;
  if (rows.is_null(row, 7)) return found(rows, row, "key missing", rows.text_or(row, 6, ""));
  const SigningKey key{rows.text_or(row, 7, ""), HmacSha256(take_secret(rows, row, 8).bytes()),
                       true};
  const std::string payload = rows.text_or(row, 4, "");
  const Signer signer{rows.text_or(row, 2, ""), rows.text_or(row, 6, ""), rows.text_or(row, 1, "")};
  const std::string user = signing_user(key, hex_text(rows.bytes(row, 3)),
                                        {mutation_prefix(signer, payload.size()), payload});
  const bool stands = !user.empty();
  if (!stands)
    found(rows, row, "payload changed",
          "the signature is not of this payload, client, key and epoch");
  if (!rows.boolean(row, 20))
    return found(rows, row, "log row missing", "the mutation that was signed is not in the log");
  if (stands) {
    Json json = parse_json(payload);
    compare(rows, row, decode_mutation(json));
  }
  look_at_seal(rows, row);
}

void Audit::look_for_bare(Spi& spi) {
  Rows rows = spi.execute(bare_sql, {Param::int8(from_), Param::int8(to_)});
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row % 1000 == 999) check_interrupts();
    ++found_;
    writer_.int8(rows.int8(row, 0)).text(rows.text(row, 1)).text(rows.text(row, 2));
    writer_.int8(rows.int8(row, 3)).text(rows.text(row, 4));
    writer_.text(std::string_view("signature missing"));
    writer_.text(std::string_view("its client signed everything from an earlier number on"));
    writer_.end_row();
  }
  rows.release();
}

void Audit::run(Spi& spi) {
  {
    const Rows state = spi.execute("SELECT secret FROM objectos_sync.state");
    sealer_ = log_sealer(take_secret(state, 0, 0).bytes());
  }
  for (std::int64_t next = from_;;) {
    check_interrupts();
    Rows rows = spi.execute(page_sql, {Param::int8(next), Param::int8(to_)});
    const std::size_t count = rows.size();
    std::int64_t last = next;
    for (std::size_t row = 0; row < count; ++row) {
      look_at(rows, row);
      last = rows.int8(row, 0).value_or(0);
    }
    rows.release();
    if (count < page_rows || last == to_) break;
    next = last + 1;
  }
  look_for_bare(spi);
  const Rows others = spi.execute(unsigned_sql, {Param::int8(from_), Param::int8(to_)});
  writer_.null().null().null().null().null().text(std::string_view("looked at"));
  writer_.text(std::string_view(std::to_string(looked_at_) + " signed mutations, " +
                                std::to_string(found_) + " findings; " + others.text_or(0, 0, "0") +
                                " unsigned writes are outside of it"));
  writer_.end_row();
}

}  // namespace

OBJECTOS_FUNCTION(sync_audit) {
  RowWriter writer(call);
  if (argument_is_null(call, 0) || argument_is_null(call, 1)) {
    throw ProtocolError(ErrorCode::invalid_option, "a bound of the audit is null", "",
                        "Give the first and the last sequence, or leave them out.");
  }
  Audit audit(writer, int8_argument(call, 0), int8_argument(call, 1));
  as_owner([&] { with_spi([&](Spi& spi) { audit.run(spi); }); });
  return null_result(call);
}

}  // namespace objectos::server
