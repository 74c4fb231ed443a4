// The statements that write user tables, as the calling role: one for a whole run of mutations
// that do the same to different records.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pg_ext/push_item.h"
#include "pg_ext/push_origin.h"
#include "pg_ext/spi.h"

namespace objectos::server {

struct PushAuthor {
  std::string client_id;
  std::optional<std::string> user_id;
  std::optional<std::string> device;
  const HmacSha256* seal = nullptr;  // none: an unsigned push
};

struct AppliedLink {
  std::int64_t sequence = 0;
  std::int64_t version = 0;
  std::string seal;
};

struct Applied {
  bool hit = false;          // a row was inserted, updated or deleted
  bool captured = false;     // and the log has it (a no-op has no log row)
  bool texts_moved = false;  // a trigger made other texts of what was written
  std::int64_t sequence = 0;
  std::int64_t version = 0;
  std::string seal;
  std::vector<AppliedLink> links = {};  // of the write's, where it was captured
};

// What one mutation writes. Points to what outlives the call.
struct Write {
  const PushItem* item;
  const RecordState* record;
  const Decision* decision;
  std::vector<const PushItem*> links = {};  // earlier edits of the record's texts, written with it
};

// Whether one statement can do both: same object, same action, same columns.
bool same_statement(const Write& one, const Write& other);

// A run's statement did not do all of it and does not tell what it left out: a trigger skipped an
// insert. Every mutation is to be applied by itself then.
struct RunUnclear {};

// Applies a run, which is not empty: all do the same, to different records, in their order. Updates
// and deletes name the version they were decided on; not hit means that the row is another one by
// now. Throws RunUnclear, never for a run of one.
std::vector<Applied> apply(Spi& spi, const PushAuthor& author, const std::vector<Write>& run);

}  // namespace objectos::server
