// The JSON forms of a row's values without their names (json_form.h).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pg_ext/catalog.h"

namespace objectos::server {

// One after the other; ends[i] is where the i-th one ends. One guard for the whole row.
void append_value_forms(std::string& out, std::size_t* ends,
                        const std::vector<const ColumnInfo*>& columns, const Datum* values,
                        const bool* nulls);

}  // namespace objectos::server
