// What callers of the C API say in JSON: parameters and statements of SQL.
#pragma once

#include <string>
#include <vector>

#include "objectos/value.h"

namespace objectos::c_api {

struct SqlStatement {
  std::string sql;
  std::vector<Value> parameters;
};

// An array of null, booleans (0, 1), numbers and texts. Throws Error usage/"bad_parameters".
std::vector<Value> values_from_json(const std::string& text);

// An array of {sql, parameters}. Throws Error usage/"bad_parameters".
std::vector<SqlStatement> statements_from_json(const std::string& text);

}  // namespace objectos::c_api
