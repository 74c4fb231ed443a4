#include "protocol/timestamp.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace objectos {

namespace {

// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z.
constexpr std::int64_t first_moment_us = -62'135'596'800'000'000;
constexpr std::int64_t last_moment_us = 253'402'300'799'999'999;

struct Cursor {
  std::string_view rest;
  bool ok = true;

  int digits(int count) {
    int value = 0;
    for (int i = 0; i < count; ++i) {
      if (rest.empty() || rest[0] < '0' || rest[0] > '9') {
        ok = false;
        return 0;
      }
      value = value * 10 + (rest[0] - '0');
      rest.remove_prefix(1);
    }
    return value;
  }
  bool accept(char c) {
    if (rest.empty() || rest[0] != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  void expect(char c) { ok = accept(c) && ok; }
};

std::int64_t fraction(Cursor& in) {
  if (!in.accept('.')) return 0;
  std::int64_t value = 0;
  int count = 0;
  for (; !in.rest.empty() && in.rest[0] >= '0' && in.rest[0] <= '9'; ++count) {
    if (count < 6) value = value * 10 + (in.rest[0] - '0');
    in.rest.remove_prefix(1);
  }
  if (count == 0 || count > 9) in.ok = false;
  for (int i = count; i < 6; ++i) value *= 10;
  return value;
}

int offset_minutes(Cursor& in) {
  if (in.rest.empty() || in.accept('Z') || in.accept('z')) return 0;
  int sign = in.accept('-') ? -1 : 1;
  if (sign == 1) in.expect('+');
  int hours = in.digits(2);
  bool colon = in.accept(':');
  int minutes = colon || !in.rest.empty() ? in.digits(2) : 0;
  if (hours > 15 || minutes > 59) in.ok = false;
  return sign * (hours * 60 + minutes);
}

}  // namespace

std::optional<std::int64_t> parse_timestamp(std::string_view text) noexcept {
  Cursor in{text};
  int year = in.digits(4);
  in.expect('-');
  int month = in.digits(2);
  in.expect('-');
  int day = in.digits(2);
  if (!in.accept('T')) in.expect(' ');
  int hour = in.digits(2);
  in.expect(':');
  int minute = in.digits(2);
  in.expect(':');
  int second = in.digits(2);
  std::int64_t micros = in.ok ? fraction(in) : 0;
  int offset = in.ok ? offset_minutes(in) : 0;
  std::chrono::year_month_day date{std::chrono::year(year),
                                   std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day))};
  if (!in.ok || !in.rest.empty() || year == 0 || !date.ok() || hour > 23 || minute > 59 ||
      second > 59) {
    return std::nullopt;
  }
  std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  std::int64_t seconds = days * 86400 + hour * 3600 + (minute - offset) * 60 + second;
  return seconds * 1'000'000 + micros;
}

std::string format_timestamp(std::int64_t microseconds) {
  using namespace std::chrono;
  microseconds = std::clamp(microseconds, first_moment_us, last_moment_us);
  sys_time<std::chrono::microseconds> moment{std::chrono::microseconds(microseconds)};
  auto day = floor<days>(moment);
  year_month_day date{day};
  std::int64_t rest = (moment - day).count();
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", int(date.year()),
                unsigned(date.month()), unsigned(date.day()), int(rest / 3'600'000'000LL),
                int(rest / 60'000'000 % 60), int(rest / 1'000'000 % 60), int(rest % 1'000'000));
  return text;
}

}  // namespace objectos
