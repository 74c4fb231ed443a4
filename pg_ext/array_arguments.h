// Array arguments of SQL functions. An element that is NULL is refused: 22004.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg_ext/boundary.h"

namespace objectos::server {

std::vector<std::string> text_array_argument(FunctionCall call, int index);
std::vector<std::int64_t> int8_array_argument(FunctionCall call, int index);

}  // namespace objectos::server
