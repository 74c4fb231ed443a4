// Clocks of fields under lww: who wrote a value last. Table field_clocks has one row for a record:
//
//   [{"at":1764000000000000,"by":"<mutation id>","client":"phone-1","fields":{"name":"<hash>"}}]
//
// One entry for each mutation whose values still stand, with what it wrote. `at` is in microseconds
// since 1970; `by` is missing for a plain write. A client stands only with its numbered mutations:
// they are known to come in its order.
//
// Written under the record's lock, so what was read under it is what is replaced.
#pragma once

#include <string>
#include <vector>

#include "pg_ext/push_item.h"

namespace objectos::server {

// Fills `clocks` of the records whose object uses them. Call it with the records locked.
void load_clocks(const std::string& client_id, std::vector<RecordState>& records);

// Call it with the records locked, by load_clocks()' caller or later.
void store_clocks(const std::string& client_id, std::vector<RecordState>& records,
                  const std::vector<StoredClock>& clocks);

}  // namespace objectos::server
