// What the log still tells of a record since a version: for mutations without `original`.
#pragma once

#include <vector>

#include "pg_ext/push_item.h"

namespace objectos::server {

// Log rows looked at, from the newest: there is no index by record, and such mutations are few.
inline constexpr int history_rows_max = 10'000;

// Fills server.changed_since (and changes_from) of records that a mutation edited at another
// version than they have now, without saying what was there. Only where the log has all changes
// since: it holds the one that made the version edited, or it holds all since sync_enable() and the
// record had that version from it. Call it with the records loaded and locked.
void load_changes(std::vector<RecordState>& records, const std::vector<PushItem>& items);

}  // namespace objectos::server
