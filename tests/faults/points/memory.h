// Whether a session that fails over and over keeps its memory.
#pragma once

#include <string>
#include <vector>

#include "operations.h"

namespace faults {

struct MemoryFindings {
  std::string told;   // the figures
  std::string wrong;  // "" if it does
};

// `count` errors of all kinds in one session: injected, and of bad input. Its memory contexts and
// its process are measured after a thousand of them and at the end. Without DDL: PostgreSQL's
// catalog caches keep a little of every relation that ever was.
MemoryFindings errors_in_one_session(const std::vector<Operation>& all, long count);

}  // namespace faults
