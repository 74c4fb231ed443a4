// How JSON reaches standard output.
#pragma once

#include <iostream>
#include <string>

#include "engine/public_json.h"

namespace objectos::cli {

inline void print(const Json& json) {
  std::cout << public_text(json) << '\n';
}

// A string's content, anything else as JSON.
inline std::string text_of(const Json& json) {
  return json.is_string() ? json.text() : write_json(json);
}

}  // namespace objectos::cli
