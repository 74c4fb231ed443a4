#include "pg_ext/field_clock_store.h"

#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "pg_ext/spi.h"
#include "protocol/timestamp.h"

namespace objectos::server {

namespace {

// The zero id is a plain write's clock. `own` needs a client_sequence: only numbered mutations of a
// client are known to come in its order.
constexpr const char* load_sql = R"(
SELECT u.place, c.field, (EXTRACT(epoch FROM c."timestamp") * 1000000)::bigint,
       CASE WHEN c.mutation_id = '00000000-0000-0000-0000-000000000000' THEN ''
            ELSE c.mutation_id::text END, c.value_hash,
       EXISTS (SELECT FROM objectos_sync.verdicts v
                WHERE v.client_id = $3 AND v.mutation_id = c.mutation_id
                  AND v.client_sequence IS NOT NULL)
  FROM pg_catalog.unnest($2::text[]) WITH ORDINALITY AS u(record_id, place)
  JOIN objectos_sync.field_clocks c ON c.object = $1 AND c.record_id = u.record_id)";

constexpr const char* store_sql = R"(
INSERT INTO objectos_sync.field_clocks (object, record_id, field, "timestamp", mutation_id,
                                        value_hash)
SELECT r.object, r.record_id, r.field, r."timestamp"::timestamptz,
       COALESCE(r.mutation_id, '00000000-0000-0000-0000-000000000000')::uuid, r.value_hash
  FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[]),
                  pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::text[]),
                  pg_catalog.unnest($5::text[]), pg_catalog.unnest($6::text[]))
       AS r(object, record_id, field, "timestamp", mutation_id, value_hash)
ON CONFLICT (object, record_id, field) DO UPDATE
   SET "timestamp" = EXCLUDED."timestamp", mutation_id = EXCLUDED.mutation_id,
       value_hash = EXCLUDED.value_hash)";

}  // namespace

void load_clocks(const std::string& client_id, std::vector<RecordState>& records) {
  std::map<std::string, std::vector<std::size_t>> by_object;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const PushObject& object = *records[i].object;
    if (object.uses_clocks) by_object[object.info.object].push_back(i);
  }
  if (by_object.empty()) return;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      for (const auto& [object, places] : by_object) {
        std::vector<std::optional<std::string>> ids;
        for (std::size_t place : places) ids.emplace_back(records[place].record_id);
        Rows rows = spi.execute(
            load_sql, {Param::text(object), Param::text_array(ids), Param::text(client_id)});
        for (std::size_t i = 0; i < rows.size(); ++i) {
          RecordState& record = records[places[static_cast<std::size_t>(*rows.int8(i, 0) - 1)]];
          FieldClock& clock = record.clocks[rows.text_or(i, 1, "")];
          clock.timestamp_us = rows.int8(i, 2).value_or(0);
          clock.mutation_id = rows.text_or(i, 3, "");
          clock.value_hash = rows.text_or(i, 4, "");
          clock.own = rows.boolean(i, 5);
        }
        rows.release();
      }
    });
  });
}

void store_clocks(const std::vector<StoredClock>& clocks) {
  // One statement must not touch a row twice: the last clock of a field stays.
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, const StoredClock*>
      newest;
  for (const StoredClock& stored : clocks) {
    newest[{stored.object, stored.record_id, stored.field}] = &stored;
  }
  if (newest.empty()) return;
  std::vector<std::vector<std::optional<std::string>>> columns(6);
  for (const auto& [place, stored] : newest) {
    columns[0].emplace_back(stored->object);
    columns[1].emplace_back(stored->record_id);
    columns[2].emplace_back(stored->field);
    columns[3].emplace_back(format_timestamp(stored->clock.timestamp_us));
    const std::string& id = stored->clock.mutation_id;
    columns[4].push_back(id.empty() ? std::nullopt : std::optional(id));
    columns[5].emplace_back(stored->clock.value_hash);
  }
  Params params;
  for (const auto& column : columns) params.push_back(Param::text_array(column));
  as_owner([&] { with_spi([&](Spi& spi) { spi.execute(store_sql, params); }); });
}

}  // namespace objectos::server
