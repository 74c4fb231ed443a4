// The text forms of binary values: dates, timestamps, numerics, floats, uuids.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "engine/copy_decoder.h"
#include "objectos/error.h"

namespace objectos {

namespace {

constexpr std::int64_t kMicrosPerDay = 86'400'000'000;
constexpr std::int64_t kDaysTo2000 = 730'425;  // from 0000-03-01 to 2000-01-01, proleptic

struct CivilDate {
  std::int64_t year;  // astronomical: 0 is 1 BC
  int month, day;
};

// Days since 2000-01-01 to a proleptic Gregorian date. Source: Howard Hinnant,
// "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
CivilDate civil_from_days(std::int64_t days_since_2000) {
  std::int64_t z = days_since_2000 + kDaysTo2000;
  std::int64_t era = (z >= 0 ? z : z - 146'096) / 146'097;
  std::int64_t day_of_era = z - era * 146'097;
  std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  CivilDate date{};
  date.day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  date.month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  date.year = year_of_era + era * 400 + (date.month <= 2 ? 1 : 0);
  return date;
}

struct Moment {
  std::int64_t days, rest;  // rest: microseconds of the day, never negative
};

Moment split(std::int64_t microseconds) {
  Moment moment{microseconds / kMicrosPerDay, microseconds % kMicrosPerDay};
  if (moment.rest < 0) {
    moment.rest += kMicrosPerDay;
    --moment.days;
  }
  return moment;
}

std::string date_digits(const CivilDate& date) {
  long long year = date.year > 0 ? date.year : 1 - date.year;
  char text[48];
  std::snprintf(text, sizeof text, "%04lld-%02d-%02d", year, date.month, date.day);
  return text;
}

std::uint16_t u16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>((static_cast<unsigned char>(bytes[at]) << 8) |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

// PostgreSQL's choice between 123000 and 1.23e+20 (float8out, float4out with shortest digits):
// scientific below 1e-4 and from `limit` decimal digits before the point on.
template <typename Float>
std::string format_float(Float value, int limit) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  char text[64];
  auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  std::string_view scientific(text, static_cast<std::size_t>(end - text));
  int exponent = std::atoi(std::string(scientific.substr(scientific.find('e') + 1)).c_str());
  if (value == 0 || (exponent >= -4 && exponent < limit)) {
    end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed).ptr;
    return std::string(text, end);
  }
  return std::string(scientific);
}

}  // namespace

std::string format_date(std::int32_t days) {
  if (days == std::numeric_limits<std::int32_t>::max()) return "infinity";
  if (days == std::numeric_limits<std::int32_t>::min()) return "-infinity";
  CivilDate date = civil_from_days(days);
  return date_digits(date) + (date.year <= 0 ? " BC" : "");
}

std::size_t put_timestamp(std::int64_t microseconds, bool with_zone, char (&text)[kShortText]) {
  Moment moment = split(microseconds);
  CivilDate date = civil_from_days(moment.days);
  if (date.year < 1 || date.year > 9999) return 0;
  char* out = text;
  auto put = [&out](int value, int digits, char after) {
    for (int i = digits - 1; i >= 0; --i, value /= 10) out[i] = static_cast<char>('0' + value % 10);
    out += digits;
    if (after != '\0') *out++ = after;
  };
  put(static_cast<int>(date.year), 4, '-');
  put(date.month, 2, '-');
  put(date.day, 2, 'T');
  int seconds = static_cast<int>(moment.rest / 1'000'000);
  int fraction = static_cast<int>(moment.rest % 1'000'000);
  put(seconds / 3600, 2, ':');
  put(seconds / 60 % 60, 2, ':');
  put(seconds % 60, 2, fraction != 0 ? '.' : '\0');
  if (fraction != 0) {
    put(fraction, 6, '\0');
    while (out[-1] == '0') --out;
  }
  if (with_zone) {
    std::memcpy(out, "+00:00", 6);
    out += 6;
  }
  return static_cast<std::size_t>(out - text);
}

std::string format_timestamp(std::int64_t microseconds, bool with_zone) {
  if (microseconds == std::numeric_limits<std::int64_t>::max()) return "infinity";
  if (microseconds == std::numeric_limits<std::int64_t>::min()) return "-infinity";
  char short_text[kShortText];
  if (std::size_t length = put_timestamp(microseconds, with_zone, short_text)) {
    return {short_text, length};
  }
  Moment moment = split(microseconds);
  std::int64_t rest = moment.rest;
  CivilDate date = civil_from_days(moment.days);
  int seconds = static_cast<int>(rest / 1'000'000);
  int fraction = static_cast<int>(rest % 1'000'000);
  char clock[32];
  std::snprintf(clock, sizeof clock, "T%02d:%02d:%02d", seconds / 3600, seconds / 60 % 60,
                seconds % 60);
  std::string text = date_digits(date) + clock;
  if (fraction != 0) {
    std::snprintf(clock, sizeof clock, ".%06d", fraction);
    text += clock;
    while (text.back() == '0') text.pop_back();
  }
  if (with_zone) text += "+00:00";
  if (date.year <= 0) text += " BC";
  return text;
}

std::string format_float8(double value) {
  return format_float(value, 15);
}
std::string format_float4(float value) {
  return format_float(value, 6);
}

std::string format_numeric(std::string_view binary) {
  auto malformed = [] {
    return Error(ErrorClass::internal, "copy_malformed", "A binary numeric is malformed.");
  };
  if (binary.size() < 8) throw malformed();
  int count = u16(binary, 0);
  int weight = static_cast<std::int16_t>(u16(binary, 2));
  int sign = u16(binary, 4);
  int scale = u16(binary, 6);
  if (sign == 0xC000) return "NaN";
  if (sign == 0xD000) return "Infinity";
  if (sign == 0xF000) return "-Infinity";
  if (binary.size() != 8 + 2 * static_cast<std::size_t>(count)) throw malformed();
  auto group = [&](int index) {
    return index >= 0 && index < count ? u16(binary, 8 + 2 * static_cast<std::size_t>(index)) : 0;
  };
  std::string text = sign == 0x4000 ? "-" : "";
  char four[8];
  if (weight < 0) text += '0';
  for (int i = 0; i <= weight; ++i) {
    std::snprintf(four, sizeof four, i == 0 ? "%d" : "%04d", group(i));
    text += four;
  }
  if (scale == 0) return text;
  std::string fraction;
  for (int i = weight + 1; static_cast<int>(fraction.size()) < scale; ++i) {
    std::snprintf(four, sizeof four, "%04d", group(i));
    fraction += four;
  }
  return text + '.' + fraction.substr(0, static_cast<std::size_t>(scale));
}

std::size_t put_uuid(std::string_view bytes, char (&text)[kShortText]) {
  constexpr char kHex[] = "0123456789abcdef";
  char* out = text;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    auto byte = static_cast<unsigned char>(bytes[i]);
    *out++ = kHex[byte >> 4];
    *out++ = kHex[byte & 15];
  }
  return static_cast<std::size_t>(out - text);
}

std::string format_uuid(std::string_view bytes) {
  char text[kShortText];
  return {text, put_uuid(bytes, text)};
}

}  // namespace objectos
