// What the figures were measured on.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace bench {

// cpu, cores, memory_gib, kernel, postgresql, sqlite, compiler, objectos_sync: name and value.
std::vector<std::pair<std::string, std::string>> machine();

}  // namespace bench
