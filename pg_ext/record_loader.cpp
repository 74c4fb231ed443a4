#include "pg_ext/record_loader.h"

#include <algorithm>

#include "pg_ext/json_form.h"
#include "pg_ext/spi.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

using Places = std::vector<std::size_t>;

constexpr int lock_rounds_max = 3;
constexpr int first_key_place = 4;  // in what load_statement() selects

// The base type's name without a type modifier: a cast to varchar(3) would cut a key in silence.
std::string cast_name(Oid type) {
  const char* name = pg_call([&] {
    return format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
  });
  return name;
}

bool may_read(const ObjectInfo& info, std::int16_t attnum) {
  const Oid relid = info.relid;
  return pg_call([&] {
    return pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
           pg_attribute_aclcheck(relid, attnum, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
  });
}

// A place names one row in a plain table only. Reading it takes SELECT on the whole table.
bool may_read_place(const ObjectInfo& info) {
  const Oid relid = info.relid;
  return pg_call([&] {
    return get_rel_relkind(relid) == RELKIND_RELATION &&
           pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
  });
}

std::string load_statement(const ObjectInfo& info, const std::vector<const ColumnInfo*>& columns,
                           bool lock) {
  std::string arrays, names, match, order;
  for (std::size_t i = 0; i < info.key.size(); ++i) {
    const ColumnInfo& key = info.columns[info.key[i]];
    const std::string number = std::to_string(i + 1);
    const char* comma = i == 0 ? "" : ", ";
    arrays += comma + ("pg_catalog.unnest($" + number + "::pg_catalog.text[])");
    names += comma + ("k" + number);
    if (i > 0) match += " AND ";
    match +=
        "t." + key.quoted + " " + key.equals + " u.k" + number + "::" + cast_name(key.base_type);
    order += comma + ("t." + key.quoted);
  }
  std::string sql = "SELECT u.place, t.\"_version\", ";
  sql += may_read(info, info.modified_at_attnum)
             ? "(EXTRACT(epoch FROM t.\"_modified_at\") OPERATOR(pg_catalog.*) "
               "1000000)::pg_catalog.int8"
             : "0::pg_catalog.int8";
  sql += lock && may_read_place(info) ? ", t.ctid" : ", NULL::pg_catalog.tid";
  for (const std::size_t index : info.key) sql += ", t." + info.columns[index].quoted;
  for (const ColumnInfo* column : columns) sql += ", t." + column->quoted;
  sql += " FROM ROWS FROM (" + arrays + ") WITH ORDINALITY AS u(" + names + ", place) JOIN " +
         info.qualified + " AS t ON " + match;
  sql += " ORDER BY " + order;
  if (lock) sql += " FOR NO KEY UPDATE OF t";
  return sql;
}

Params key_params(const std::vector<RecordState>& records, const Places& places) {
  const ObjectInfo& info = records[places.front()].object->info;
  Params params;
  for (std::size_t k = 0; k < info.key.size(); ++k) {
    std::vector<std::optional<std::string>> values;
    for (std::size_t place : places) values.emplace_back(records[place].key_texts[k]);
    params.push_back(Param::text_array(values));
  }
  return params;
}

// As the row spells its key: what the client sent may be another text of an equal value (1.0 for
// 1.00, ADA for Ada in a citext).
std::string stored_id(const ObjectInfo& info, const Rows& rows, std::size_t row) {
  std::vector<const ColumnInfo*> key;
  std::vector<Datum> values;
  for (const std::size_t index : info.key) {
    bool is_null = false;
    values.push_back(rows.datum(row, first_key_place + static_cast<int>(key.size()), &is_null));
    key.push_back(&info.columns[index]);
  }
  return record_id_of(key, values.data());
}

void take_row(RecordState& record, const Rows& rows, std::size_t row,
              const std::vector<const ColumnInfo*>& columns) {
  const int first = first_key_place + static_cast<int>(record.object->info.key.size());
  record.stored_id = stored_id(record.object->info, rows, row);
  record.ctid = rows.text_or(row, 3, "");
  record.server.exists = true;
  record.server.version = rows.int8(row, 1).value_or(0);
  record.server.modified_at_us = rows.int8(row, 2).value_or(0);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    bool is_null = false;
    const Datum value = rows.datum(row, first + static_cast<int>(c), &is_null);
    std::string form;
    append_json_form(form, columns[c]->type, value, is_null);
    // Object members within arrays or composites do not occur, so the form is canonical as it is.
    record.server.values[columns[c]->name] = std::move(form);
  }
}

std::vector<const ColumnInfo*> wanted_columns(const PushObject& object,
                                              const ColumnsWanted& wanted) {
  std::vector<const ColumnInfo*> columns;
  const auto names = wanted.find(&object);
  for (const ColumnInfo& column : object.info.columns) {
    if (names != wanted.end() && names->second.count(column.name) > 0) {
      columns.push_back(&column);
    }
  }
  return columns;
}

bool may_lock(const ObjectInfo& info) {
  const Oid relid = info.relid;
  return pg_call([&] {
    return pg_class_aclcheck(relid, GetUserId(), ACL_UPDATE) == ACLCHECK_OK ||
           pg_attribute_aclcheck_all(relid, GetUserId(), ACL_UPDATE, ACLMASK_ANY) == ACLCHECK_OK;
  });
}

Places read_rows(Spi& spi, std::vector<RecordState>& records, const Places& places,
                 const std::vector<const ColumnInfo*>& columns, bool lock) {
  if (places.empty()) return {};
  const ObjectInfo& info = records[places.front()].object->info;
  std::vector<char> found(places.size(), 0);
  Rows rows = spi.execute_by_key(load_statement(info, columns, lock), key_params(records, places));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row % 1000 == 999) check_interrupts();
    const auto index = static_cast<std::size_t>(*rows.int8(row, 0) - 1);
    found[index] = 1;
    take_row(records[places[index]], rows, row, columns);
  }
  rows.release();
  Places missing;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (found[i] == 0) missing.push_back(places[i]);
  }
  return missing;
}

// Locks and reads; gives the records it could not lock, read without. One that was deleted and
// inserted again while we waited for its lock is there without having been locked: try again.
Places lock_rows(Spi& spi, std::vector<RecordState>& records, const Places& places,
                 const std::vector<const ColumnInfo*>& columns) {
  Places gone, unlocked = places;
  for (int round = 0; round < lock_rounds_max; ++round) {
    unlocked = read_rows(spi, records, unlocked, columns, true);
    const Places missing = read_rows(spi, records, unlocked, columns, false);
    for (std::size_t place : missing) records[place].server = ServerState{};
    gone.insert(gone.end(), missing.begin(), missing.end());
    Places visible;
    for (std::size_t place : unlocked) {
      if (records[place].server.exists) visible.push_back(place);
    }
    unlocked = std::move(visible);
    if (unlocked.empty()) break;
  }
  unlocked.insert(unlocked.end(), gone.begin(), gone.end());
  return unlocked;
}

void load_rows(Spi& spi, std::vector<RecordState>& records, const Places& places,
               const ColumnsWanted& wanted) {
  const PushObject& object = *records[places.front()].object;
  const std::vector<const ColumnInfo*> columns = wanted_columns(object, wanted);
  const bool lockable = may_lock(object.info);
  Places to_lock, plain;
  for (std::size_t place : places) {
    records[place].server = ServerState{};
    records[place].ctid.clear();
    records[place].not_lockable = false;
    (records[place].lock_wanted && lockable ? to_lock : plain).push_back(place);
  }
  const Places unlocked = lock_rows(spi, records, to_lock, columns);
  read_rows(spi, records, plain, columns, false);
  plain.insert(plain.end(), unlocked.begin(), unlocked.end());
  for (std::size_t place : plain) {
    RecordState& record = records[place];
    record.not_lockable = record.lock_wanted && record.server.exists;
  }
}

// The newest delete of each record, in the log or pruned from it. The values of a row that was
// deleted from another table of the object's name, or under its former key, are nobody's ($4).
constexpr const char* deletes_sql = R"(
SELECT u.place, d.version, CASE WHEN $3 AND d.sequence > $4 THEN d.original END,
       CASE WHEN $3 AND d.original IS NOT NULL THEN
         (SELECT pg_catalog.jsonb_agg(r.value -> 'names' ORDER BY r.ordinality)
            FROM objectos_sync.objects o JOIN objectos_sync.shapes s USING (relid)
           CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(s.renames) WITH ORDINALITY r
           WHERE o.object = $1 AND (r.value ->> 'at')::bigint > d.sequence) END
  FROM pg_catalog.unnest($2::text[]) WITH ORDINALITY AS u(record_id, place)
 CROSS JOIN LATERAL (
   (SELECT m.version, m.original, m.sequence FROM objectos_sync.mutations m
     WHERE m.operation = 'delete' AND m.object = $1 AND m.record_id = u.record_id
     ORDER BY m.version DESC LIMIT 1)
   UNION ALL
   (SELECT t.version, NULL, NULL FROM objectos_sync.tombstones t
     WHERE t.object = $1 AND t.record_id = u.record_id)
   ORDER BY 1 DESC LIMIT 1) d)";

// The log names columns as they were, `renames` says what became of them since
// (objectos_sync.shapes); what the table has no more is left out.
FieldValues fields_of(const ObjectInfo& info, const std::string& text,
                      const std::optional<std::string>& renames) {
  const Json row = parse_json(text);
  const Json steps = parse_json(renames.value_or("[]"));
  FieldValues values;
  for (const auto& [old_name, value] : row.members()) {
    std::optional<std::string> name = old_name;
    for (const Json& step : steps.items()) {
      const Json* renamed = step.find(*name);
      if (renamed == nullptr) continue;
      if (renamed->is_null()) {
        name.reset();
        break;
      }
      name = renamed->text();
    }
    if (name && info.column(*name) != nullptr) values[*name] = canonical_json(value);
  }
  return values;
}

// What was deleted under its key matters to no one who edited the record as it stands.
bool is_as_edited(const RecordState& record) {
  return record.server.exists && record.mutations == 1 && record.edited == record.server.version;
}

void load_deletes(Spi& spi, std::vector<RecordState>& records, Places places) {
  const PushObject& object = *records[places.front()].object;
  std::erase_if(places, [&](std::size_t place) { return is_as_edited(records[place]); });
  if (places.empty()) return;
  std::vector<std::optional<std::string>> ids;
  for (std::size_t place : places) ids.emplace_back(records[place].record_id);
  // Under row-level security the deleted row may be one that the caller never saw, and no policy
  // can be asked about a row that is gone.
  const bool comes_back =
      object.rules.deletes == DeleteRule::update_wins && !object.info.row_security;
  Rows rows = spi.execute_by_key(deletes_sql,
                                 {Param::text(object.info.object), Param::text_array(ids),
                                  Param::boolean(comes_back), Param::int8(object.info.rekeyed_at)});
  for (std::size_t row = 0; row < rows.size(); ++row) {
    ServerState& server = records[places[static_cast<std::size_t>(*rows.int8(row, 0) - 1)]].server;
    server.last_delete_version = rows.int8(row, 1);
    if (server.exists) continue;
    if (const auto original = rows.text(row, 2)) {
      server.deleted_values = fields_of(object.info, *original, rows.text(row, 3));
    }
  }
  rows.release();
}

std::map<std::string, Places> by_object(const std::vector<RecordState>& records) {
  std::map<std::string, Places> groups;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].key_texts.empty()) continue;
    groups[records[i].object->info.object].push_back(i);
  }
  return groups;
}

}  // namespace

void load_records(std::vector<RecordState>& records, const ColumnsWanted& wanted) {
  const std::map<std::string, Places> groups = by_object(records);
  with_spi([&](Spi& spi) {
    for (const auto& [object, places] : groups) load_rows(spi, records, places, wanted);
  });
  as_owner([&] {
    with_spi([&](Spi& spi) {
      for (const auto& [object, places] : groups) load_deletes(spi, records, places);
    });
  });
  const std::int64_t now = pg_call([] {
    return static_cast<std::int64_t>(GetCurrentTimestamp()) +
           (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * INT64CONST(86400000000);
  });
  for (RecordState& record : records) record.server.now_us = now;
}

void reload_record(RecordState& record, const ColumnsWanted& wanted) {
  std::vector<RecordState> one;
  one.push_back(record);
  load_records(one, wanted);
  record = std::move(one.front());
}

}  // namespace objectos::server
