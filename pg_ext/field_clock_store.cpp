#include "pg_ext/field_clock_store.h"

#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "pg_ext/bulk_insert.h"
#include "pg_ext/spi.h"
#include "protocol/json.h"

namespace objectos::server {

namespace {

using Places = std::vector<std::size_t>;

// A field's clock with the client of its mutation: empty if it is not numbered.
struct Entry {
  FieldClock clock;
  std::string client;
};
using Entries = std::map<std::string, Entry, std::less<>>;

Entries parse_clocks(const std::string& text) {
  Entries entries;
  if (text.empty()) return entries;
  const Json list = parse_json(text);
  for (const Json& mutation : list.items()) {
    const auto member = [&](std::string_view name) {
      const Json* const found = mutation.find(name);
      return found == nullptr ? std::string() : found->text();
    };
    Entry entry;
    if (const Json* const at = mutation.find("at")) {
      entry.clock.timestamp_us = at->as_integer().value_or(0);
    }
    entry.clock.mutation_id = member("by");
    entry.client = member("client");
    const Json* const fields = mutation.find("fields");
    if (fields == nullptr) continue;
    for (const auto& [field, hash] : fields->members()) {
      entry.clock.value_hash = hash.text();
      entries[field] = entry;
    }
  }
  return entries;
}

std::string write_clocks(const Entries& entries) {
  std::map<std::tuple<std::int64_t, std::string_view, std::string_view>, std::string> mutations;
  for (const auto& [field, entry] : entries) {
    std::string& fields =
        mutations[{entry.clock.timestamp_us, entry.clock.mutation_id, entry.client}];
    fields += fields.empty() ? '{' : ',';
    append_json_string(fields, field);
    fields += ':';
    append_json_string(fields, entry.clock.value_hash);
  }
  std::string text;
  for (const auto& [mutation, fields] : mutations) {
    const auto& [at, by, client] = mutation;
    text += text.empty() ? "[{\"at\":" : ",{\"at\":";
    text += std::to_string(at);
    if (!by.empty()) append_json_string(text += ",\"by\":", by);
    if (!client.empty()) append_json_string(text += ",\"client\":", client);
    text += ",\"fields\":" + fields + "}}";
  }
  return text + "]";
}

// OFFSET 0 keeps the look-up inside: a table without statistics is taken for empty, and the planner
// would go through all its clocks for each record.
constexpr const char* load_sql = R"(
SELECT u.place, c.clocks
  FROM pg_catalog.unnest($2::text[]) WITH ORDINALITY AS u(record_id, place)
 CROSS JOIN LATERAL (
   SELECT k.clocks FROM objectos_sync.field_clocks k
    WHERE k.object = $1 AND k.record_id = u.record_id OFFSET 0) c)";

constexpr const char* update_sql = R"(
UPDATE objectos_sync.field_clocks AS c SET clocks = u.clocks::pg_catalog.json
  FROM ROWS FROM (pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::text[]))
       AS u(record_id, clocks)
 WHERE c.object = $1 AND c.record_id = u.record_id)";

std::map<std::string, Places> by_object(const std::vector<RecordState>& records,
                                        const Places& places) {
  std::map<std::string, Places> groups;
  for (std::size_t place : places) {
    groups[records[place].object->info.object].push_back(place);
  }
  return groups;
}

// Reads what stands in the table. As the owner.
void read_clocks(std::vector<RecordState>& records, const Places& wanted) {
  if (wanted.empty()) return;
  with_spi([&](Spi& spi) {
    for (const auto& [object, places] : by_object(records, wanted)) {
      std::vector<std::optional<std::string>> ids;
      for (std::size_t place : places) {
        records[place].stored_clocks.clear();
        ids.emplace_back(records[place].record_id);
      }
      Rows rows = spi.execute_by_key(load_sql, {Param::text(object), Param::text_array(ids)});
      for (std::size_t i = 0; i < rows.size(); ++i) {
        RecordState& record = records[places[static_cast<std::size_t>(*rows.int8(i, 0) - 1)]];
        record.stored_clocks = rows.text_or(i, 1, "");
      }
      rows.release();
    }
  });
}

bool is_locked(const RecordState& record) {
  return record.lock_wanted && record.server.exists && !record.not_lockable;
}

// The newest clock of each field over those that stand. A mutation keeps the client it came with.
std::string overlaid(const std::string& client_id, const RecordState& record,
                     const std::vector<const StoredClock*>& clocks) {
  Entries entries = parse_clocks(record.stored_clocks);
  for (const StoredClock* const stored : clocks) {
    Entry& entry = entries[stored->field];
    const bool same =
        !entry.clock.value_hash.empty() && entry.clock.mutation_id == stored->clock.mutation_id;
    if (!same) entry.client = stored->own ? client_id : std::string();
    entry.clock = stored->clock;
  }
  return write_clocks(entries);
}

}  // namespace

void load_clocks(const std::string& client_id, std::vector<RecordState>& records) {
  Places wanted;
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].clocks.clear();
    records[i].clocks_current = false;
    if (records[i].object->uses_clocks) wanted.push_back(i);
  }
  if (wanted.empty()) return;
  as_owner([&] { read_clocks(records, wanted); });
  for (std::size_t place : wanted) {
    RecordState& record = records[place];
    record.clocks_current = is_locked(record);
    for (auto& [field, entry] : parse_clocks(record.stored_clocks)) {
      FieldClock& clock = record.clocks[field] = entry.clock;
      clock.own = entry.client == client_id;
    }
  }
}

void store_clocks(const std::string& client_id, std::vector<RecordState>& records,
                  const std::vector<StoredClock>& clocks) {
  std::map<std::size_t, std::vector<const StoredClock*>> by_record;  // the last of a field counts
  Places stale;
  for (const StoredClock& stored : clocks) {
    std::vector<const StoredClock*>& own = by_record[stored.record];
    if (own.empty() && !records[stored.record].clocks_current) stale.push_back(stored.record);
    own.push_back(&stored);
  }
  if (by_record.empty()) return;
  as_owner([&] {
    read_clocks(records, stale);  // locked since
    std::optional<BulkInsert> added;
    std::map<std::string, std::array<std::vector<std::optional<std::string>>, 2>> changed;
    for (const auto& [place, own] : by_record) {
      const RecordState& record = records[place];
      const std::string& object = record.object->info.object;
      std::string text = overlaid(client_id, record, own);
      if (record.stored_clocks.empty()) {
        if (!added) added.emplace("field_clocks");
        added->text(object).text(record.record_id).text(text).end_row();
      } else if (record.stored_clocks != text) {
        changed[object][0].emplace_back(record.record_id);
        changed[object][1].emplace_back(std::move(text));
      }
    }
    if (added) added->finish();
    if (changed.empty()) return;
    with_spi([&](Spi& spi) {
      for (auto& [object, arrays] : changed) {
        spi.execute_by_key(update_sql,
                           {Param::text(object), Param::text_array(std::move(arrays[0])),
                            Param::text_array(std::move(arrays[1]))});
      }
    });
  });
}

}  // namespace objectos::server
