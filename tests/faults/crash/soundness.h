// What must be so of the database when the calls are over.
#pragma once

#include <string>
#include <vector>

#include "tests/faults/session.h"

namespace faults {

// A device in SQL (tests/regress/include/replica.sql) that pulls before the run and after it.
void begin_witness(Session& session);
// Each says what is wrong; empty when nothing is.
std::vector<std::string> differences_of_witness(Session& session);
std::vector<std::string> problems_of_status(Session& session);
// The command clones into a file, which is compared with the tables.
std::vector<std::string> differences_of_clone(Session& session);

}  // namespace faults
