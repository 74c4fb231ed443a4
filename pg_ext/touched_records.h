// Log rows of operation `touch` change nothing and say "look again": what decides who sees a record
// stands elsewhere and has changed (touch.cpp writes them).
//
// One with a record_id is of that record. One with an empty record_id is of all records with
// certain values in a column: its data is {"attnum": 3, "values": ["a", …]}, or {} for the whole
// object. Those records are looked up by the pull, in its snapshot: a record written at the same
// time as the membership that governs it, in another transaction, would be missed by whoever looked
// it up when the membership was written.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "pg_ext/log_reader.h"
#include "pg_ext/spi.h"
#include "pg_ext/view.h"

namespace objectos::server {

struct Touched {
  std::vector<LogRow> rows;         // a touch of each record, at the place of the row that says so
  std::set<std::string> too_large;  // objects to be read again whole instead
  bool empty() const { return rows.empty() && too_large.empty(); }
};

// What touches without a record_id among the rows come to in the active snapshot, whether the
// caller sees the records or not. Under pinned settings.
Touched touched_records(Spi& spi, const std::vector<LogRow>& rows, const View& view);

}  // namespace objectos::server
