#include "pg_ext/record_scan.h"

#include <algorithm>

#include "pg_ext/json_form.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

constexpr std::uint64_t batch_rows = 1000;

}  // namespace

void scan_records(const ObjectView& object,
                  const std::function<void(const ScannedRecord&)>& visit) {
  std::vector<const ColumnInfo*> columns, key;
  std::vector<std::size_t> key_places;
  std::string list;
  for (const ColumnInfo& column : object.info.columns) {
    if (!column.selectable) continue;
    columns.push_back(&column);
    list += "t." + column.quoted + ", ";
  }
  for (const std::size_t place : object.info.key) {
    key.push_back(&object.info.columns[place]);
    key_places.push_back(static_cast<std::size_t>(
        std::find(columns.begin(), columns.end(), key.back()) - columns.begin()));
  }
  const std::size_t count = columns.size();
  std::vector<Datum> values(count + 1), key_values(key.size());
  std::vector<char> null_flags(count + 1);
  auto* nulls = reinterpret_cast<bool*>(null_flags.data());
  std::string record_id;
  const std::string sql = "SELECT " + list + "t._version FROM " + object.info.qualified + " AS t" +
                          object.filter_after(" WHERE ");
  const char* const text = sql.c_str();
  const Portal cursor = pg_call([&] {
    return SPI_cursor_open_with_args(nullptr, text, 0, nullptr, nullptr, nullptr, true, 0);
  });
  for (bool more = true; more;) {
    SPITupleTable* const rows = pg_call([&] {
      SPI_cursor_fetch(cursor, true, batch_rows);
      return SPI_tuptable;
    });
    more = rows->numvals == batch_rows;
    for (std::uint64_t row = 0; row < rows->numvals; ++row) {
      pg_call([&] { heap_deform_tuple(rows->vals[row], rows->tupdesc, values.data(), nulls); });
      for (std::size_t i = 0; i < key.size(); ++i) key_values[i] = values[key_places[i]];
      record_id = record_id_of(key, key_values.data());
      const std::int64_t version = nulls[count] ? 0 : static_cast<std::int64_t>(values[count]);
      visit({record_id, version, columns, values.data(), nulls});
    }
    pg_call([&] { SPI_freetuptable(rows); });
    check_interrupts();
  }
  pg_call([&] { SPI_cursor_close(cursor); });
}

}  // namespace objectos::server
