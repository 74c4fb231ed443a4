#include "pg_ext/touched_records.h"

#include "pg_ext/filter_sql.h"
#include "pg_ext/json_form.h"
#include "pg_ext/table_owner.h"
#include "protocol/json.h"
#include "protocol/limits.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

const ColumnInfo* column_by_attnum(const ObjectInfo& object, const Json* attnum) {
  if (attnum == nullptr) return nullptr;
  for (const ColumnInfo& column : object.columns) {
    if (attnum->as_integer() == column.attnum) return &column;
  }
  return nullptr;
}

// The ids of the records with one of the values; one more than `most` if there are more. Read as
// the table's owner: those that the caller does not see must leave its file.
std::vector<std::string> records_with(Spi& spi, const ObjectInfo& object, const ColumnInfo& column,
                                      const Json& values, std::size_t most) {
  std::vector<const ColumnInfo*> key;
  std::string list;
  for (const std::size_t place : object.key) {
    key.push_back(&object.columns[place]);
    list += (list.empty() ? "t." : ", t.") + key.back()->quoted;
  }
  std::vector<std::optional<std::string>> texts;
  for (const Json& value : values.items()) texts.emplace_back(value.text());
  const std::string sql = "SELECT " + list + " FROM " + object.qualified + " AS t WHERE " +
                          compared_column(column) + " " + *equality_operator(column.base_type) +
                          " ANY ($1) LIMIT " + std::to_string(most + 1);
  std::vector<std::string> ids;
  as_table_owner(object.relid, [&] {
    as_pinned([&] {
      Rows rows = spi.execute(sql, {Param::array_of(column.base_type, std::move(texts))},
                              Access::read_only);
      std::vector<Datum> datums(key.size());
      for (std::size_t row = 0; row < rows.size(); ++row) {
        if (row % 1000 == 999) check_interrupts();
        bool is_null = false;
        for (std::size_t i = 0; i < key.size(); ++i) {
          datums[i] = rows.datum(row, static_cast<int>(i), &is_null);
        }
        ids.push_back(record_id_of(key, datums.data()));
      }
      rows.release();
    });
  });
  return ids;
}

}  // namespace

Touched touched_records(Spi& spi, const std::vector<LogRow>& rows, const View& view) {
  Touched touched;
  for (const LogRow& row : rows) {
    if (row.operation != "touch" || !row.record_id.empty()) continue;
    const ObjectView* const object = view.find(row.object);
    if (object == nullptr || row.sequence <= object->info.reshaped_at) continue;
    if (touched.too_large.count(row.object) > 0) continue;
    const Json data = parse_json(row.touched);
    const ColumnInfo* const column = column_by_attnum(object->info, data.find("attnum"));
    const Json* const values = data.find("values");
    const std::size_t room = limits::touched_records_max - touched.rows.size();
    std::vector<std::string> ids;
    const bool known =
        column != nullptr && values != nullptr && equality_operator(column->base_type);
    if (known) {
      ids = records_with(spi, object->info, *column, *values, room);
    }
    if (!known || ids.size() > room) {
      touched.too_large.insert(row.object);
      continue;
    }
    for (std::string& id : ids) {
      touched.rows.push_back(row);
      touched.rows.back().touched.clear();
      touched.rows.back().record_id = std::move(id);
    }
  }
  return touched;
}

}  // namespace objectos::server
