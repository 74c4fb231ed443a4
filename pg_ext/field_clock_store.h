// Clocks of fields under lww: who wrote a value last.
#pragma once

#include <string>
#include <vector>

#include "pg_ext/push_item.h"

namespace objectos::server {

// Fills `clocks` of the records whose object uses them. Call it with the records locked.
void load_clocks(const std::string& client_id, std::vector<RecordState>& records);

void store_clocks(const std::string& client_id, const std::vector<StoredClock>& clocks);

}  // namespace objectos::server
