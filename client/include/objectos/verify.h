// What comparing a replica with its server finds, and the history of a record. Plain data, as in
// types.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace objectos {

enum class DifferenceKind {
  missing,    // the server has the record, the file has not
  extra,      // the file has it, the server (as this user sees it) has not
  different,  // both have it, not alike
};

// The stable lower-case name ("missing", ...). Never null.
const char* difference_kind_name(DifferenceKind kind) noexcept;

struct RecordDifference {
  std::string object;
  std::string record_id;
  DifferenceKind kind = DifferenceKind::different;
  // Of a different one: the columns whose values differ, `_version` among them. Empty: what differs
  // is a value's type in SQLite, or the record's tag, by which a removal names it.
  std::vector<std::string> fields;
};

struct ObjectVerification {
  std::string object;
  std::int64_t server_records = 0;
  std::int64_t local_records = 0;  // of the file's server image: what it takes the server to hold
  std::int64_t missing = 0, extra = 0, different = 0;
  std::int64_t repaired = 0;
  std::vector<RecordDifference> differences;  // the first `differences_max` of them
};

struct VerifyOptions {
  bool repair = false;
  std::size_t differences_max = 1000;  // listed per object; all are counted and repaired
};

struct VerifyReport {
  std::vector<ObjectVerification> objects;
  std::int64_t differences = 0;  // in all objects
  std::int64_t repaired = 0;
  std::int64_t round_trips = 0;   // after the pull that comes first
  std::int64_t bytes = 0;         // of digests and rows received
  std::int64_t rows_fetched = 0;  // records whose values came from the server
};

// One step of a record, as the server's log has it.
struct HistoryEntry {
  std::int64_t sequence = 0;
  std::optional<std::int64_t> version;
  std::string operation;  // insert, update, delete
  std::string user_id;
  std::string client_id;  // empty: not by a sync
  std::string device;
  std::string mutation_id;
  std::string timestamp;  // ISO 8601, UTC
  std::string data;       // JSON object: the new values; empty for a delete
  std::string original;   // JSON object: what they replaced; of a delete the whole row
};

struct FieldDifference {
  std::string field;
  std::string base;   // JSON value on the server; empty: no row
  std::string local;  // JSON value in the file; empty: no row
};

// What pending work makes of a record: the local row against its base image.
struct RecordDiff {
  std::string object;
  std::string record_id;
  std::string operation;  // insert, update, delete; none: the edits cancel each other out
  std::vector<FieldDifference> fields;
};

}  // namespace objectos
