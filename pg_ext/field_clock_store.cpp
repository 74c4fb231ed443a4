#include "pg_ext/field_clock_store.h"

#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "pg_ext/spi.h"
#include "protocol/timestamp.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// The zero id is a plain write's clock. A client stands only with its numbered mutations: they are
// known to come in its order. OFFSET 0 keeps the look-up inside: a table without statistics is
// taken for empty, and the planner would go through all its clocks for each record.
constexpr const char* load_sql = R"(
SELECT u.place, c.field, (EXTRACT(epoch FROM c."timestamp") * 1000000)::bigint,
       CASE WHEN c.mutation_id = '00000000-0000-0000-0000-000000000000' THEN ''
            ELSE c.mutation_id::text END, c.value_hash,
       c.client_id IS NOT DISTINCT FROM $3
  FROM pg_catalog.unnest($2::text[]) WITH ORDINALITY AS u(record_id, place)
 CROSS JOIN LATERAL (
   SELECT k.field, k."timestamp", k.mutation_id, k.value_hash, k.client_id
     FROM objectos_sync.field_clocks k
    WHERE k.object = $1 AND k.record_id = u.record_id OFFSET 0) c)";

constexpr const char* store_sql = R"(
INSERT INTO objectos_sync.field_clocks AS c (object, record_id, field, "timestamp", mutation_id,
                                             value_hash, client_id)
SELECT r.object, r.record_id, r.field, r."timestamp",
       COALESCE(r.mutation_id, '00000000-0000-0000-0000-000000000000'), r.value_hash,
       CASE WHEN r.own THEN $8 END
  FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),
                  pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6),
                  pg_catalog.unnest($7))
       AS r(object, record_id, field, "timestamp", mutation_id, value_hash, own)
ON CONFLICT (object, record_id, field) DO UPDATE
   SET "timestamp" = EXCLUDED."timestamp", mutation_id = EXCLUDED.mutation_id,
       value_hash = EXCLUDED.value_hash,
       client_id = CASE WHEN EXCLUDED.mutation_id = c.mutation_id THEN c.client_id
                        ELSE EXCLUDED.client_id END)";

constexpr Oid stored_types[] = {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID,
                                UUIDOID, TEXTOID, BOOLOID};

}  // namespace

void load_clocks(const std::string& client_id, std::vector<RecordState>& records) {
  std::map<std::string, std::vector<std::size_t>> by_object;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const PushObject& object = *records[i].object;
    records[i].clocks.clear();
    if (object.uses_clocks) by_object[object.info.object].push_back(i);
  }
  if (by_object.empty()) return;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      for (const auto& [object, places] : by_object) {
        std::vector<std::optional<std::string>> ids;
        for (std::size_t place : places) ids.emplace_back(records[place].record_id);
        Rows rows = spi.execute_by_key(
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

void store_clocks(const std::string& client_id, const std::vector<StoredClock>& clocks) {
  // One statement must not touch a row twice: the last clock of a field stays.
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, const StoredClock*>
      newest;
  for (const StoredClock& stored : clocks) {
    newest[{stored.object, stored.record_id, stored.field}] = &stored;
  }
  if (newest.empty()) return;
  std::vector<std::vector<std::optional<std::string>>> columns(std::size(stored_types));
  for (const auto& [place, stored] : newest) {
    columns[0].emplace_back(stored->object);
    columns[1].emplace_back(stored->record_id);
    columns[2].emplace_back(stored->field);
    columns[3].emplace_back(format_timestamp(stored->clock.timestamp_us));
    const std::string& id = stored->clock.mutation_id;
    columns[4].push_back(id.empty() ? std::nullopt : std::optional(id));
    columns[5].emplace_back(stored->clock.value_hash);
    columns[6].emplace_back(stored->own ? "t" : "f");
  }
  Params params;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    params.push_back(Param::array_of(stored_types[i], std::move(columns[i])));
  }
  params.push_back(Param::text(client_id));
  as_owner([&] { with_spi([&](Spi& spi) { spi.execute(store_sql, params); }); });
}

}  // namespace objectos::server
