// Exact arithmetic on decimal texts, as a counter needs it: an int8 or a numeric of any length
// loses no digit. Texts are those of PostgreSQL: sign, digits, fraction; no exponent.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace objectos {

// a + b with the larger scale of the two, as numeric does: "1.50" + "2" is "3.50". Nothing if one
// of them is no such text ("NaN", "1e5", "").
std::optional<std::string> decimal_sum(std::string_view a, std::string_view b);

// a - b, likewise.
std::optional<std::string> decimal_difference(std::string_view a, std::string_view b);

// Orders by value; nothing if one of them is no such text.
std::optional<int> decimal_compare(std::string_view a, std::string_view b);

}  // namespace objectos
