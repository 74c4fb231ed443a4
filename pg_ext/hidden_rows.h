// Whether a constraint of a table may be broken by a row that the caller does not see.
#pragma once

#include <string>

namespace objectos::server {

// True when row-level security applies to the caller, or when a column of the constraint (of every
// column, where there is no constraint of that name) is not the caller's to SELECT. False where no
// table is named.
bool hides_rows(const std::string& schema, const std::string& table, const std::string& constraint);

}  // namespace objectos::server
