// Counting code points in UTF-8, eight bytes at a time.
//
// On valid UTF-8 (is_valid_utf8 in json.h) these are the code points that length() counts in
// PostgreSQL and SQLite. On other bytes the numbers mean nothing, but no byte beyond the text is
// read and no offset beyond it returned.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace objectos {

// How many code points the text has.
std::size_t count_points(std::string_view text) noexcept;

struct PointsOffset {
  std::size_t bytes = 0;    // where the code points end
  std::size_t missing = 0;  // how many of them the text does not have
};

// Where the first `points` code points of the text end.
PointsOffset points_offset(std::string_view text, std::size_t points) noexcept;

// So many code points of the text, or all of it: for messages, which stay valid UTF-8.
inline std::string_view first_points(std::string_view text, std::size_t points) noexcept {
  return text.substr(0, points_offset(text, points).bytes);
}

}  // namespace objectos
