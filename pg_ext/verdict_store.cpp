#include "pg_ext/verdict_store.h"

#include <unordered_map>

#include "pg_ext/spi.h"

#include "pg_ext/pg.h"
extern "C" {
#include "common/cryptohash.h"
#include "common/sha2.h"
}

namespace objectos::server {

namespace {

struct StoredVerdict {
  std::optional<std::int64_t> client_sequence;
  std::string fingerprint_hex;
  Verdict verdict;
};

using Stored = std::unordered_map<std::string, StoredVerdict>;

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (unsigned char byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

[[noreturn]] void forked(const PushEntry& entry, const std::string& why) {
  throw ProtocolError(
      ErrorCode::client_forked, "this client's history has forked: " + why,
      "Mutation " + entry.id + ".",
      "The file was cloned or restored: ask for its verdicts, take a new client id, "
      "and send again what the server never saw.");
}

constexpr const char* load_sql = R"(
SELECT v.mutation_id, v.client_sequence, pg_catalog.encode(v.fingerprint, 'hex'), v.status,
       v.version,
       v.sequence, v.reason, v.resolution, v.server_version, v.client_version, v.detail
  FROM objectos_sync.verdicts v
 WHERE v.client_id = $1 AND v.mutation_id = ANY ($2::uuid[]))";

Stored load(const std::string& client_id, const std::vector<PushItem>& items) {
  std::vector<std::optional<std::string>> ids;
  for (const PushItem& item : items) ids.emplace_back(item.entry->id);
  Stored stored;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      Rows rows = spi.execute(load_sql, {Param::text(client_id), Param::text_array(ids)});
      for (std::size_t i = 0; i < rows.size(); ++i) {
        StoredVerdict one;
        Verdict& verdict = one.verdict;
        verdict.mutation_id = rows.text_or(i, 0, "");
        one.client_sequence = rows.int8(i, 1);
        one.fingerprint_hex = rows.text_or(i, 2, "");
        verdict.status = rows.text_or(i, 3, "");
        verdict.duplicate = true;
        verdict.version = rows.int8(i, 4);
        verdict.sequence = rows.int8(i, 5);
        verdict.reason = rows.text_or(i, 6, "");
        verdict.resolution = rows.text_or(i, 7, "");
        verdict.server_version = rows.int8(i, 8);
        verdict.client_version = rows.int8(i, 9);
        if (auto detail = rows.text(i, 10)) verdict.detail = parse_json(*detail);
        stored.emplace(verdict.mutation_id, std::move(one));
      }
    });
  });
  return stored;
}

std::optional<std::string> optional_number(std::optional<std::int64_t> value) {
  return value ? std::optional(std::to_string(*value)) : std::nullopt;
}

std::optional<std::string> optional_text(const std::string& value) {
  return value.empty() ? std::nullopt : std::optional(value);
}

constexpr std::size_t stored_columns = 11;

// One array for each column: cheaper than a document of all rows.
constexpr const char* store_sql = R"(
INSERT INTO objectos_sync.verdicts (client_id, mutation_id, client_sequence, fingerprint, status,
                                    version, sequence,
                                    reason, resolution, server_version, client_version, detail)
SELECT $1, r.mutation_id::uuid, r.client_sequence::bigint,
       pg_catalog.decode(r.fingerprint, 'hex'), r.status, r.version::bigint, r.sequence::bigint,
       r.reason, r.resolution, r.server_version::bigint, r.client_version::bigint, r.detail::jsonb
  FROM ROWS FROM (pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[]),
                  pg_catalog.unnest($4::text[]), pg_catalog.unnest($5::text[]),
                  pg_catalog.unnest($6::text[]), pg_catalog.unnest($7::text[]),
                  pg_catalog.unnest($8::text[]), pg_catalog.unnest($9::text[]),
                  pg_catalog.unnest($10::text[]), pg_catalog.unnest($11::text[]),
                  pg_catalog.unnest($12::text[]))
       AS r(mutation_id, client_sequence, fingerprint, status, version, sequence, reason,
            resolution, server_version, client_version, detail))";

}  // namespace

std::string sha256(std::string_view bytes) {
  unsigned char digest[PG_SHA256_DIGEST_LENGTH];
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const std::size_t size = bytes.size();
  const bool done = pg_call([&] {
    pg_cryptohash_ctx* hash = pg_cryptohash_create(PG_SHA256);
    const bool ok = pg_cryptohash_init(hash) >= 0 && pg_cryptohash_update(hash, data, size) >= 0 &&
                    pg_cryptohash_final(hash, digest, sizeof digest) >= 0;
    pg_cryptohash_free(hash);
    return ok;
  });
  if (!done) throw SyncError("OS000", "SHA-256 failed");
  return {reinterpret_cast<const char*>(digest), sizeof digest};
}

void answer_replays(const std::string& client_id, const ClientState& client,
                    std::vector<PushItem>& items) {
  const Stored stored = load(client_id, items);
  std::unordered_map<std::string, std::size_t> by_id;
  std::unordered_map<std::int64_t, std::size_t> by_number;
  for (std::size_t i = 0; i < items.size(); ++i) {
    PushItem& item = items[i];
    const PushEntry& entry = *item.entry;
    const auto first = by_id.find(entry.id);
    if (first != by_id.end()) {
      if (items[first->second].fingerprint != item.fingerprint) {
        forked(entry, "one id stands for two mutations");
      }
      items[first->second].twins.push_back(i);
      continue;
    }
    by_id.emplace(entry.id, i);
    if (entry.client_sequence && !by_number.emplace(*entry.client_sequence, i).second) {
      forked(entry, "one client_sequence stands for two mutations");
    }
    const auto known = stored.find(entry.id);
    if (known != stored.end()) {
      if (known->second.fingerprint_hex != hex(item.fingerprint)) {
        forked(entry, "its id is known with other content");
      }
      item.verdict = known->second.verdict;
    } else if (entry.client_sequence && *entry.client_sequence <= client.high_water) {
      forked(entry, "client_sequence " + std::to_string(*entry.client_sequence) +
                        " was judged before for another mutation");
    }
  }
}

void store_verdicts(const std::string& client_id, const std::vector<PushItem>& items) {
  std::vector<std::vector<std::optional<std::string>>> columns(stored_columns);
  for (const PushItem& item : items) {
    if (!item.verdict || item.verdict->duplicate) continue;
    const Verdict& verdict = *item.verdict;
    std::size_t at = 0;
    const auto put = [&](std::optional<std::string> value) {
      columns[at++].push_back(std::move(value));
    };
    put(item.entry->id);
    put(optional_number(item.entry->client_sequence));
    put(hex(item.fingerprint));
    put(verdict.status);
    put(optional_number(verdict.version));
    put(optional_number(verdict.sequence));
    put(optional_text(verdict.reason));
    put(optional_text(verdict.resolution));
    put(optional_number(verdict.server_version));
    put(optional_number(verdict.client_version));
    put(verdict.detail.is_null() ? std::nullopt : std::optional(write_json(verdict.detail)));
  }
  if (columns.front().empty()) return;
  Params params{Param::text(client_id)};
  for (const auto& column : columns) params.push_back(Param::text_array(column));
  as_owner([&] { with_spi([&](Spi& spi) { spi.execute(store_sql, params); }); });
}

}  // namespace objectos::server
