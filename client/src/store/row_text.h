// A row as listeners get it: one JSON object, members in schema order, every column there.
#pragma once

#include <optional>
#include <string>

#include "json_slices.h"
#include "local_database.h"

namespace objectos {

// Empty for no row.
std::string row_text(const LocalObject& object, const std::optional<RawMembers>& row);

}  // namespace objectos
