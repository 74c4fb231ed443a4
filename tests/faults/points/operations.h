// The database that the fault points are tried in, and the operations that are to fail there.
#pragma once

#include <string>
#include <vector>

#include "tests/faults/session.h"

namespace faults {

struct Operation {
  std::string name;
  std::string sql;   // its rows say the same each time it is run
  std::string role;  // who runs it
  std::string begin = "BEGIN";
  bool is_ddl = false;
};

// Makes objects, clients, verdicts, a log and an open conflict in the session's empty database.
void make_world(Session& session);

// Each can be run in the world as it was made, and rolled back. Never empty.
std::vector<Operation> operations(Session& session);

}  // namespace faults
