// The rows of _conflicts: what the server says of the conflicts that people decide.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sqlite_handle.h"

namespace objectos {

// Within a transaction. `conflict`: the JSON object that a pull sends.
void store_conflict(sqlite3* database, std::string_view conflict);
// The same for all that are open now. The log of how others ended may be lost, so they just go.
void store_open_conflicts(sqlite3* database, const std::vector<std::string>& conflicts);

}  // namespace objectos
