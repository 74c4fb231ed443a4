// What goes on around the calls: changes of the tables, which run capture, and DDL, which runs the
// event triggers.
#pragma once

#include <string>

#include "calls.h"

namespace faults {

// A statement that changes rows.
std::string change_of_rows(Dice& dice);
// A statement that changes a table, a partition, a right or a policy. For superusers.
std::string change_of_schema(Dice& dice);
// Statements that put a trigger function of the extension where it does not belong and set it off.
// To be rolled back.
std::vector<std::string> misplaced_trigger(Dice& dice, const Function& function);

}  // namespace faults
