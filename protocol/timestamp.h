// Moments as microseconds since 1970-01-01T00:00:00Z, and their ISO 8601 text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace objectos {

// "2024-01-01T12:00:00.123456+00:00", also with a space for T, with Z, with any offset (±hh, ±hhmm,
// ±hh:mm), with 0 to 9 digits of fraction (cut to microseconds) and without an offset (UTC).
// Years 0001 to 9999, real days only. Anything else: nothing.
std::optional<std::int64_t> parse_timestamp(std::string_view text) noexcept;

// "2024-01-01T12:00:00.123456Z", always with six digits of fraction. What lies outside the years
// 0001 to 9999 (a broken clock) becomes their first or last moment, so that it can always be read
// again.
std::string format_timestamp(std::int64_t microseconds);

}  // namespace objectos
