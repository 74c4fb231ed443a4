// The SQL function sync_fork: a file that was cloned or restored takes a new identity. It names the
// mutations it still holds under the old one; the answer says of each what became of it.
//
// Invariant: a mutation that is told `unseen` is the asker's to send, under its new id, and no
// other copy's. The hand-over is remembered as a verdict `moved` of the old client, without a
// number, so no confirmation drops it; the old client's row is locked meanwhile. Asked again under
// the same new id, the answer is the same.
#include "pg_ext/boundary.h"
#include "pg_ext/client_registry.h"
#include "pg_ext/identity.h"
#include "pg_ext/push_rows.h"
#include "pg_ext/push_signatures.h"
#include "pg_ext/spi.h"
#include "pg_ext/verdict_store.h"
#include "protocol/limits.h"
#include "protocol/messages.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

struct Asked {
  std::vector<std::optional<std::string>> ids;
  std::vector<std::int64_t> numbers;
};

[[noreturn]] void malformed(const char* what) {
  throw ProtocolError(ErrorCode::malformed_message, what, {},
                      "Send [{\"id\": …, \"client_sequence\": …}, …].");
}

// Those that come signed are verified before they are read.
Asked decode(const std::string& client_id, const std::string& text, PushSignatures& signatures) {
  Json json = parse_json(text);
  if (!json.is_array()) malformed("mutations is no array");
  if (json.items().size() > limits::mutations_per_push_max) {
    throw ProtocolError(ErrorCode::limit_exceeded, "too many mutations at once",
                        std::to_string(json.items().size()) + " of at most " +
                            std::to_string(limits::mutations_per_push_max) + ".",
                        "Ask in parts.");
  }
  std::vector<SignedMutation> forms;
  std::vector<const SignedMutation*> signed_ones;
  forms.reserve(json.items().size());
  std::vector<Json*> places;
  for (Json& item : json.items()) {
    if (auto form = take_signed(item)) {
      forms.push_back(std::move(*form));
      signed_ones.push_back(&forms.back());
      places.push_back(&item);
    }
  }
  if (!signed_ones.empty()) signatures.check()(client_id, signed_ones);
  for (std::size_t i = 0; i < forms.size(); ++i) *places[i] = parse_json(forms[i].payload);
  Asked asked;
  for (const Json& item : json.items()) {
    const Json *id = item.find("id"), *number = item.find("client_sequence");
    const auto uuid = id != nullptr && id->is_string() ? normalize_uuid(id->text()) : std::nullopt;
    if (!uuid) malformed("a mutation has no id that is a UUID");
    const auto sequence = number != nullptr ? number->as_integer() : std::nullopt;
    if (!sequence) malformed("a mutation has no client_sequence");
    asked.ids.emplace_back(*uuid);
    asked.numbers.push_back(*sequence);
  }
  return asked;
}

// Of each: its verdict; else the log row under its number, if it is its own, or that the number is
// another mutation's (which it never was, then) or was never judged; else nothing is known.
constexpr const char* fates_sql = R"(
SELECT a.id, v.status, COALESCE(v.version, m.version), COALESCE(v.sequence, m.sequence),
       v.reason, v.resolution, v.server_version, v.client_version, v.detail,
       m.id IS NOT NULL,
       a.number > $4 OR a.number > $5
         OR EXISTS (SELECT FROM objectos_sync.mutations o
                     WHERE o.client_id = $1 AND o.client_sequence = a.number)
         OR EXISTS (SELECT FROM objectos_sync.verdicts o
                     WHERE o.client_id = $1 AND o.client_sequence = a.number)
  FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) WITH ORDINALITY
    AS a(id, number, place)
  LEFT JOIN objectos_sync.verdicts v ON v.client_id = $1 AND v.mutation_id = a.id
  LEFT JOIN LATERAL (SELECT l.id, l.version, l.sequence FROM objectos_sync.mutations l
                      WHERE l.client_id = $1 AND l.client_sequence = a.number AND l.id = a.id
                      ORDER BY l.sequence DESC LIMIT 1) m ON true
 ORDER BY a.place)";

constexpr const char* move_sql = R"(
INSERT INTO objectos_sync.verdicts (client_id, mutation_id, fingerprint, status, reason)
SELECT $1, id, '', 'moved', $3 FROM pg_catalog.unnest($2) AS id
ON CONFLICT (client_id, mutation_id) DO NOTHING)";

Verdict fate_of(const Rows& rows, std::size_t row, const std::string& new_client_id) {
  Verdict fate;
  fate.mutation_id = rows.text_or(row, 0, "");
  fate.status = rows.text_or(row, 1, "");
  if (fate.status == "moved") {
    if (rows.text_or(row, 4, "") == new_client_id) fate.status = "unseen";
    return fate;
  }
  const bool logged = rows.boolean(row, 9);
  if (fate.status.empty() && !logged) {
    fate.status = rows.boolean(row, 10) ? "unseen" : "unknown";
    return fate;
  }
  if (fate.status.empty()) fate.status = "applied";
  read_stored_verdict(rows, row, 2, fate);
  return fate;
}

std::vector<Verdict> fates(const std::string& client_id, const std::string& new_client_id,
                           const Asked& asked) {
  if (client_id == new_client_id) {
    throw ProtocolError(ErrorCode::invalid_client, "the new client id is the old one", {},
                        "Take a new one, best a UUID.");
  }
  const ClientState old = claim_client(client_id, std::nullopt);
  claim_client(new_client_id, std::nullopt);
  return as_owner([&] {
    return with_spi([&](Spi& spi) {
      const Rows rows =
          spi.execute(fates_sql, {Param::text(client_id), Param::array_of(UUIDOID, asked.ids),
                                  Param::int8_array(asked.numbers), Param::int8(old.high_water),
                                  Param::int8(old.confirmed)});
      std::vector<Verdict> found;
      std::vector<std::optional<std::string>> moved;
      for (std::size_t row = 0; row < rows.size(); ++row) {
        found.push_back(fate_of(rows, row, new_client_id));
        if (found.back().status == "unseen") moved.emplace_back(found.back().mutation_id);
      }
      spi.execute(move_sql, {Param::text(client_id), Param::array_of(UUIDOID, std::move(moved)),
                             Param::text(new_client_id)});
      return found;
    });
  });
}

std::string required(FunctionCall call, int index, const char* name) {
  if (!argument_is_null(call, index)) return text_argument(call, index);
  throw ProtocolError(ErrorCode::malformed_message, std::string(name) + " is null", {},
                      "Give a value.", name);
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_fork) {
  RowWriter writer(call);
  if (pg_call([] { return RecoveryInProgress(); })) {
    throw objectos::ProtocolError(objectos::ErrorCode::in_recovery, "this server is a standby",
                                  "It gives no new identities.", "Ask the primary.");
  }
  const std::string client_id = required(call, 0, "client_id");
  const std::string new_client_id = required(call, 1, "new_client_id");
  PushSignatures signatures;
  const Asked asked = decode(client_id, required(call, 2, "mutations"), signatures);
  const auto answer = [&] { return fates(client_id, new_client_id, asked); };
  write_verdicts(writer, signatures.user() ? acting_for(*signatures.user(), answer) : answer());
  return null_result(call);
}
