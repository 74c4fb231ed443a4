// What a live query tells: SyncEngine::watch(). Plain data.
#pragma once

#include <string>
#include <vector>

#include "objectos/value.h"

namespace objectos {

struct ChangedRow {
  Row before, after;
};

// The query's result now, and how it differs from the one told before. Rows are matched by the
// object's key where the result has all its columns and no two rows share it; otherwise a row that
// changed is one removed and one added. A change of order alone is told too, with no differences.
struct QueryChange {
  bool first = false;  // the whole result, all of it in `added`
  std::vector<std::string> columns;
  std::vector<Row> rows;  // in the query's order
  std::vector<Row> added, removed;
  std::vector<ChangedRow> changed;
  // Not empty: the query cannot be run any more (its table is gone); rows are the last ones. Told
  // once; when it can be run again, the next call says so with an empty error.
  std::string error;
};

}  // namespace objectos
