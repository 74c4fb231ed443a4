// Reads records of an object in the active snapshot as the caller: row-level security and column
// rights apply by themselves, the client's filter stands in the statement. One statement per call;
// values leave as their JSON form.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pg_ext/spi.h"
#include "pg_ext/view.h"

namespace objectos::server {

struct RecordRow {
  std::string record_id;
  std::int64_t version = 0;
  std::optional<std::int64_t> modified_at;  // timestamptz
  std::optional<std::string> modified_by;
  std::string data;
  // Of some fields alone: texts that are no NULL, which are not in `data`.
  struct Text {
    const ColumnInfo* column;
    std::string value;  // its JSON form
  };
  std::vector<Text> texts;
};

// Which columns' values a record's data holds: all the caller may read if `fields` is null.
using FieldsOf = std::function<const std::vector<std::string>*(const std::string& record_id,
                                                               std::int64_t version)>;
// False ends the reading.
using Visit = std::function<bool(RecordRow&&)>;

void read_records(Spi& spi, const ObjectView& object, const std::vector<std::string>& record_ids,
                  const FieldsOf& fields, const Visit& visit);

// Up to `row_limit` records after the one named, in key order.
void read_records_after(Spi& spi, const ObjectView& object,
                        const std::optional<std::string>& cursor, std::size_t row_limit,
                        const Visit& visit);

}  // namespace objectos::server
