#include "pg_ext/change_history.h"

#include <map>

#include "pg_ext/json_form.h"
#include "pg_ext/mutation_values.h"
#include "pg_ext/rejection.h"
#include "pg_ext/spi.h"

namespace objectos::server {

namespace {

using Places = std::vector<std::size_t>;

bool lacks_original(const PushItem& item) {
  for (const auto& [name, value] : item.edit.data) {
    if (!item.edit.original.contains(name) && !item.texts.contains(name)) return true;
  }
  return false;
}

std::map<const PushObject*, Places> records_asked_for(std::vector<RecordState>& records,
                                                      const std::vector<PushItem>& items) {
  std::map<const PushObject*, Places> asked;
  for (const PushItem& item : items) {
    if (item.verdict || item.edit.operation != Operation::update || !item.edit.version) continue;
    RecordState& record = records[item.record];
    const bool moved = record.server.exists && record.server.version > *item.edit.version;
    if (record.chain.linked || record.changes_from || !moved || !lacks_original(item)) continue;
    record.changes_from = item.edit.version;
    asked[record.object].push_back(item.record);
  }
  return asked;
}

// The records' log rows from the version edited on, the oldest first. A version from before
// sync_enable() says nothing: nobody logged what happened while the object was not enabled.
const std::string& history_sql() {
  static const std::string sql =
      "WITH tail AS MATERIALIZED (SELECT m.object, m.record_id, m.operation, m.version, m.original,"
      " m.\"timestamp\" FROM objectos_sync.mutations m ORDER BY m.sequence DESC LIMIT " +
      std::to_string(history_rows_max) +
      ") SELECT u.place, t.version, t.version = u.version AND t.\"timestamp\" >= o.enabled_at,"
      " CASE t.operation WHEN 'update' THEN t.original END"
      " FROM ROWS FROM (unnest($2::text[]), unnest($3::text[])) WITH ORDINALITY"
      " AS r(record_id, version_text, place)"
      " CROSS JOIN LATERAL (SELECT r.record_id, r.version_text::bigint AS version, r.place) u"
      " JOIN objectos_sync.objects o ON o.object = $1"
      " JOIN tail t ON t.object = $1 AND t.record_id = u.record_id AND t.version >= u.version"
      " WHERE t.operation IN ('insert', 'update') ORDER BY u.place, t.version";
  return sql;
}

// The version that sync_enable() gave to the rows it found, if the log has all that came after it.
constexpr const char* enabled_sql = R"(
SELECT (a.attmissingval::text::bigint[])[1]
  FROM objectos_sync.objects o
  JOIN pg_catalog.pg_attribute a ON a.attrelid = o.relid AND a.attname = '_version'
 CROSS JOIN objectos_sync.state s
 WHERE o.object = $1 AND pg_catalog.to_jsonb(s) ->> 'low_water' IS NULL
   AND (SELECT count(*) FROM (SELECT FROM objectos_sync.mutations LIMIT $2) m) < $2)";

// False: what a text was before is not in the log.
bool take_change(RecordState& record, const std::string& original) {
  FieldValues& before = *record.server.changed_since;
  const Json values = parse_json(original);
  for (const auto& [name, value] : values.members()) {
    const ColumnInfo* column = record.object->info.column(name);
    if (column == nullptr || before.contains(name)) continue;
    if (value.is_array() && column->kind == ValueKind::text) return false;
    before[name] = canonical_value(*column, write_json(value));
  }
  return true;
}

struct LogLine {
  std::size_t place;
  bool is_edited_version;
  std::optional<std::string> original;
};

void load_object(std::vector<RecordState>& records, const Places& places) {
  const std::string& object = records[places.front()].object->info.object;
  std::vector<std::optional<std::string>> ids, versions;
  for (std::size_t place : places) {
    ids.emplace_back(records[place].record_id);
    versions.emplace_back(std::to_string(*records[place].changes_from));
  }
  std::vector<LogLine> lines;
  std::optional<std::int64_t> enabled;
  as_owner([&] {
    with_spi([&](Spi& spi) {
      Rows rows = spi.execute(history_sql(), {Param::text(object), Param::text_array(ids),
                                              Param::text_array(versions)});
      for (std::size_t i = 0; i < rows.size(); ++i) {
        lines.push_back({places[static_cast<std::size_t>(*rows.int8(i, 0) - 1)], rows.boolean(i, 2),
                         rows.text(i, 3)});
      }
      Rows start = spi.execute(enabled_sql, {Param::text(object), Param::int8(history_rows_max)});
      if (!start.empty()) enabled = start.int8(0, 0);
    });
  });
  for (std::size_t place : places) {
    if (enabled == records[place].changes_from) records[place].server.changed_since.emplace();
  }
  for (const LogLine& line : lines) {
    RecordState& record = records[line.place];
    if (line.is_edited_version) {
      record.server.changed_since.emplace();
    } else if (record.server.changed_since && line.original) {
      if (!take_change(record, *line.original)) record.server.changed_since.reset();
    }
  }
}

}  // namespace

void load_changes(std::vector<RecordState>& records, const std::vector<PushItem>& items) {
  for (const auto& asked : records_asked_for(records, items)) {
    const auto& places = asked.second;
    try {
      subtransaction([&] { as_pinned([&] { load_object(records, places); }); });
    } catch (PgError& error) {  // a value of before is none of the column's type any more
      if (!rejects_its_group(error.sqlstate())) throw;
      error.discard();
      for (std::size_t place : places) records[place].server.changed_since.reset();
    }
  }
}

}  // namespace objectos::server
