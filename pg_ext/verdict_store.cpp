#include "pg_ext/verdict_store.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "pg_ext/bulk_insert.h"
#include "pg_ext/rejection.h"
#include "pg_ext/spi.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

struct StoredVerdict {
  std::optional<std::int64_t> client_sequence;
  std::string fingerprint;  // 32 bytes
  Verdict verdict;
};

using Stored = std::unordered_map<std::string, StoredVerdict>;

[[noreturn]] void forked(const PushEntry& entry, const std::string& why) {
  throw ProtocolError(
      ErrorCode::client_forked, "this client's history has forked: " + why,
      "Mutation " + entry.id + ".",
      "The file was cloned or restored: ask for its verdicts, take a new client id, "
      "and send again what the server never saw.");
}

// By the key for each: a table without statistics would be read whole.
constexpr const char* load_sql = R"(
SELECT v.mutation_id, v.client_sequence, v.fingerprint, v.status,
       v.version,
       v.sequence, v.reason, v.resolution, v.server_version, v.client_version, v.detail
  FROM pg_catalog.unnest($2) AS u(id)
 CROSS JOIN LATERAL (
   SELECT * FROM objectos_sync.verdicts w
    WHERE w.client_id = $1 AND w.mutation_id = u.id OFFSET 0) v)";

bool is_beyond(const PushEntry& entry, std::int64_t number) {
  return entry.client_sequence && *entry.client_sequence > number;
}

// The verdicts of all that may be known: not of numbers beyond `known_max`.
Stored load(const std::string& client_id, const std::vector<PushItem>& items,
            std::int64_t known_max) {
  std::vector<std::optional<std::string>> ids;
  for (const PushItem& item : items) {
    if (!is_beyond(*item.entry, known_max)) ids.emplace_back(item.entry->id);
  }
  Stored stored;
  if (ids.empty()) return stored;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      Rows rows = spi.execute_by_key(
          load_sql, {Param::text(client_id), Param::array_of(UUIDOID, std::move(ids))});
      for (std::size_t i = 0; i < rows.size(); ++i) {
        StoredVerdict one;
        Verdict& verdict = one.verdict;
        verdict.mutation_id = rows.text_or(i, 0, "");
        one.client_sequence = rows.int8(i, 1);
        one.fingerprint = rows.bytes(i, 2);
        verdict.status = rows.text_or(i, 3, "");
        read_stored_verdict(rows, i, 4, verdict);
        stored.emplace(verdict.mutation_id, std::move(one));
      }
    });
  });
  return stored;
}

constexpr const char* log_sql = R"(
SELECT m.id, m.sequence, m.version, m.object, m.record_id
  FROM objectos_sync.mutations m
 WHERE m.client_id = $1 AND m.client_sequence = ANY ($2))";

// Verdicts that were confirmed are gone; what the log holds under the same number, id and record
// was applied, and is answered so. Anything else under a known number is another history.
void answer_from_log(const std::string& client_id, const std::vector<PushItem*>& items) {
  std::unordered_map<std::string, PushItem*> by_id;
  std::vector<std::int64_t> numbers;
  for (PushItem* item : items) {
    by_id.emplace(item->entry->id, item);
    numbers.push_back(*item->entry->client_sequence);
  }
  as_owner([&] {
    with_spi([&](Spi& spi) {
      const Rows rows =
          spi.execute(log_sql, {Param::text(client_id), Param::int8_array(std::move(numbers))});
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto found = by_id.find(rows.text_or(i, 0, ""));
        if (found == by_id.end()) continue;
        const PushEntry& entry = *found->second->entry;
        if (entry.object != rows.text_or(i, 3, "")) continue;
        if (entry.record_id != rows.text_or(i, 4, "")) continue;
        Verdict verdict;
        verdict.mutation_id = entry.id;
        verdict.status = "applied";
        verdict.duplicate = true;
        verdict.sequence = rows.int8(i, 1);
        verdict.version = rows.int8(i, 2);
        found->second->verdict = std::move(verdict);
      }
    });
  });
  for (const PushItem* item : items) {
    if (item->verdict) continue;
    forked(*item->entry, "client_sequence " + std::to_string(*item->entry->client_sequence) +
                             " was judged before for another mutation");
  }
}

}  // namespace

void read_stored_verdict(const Rows& rows, std::size_t row, int column, Verdict& verdict) {
  verdict.duplicate = true;
  verdict.version = rows.int8(row, column);
  verdict.sequence = rows.int8(row, column + 1);
  verdict.reason = rows.text_or(row, column + 2, "");
  verdict.resolution = rows.text_or(row, column + 3, "");
  verdict.server_version = rows.int8(row, column + 4);
  verdict.client_version = rows.int8(row, column + 5);
  if (auto detail = rows.text(row, column + 6)) verdict.detail = parse_json(*detail);
}

void answer_replays(const std::string& client_id, const ClientState& client,
                    std::vector<PushItem>& items) {
  // An id that is known has a number up to the high water, or none. Under a higher one it comes
  // with other content: store_verdicts() meets it in the table's key.
  const Stored stored = load(client_id, items, client.high_water);
  std::vector<PushItem*> old;  // judged before, and without a verdict
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
      if (known->second.fingerprint != item.fingerprint) {
        forked(entry, "its id is known with other content");
      }
      item.verdict = known->second.verdict;
    } else if (entry.client_sequence && *entry.client_sequence <= client.high_water) {
      old.push_back(&item);
    }
  }
  if (!old.empty()) answer_from_log(client_id, old);
}

namespace {

bool is_new(const PushItem& item) {
  return item.verdict && !item.verdict->duplicate && !is_pull_first(*item.verdict);
}

// The columns in the table's order.
void write_verdicts(const std::string& client_id, const std::vector<PushItem>& items) {
  BulkInsert rows("verdicts");
  for (const PushItem& item : items) {
    if (!is_new(item)) continue;
    const Verdict& verdict = *item.verdict;
    rows.text(client_id).input(item.entry->id).int8(item.entry->client_sequence);
    rows.text(item.fingerprint).text(verdict.status);
    rows.int8(verdict.version).int8(verdict.sequence);
    rows.text_or_null(verdict.reason).text_or_null(verdict.resolution);
    rows.int8(verdict.server_version).int8(verdict.client_version);
    if (verdict.detail.is_null()) {
      rows.null();
    } else {
      rows.input(write_json(verdict.detail));
    }
    rows.end_row();
  }
  rows.finish();
}

}  // namespace

void store_verdicts(const std::string& client_id, const std::vector<PushItem>& items) {
  if (std::none_of(items.begin(), items.end(), is_new)) return;
  try {
    subtransaction([&] { write_verdicts(client_id, items); });
  } catch (PgError& error) {
    if (error.sqlstate_number() != ERRCODE_UNIQUE_VIOLATION) throw;
    error.discard();
    constexpr std::int64_t any = std::numeric_limits<std::int64_t>::max();
    const Stored stored = load(client_id, items, any);
    for (const PushItem& item : items) {
      if (is_new(item) && stored.contains(item.entry->id))
        forked(*item.entry, "its id is known with other content");
    }
    throw SyncError("OS000", "two verdicts have one id");
  }
}

}  // namespace objectos::server
