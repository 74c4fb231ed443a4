// The options of objectos_open(): a JSON object, misspelt members refused.
#pragma once

#include <string>

#include "objectos/sync_engine.h"

namespace objectos::c_api {

// Throws Error usage/"bad_options".
Options options_from_json(const std::string& text);

}  // namespace objectos::c_api
