#include "pg_ext/record_reader.h"

#include <algorithm>

#include "pg_ext/json_form.h"
#include "protocol/errors.h"

#include "pg_ext/pg.h"

namespace objectos::server {
namespace {

constexpr std::size_t few_records = 50;

// The columns of the statement, in its order.
struct Projection {
  std::vector<const ColumnInfo*> columns;  // readable ones
  std::vector<const ColumnInfo*> key;
  std::vector<std::size_t> key_places;  // of the key's columns in `columns`
  std::string select_list;
};

Projection project(const ObjectView& object) {
  Projection p;
  for (const ColumnInfo& column : object.info.columns) {
    if (!column.selectable) continue;
    p.columns.push_back(&column);
    p.select_list += "t." + column.quoted + ", ";
  }
  for (const std::size_t place : object.info.key) {
    const ColumnInfo* column = &object.info.columns[place];
    p.key.push_back(column);
    p.key_places.push_back(static_cast<std::size_t>(
        std::find(p.columns.begin(), p.columns.end(), column) - p.columns.begin()));
  }
  p.select_list += "t._version, ";
  p.select_list +=
      object.modified_at_readable ? "t._modified_at, " : "NULL::pg_catalog.timestamptz, ";
  p.select_list += object.modified_by_readable ? "t._modified_by" : "NULL::pg_catalog.text";
  return p;
}

void hand_out(const Projection& p, const Rows& rows, const FieldsOf* fields, const Visit& visit) {
  const std::size_t count = p.columns.size();
  std::vector<Datum> values(count + 3);  // _version, _modified_at and _modified_by come last
  std::vector<char> null_flags(count + 3);
  auto* nulls = reinterpret_cast<bool*>(null_flags.data());
  std::vector<Datum> key(p.key.size());
  std::vector<const ColumnInfo*> some;
  std::vector<Datum> some_values;
  std::vector<char> some_nulls;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row % 1000 == 999) check_interrupts();
    rows.values(row, values.data(), nulls);
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = values[p.key_places[i]];
    RecordRow record;
    record.record_id = record_id_of(p.key, key.data());
    record.version = nulls[count] ? 0 : static_cast<std::int64_t>(values[count]);
    if (!nulls[count + 1]) record.modified_at = static_cast<std::int64_t>(values[count + 1]);
    record.modified_by = rows.text(row, static_cast<int>(count) + 2);
    const std::vector<std::string>* only =
        fields ? (*fields)(record.record_id, record.version) : nullptr;
    if (only == nullptr) {
      append_row_form(record.data, p.columns, values.data(), nulls);
    } else {
      some.clear();
      some_values.clear();
      some_nulls.clear();
      for (std::size_t i = 0; i < p.columns.size(); ++i) {
        if (std::find(only->begin(), only->end(), p.columns[i]->name) == only->end()) continue;
        if (p.columns[i]->merges_text && !nulls[i]) {
          record.texts.push_back({p.columns[i], {}});
          append_json_form(record.texts.back().value, p.columns[i]->type, values[i], false);
          continue;
        }
        some.push_back(p.columns[i]);
        some_values.push_back(values[i]);
        some_nulls.push_back(nulls[i]);
      }
      append_row_form(record.data, some, some_values.data(),
                      reinterpret_cast<const bool*>(some_nulls.data()));
    }
    if (!visit(std::move(record))) return;
  }
}

std::string array_literal(const std::vector<std::vector<std::string>>& keys, std::size_t place) {
  std::string out = "{";
  for (const std::vector<std::string>& key : keys) {
    if (out.size() > 1) out += ',';
    out += '"';
    for (const char c : key[place]) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  out += '}';
  return out;
}

Oid array_type_of(const ObjectInfo& object, const ColumnInfo& column) {
  const Oid type = pg_call([&] { return get_array_type(column.base_type); });
  if (type == InvalidOid) {
    throw ProtocolError(ErrorCode::object_not_supported,
                        "a key of type " + column.type_text + " cannot be pulled",
                        "Object " + object.object + ", column " + column.name + ".");
  }
  return type;
}

// A few records of a plain table are found by its key, by a plan that is made once: planning costs
// more than finding them. For many the planner may know better, and of a partitioned table it
// leaves the partitions out that it needs not open.
bool wants_kept_plan(Oid relid, std::size_t records) {
  return records <= few_records &&
         pg_call([&] { return get_rel_relkind(relid); }) == RELKIND_RELATION;
}

}  // namespace

void read_records(Spi& spi, const ObjectView& object, const std::vector<std::string>& record_ids,
                  const FieldsOf& fields, const Visit& visit) {
  if (record_ids.empty()) return;
  const Projection p = project(object);
  std::vector<std::vector<std::string>> keys;
  keys.reserve(record_ids.size());
  for (const std::string& id : record_ids) keys.push_back(key_input_texts(object.info, id));
  Params params;
  for (std::size_t i = 0; i < p.key.size(); ++i) {
    params.push_back(Param::of_type(array_type_of(object.info, *p.key[i]), array_literal(keys, i)));
  }
  std::string sql = "SELECT " + p.select_list + " FROM ";
  if (p.key.size() == 1) {
    sql += object.info.qualified + " AS t WHERE t." + p.key[0]->quoted + " " + p.key[0]->equals +
           " ANY ($1)";
  } else {
    sql += "ROWS FROM (";
    std::string names, condition;
    for (std::size_t i = 0; i < p.key.size(); ++i) {
      const std::string number = std::to_string(i + 1);
      sql += std::string(i ? ", " : "") + "pg_catalog.unnest($" + number + ")";
      names += (i ? ", k" : "k") + number;
      condition +=
          (i ? " AND t." : "t.") + p.key[i]->quoted + " " + p.key[i]->equals + " k.k" + number;
    }
    sql += ") AS k(" + names + ") JOIN " + object.info.qualified + " AS t ON " + condition;
  }
  sql += object.filter_after(" AND ");
  Rows rows = wants_kept_plan(object.info.relid, record_ids.size())
                  ? spi.execute_by_key(sql, params, Access::read_only)
                  : spi.execute(sql, params, Access::read_only);
  hand_out(p, rows, &fields, visit);
  rows.release();
}

void read_records_after(Spi& spi, const ObjectView& object,
                        const std::optional<std::string>& cursor, std::size_t row_limit,
                        const Visit& visit) {
  const Projection p = project(object);
  std::string order, left, right;
  for (std::size_t i = 0; i < p.key.size(); ++i) {
    order += (i ? ", t." : "t.") + p.key[i]->quoted;
    left += (i ? ", t." : "t.") + p.key[i]->quoted;
    right += (i ? ", $" : "$") + std::to_string(i + 1);
  }
  Params params;
  std::string sql = "SELECT " + p.select_list + " FROM " + object.info.qualified + " AS t";
  if (cursor) {
    const std::vector<std::string> texts = key_input_texts(object.info, *cursor);
    for (std::size_t i = 0; i < p.key.size(); ++i) {
      params.push_back(Param::of_type(p.key[i]->base_type, texts[i]));
    }
    sql += " WHERE (" + left + ") > (" + right + ")";
  }
  sql += object.filter_after(cursor ? " AND " : " WHERE ");
  // Planned anew with its values: a plan for any cursor and limit may sort the whole table.
  sql += " ORDER BY " + order + " LIMIT " + std::to_string(row_limit);
  Rows rows = spi.execute_once(sql, params, Access::read_only);
  hand_out(p, rows, nullptr, visit);
  rows.release();
}

}  // namespace objectos::server
