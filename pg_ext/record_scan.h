// Reads all records of an object in the active snapshot as the caller and by the
// client's filter, a batch at a time, in no
// order: one sequential scan, however many they are.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pg_ext/boundary.h"
#include "pg_ext/view.h"

namespace objectos::server {

struct ScannedRecord {
  const std::string& record_id;
  std::int64_t version;
  const std::vector<const ColumnInfo*>& columns;  // those the caller may read, by attnum
  const Datum* values;
  const bool* nulls;
};

// Within an SPI session.
void scan_records(const ObjectView& object, const std::function<void(const ScannedRecord&)>& visit);

}  // namespace objectos::server
