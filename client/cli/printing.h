// How JSON and numbers reach standard output.
#pragma once

#include <cstdint>
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

// "1 record", "2 records".
inline std::string counted(std::int64_t count, const std::string& what) {
  return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

}  // namespace objectos::cli
