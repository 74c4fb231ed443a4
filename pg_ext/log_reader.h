// Reads the log in a snapshot: the rows that are new to a checkpoint, in sequence order.
//
// Direct index scans with the active snapshot; no planner, no statement, no rights asked (the log
// is the extension's own). Cost: rows beyond the last bound by the sequence index; late rows by the
// index of their transactions' batches (log_writer.h), jumping from one waiting xid to the next, so
// a page costs what it returns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg_ext/cut.h"

namespace objectos::server {

struct LogRow {
  std::int64_t sequence = 0;
  std::uint64_t xid = 0;
  std::string id;  // uuid text
  std::string client_id;
  std::optional<std::int64_t> client_sequence;  // set on a client's own mutation only
  std::string object;
  std::string record_id;
  std::string operation;
  std::vector<std::string> fields;  // the keys of an update's data
  std::string touched;              // the data of a touch that names no record (touch.h)
  std::int64_t version = 0;
  bool exact = false;
  std::int64_t batch_end = 0;  // on the first row of a batch: the sequence of its last one
};

struct LogPage {
  std::vector<LogRow> rows;
  bool has_more = false;
};

// At most `row_limit` new rows.
LogPage read_new_rows(const Checkpoint& checkpoint, const Cut& cut, std::size_t row_limit);

// The visible row with the highest sequence, and the one with exactly this sequence.
std::optional<LogRow> newest_log_row();
std::optional<LogRow> log_row_at(std::int64_t sequence);

std::uint64_t anchor_hash(const LogRow& row);

}  // namespace objectos::server
