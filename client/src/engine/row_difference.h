// What differs between two results of one query. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "objectos/live_query.h"

namespace objectos {

struct RowDifference {
  std::vector<Row> added, removed;
  std::vector<ChangedRow> changed;
};

// Rows are the same by the columns of `key`, if there are any and on neither side two rows have the
// same values in them; else by all their values, as often as they occur. In the order of `after`,
// the removed ones in that of `before`.
RowDifference row_difference(const std::vector<Row>& before, const std::vector<Row>& after,
                             const std::vector<std::size_t>& key);

}  // namespace objectos
