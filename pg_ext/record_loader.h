// Reads the records of a push as the caller, and locks those that updates want.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "pg_ext/push_item.h"

namespace objectos::server {

// Columns to read, per object.
using ColumnsWanted = std::map<const PushObject*, std::set<std::string>>;

// Fills `server` of all records that have key texts. Those with lock_wanted are locked FOR NO KEY
// UPDATE, in key order, objects by name: two pushes to the same records wait for one another and
// never deadlock. What the caller sees and may not lock gets not_lockable. Deletes of the records
// in the log are read afterwards, so they are no older than the rows.
void load_records(std::vector<RecordState>& records, const ColumnsWanted& wanted);

// The same for one record, again, with what happened since.
void reload_record(RecordState& record, const ColumnsWanted& wanted);

}  // namespace objectos::server
