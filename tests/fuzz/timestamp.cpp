// parse_timestamp and format_timestamp: what is written is read as the same moment.
#include "protocol/timestamp.h"

#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

FUZZ_TARGET(timestamp) {
  if (const auto moment = parse_timestamp(input)) {
    require(input.size() < 64, "a moment's text is short");
    const std::string text = format_timestamp(*moment);
    require(text.size() == 27 && text.back() == 'Z', "the written form has one length");
    const auto again = parse_timestamp(text);
    require(again.has_value(), "what is written can be read");
    // An offset may lead out of the years that can be written.
    constexpr std::int64_t day_us = INT64_C(86400000000);
    require(*again == *moment || *again - *moment <= day_us, "as the same moment");
  }
  const auto any = static_cast<std::int64_t>(fuzz::Bytes(input).number(8));
  const auto clamped = parse_timestamp(format_timestamp(any));
  require(clamped.has_value(), "every number is written as a moment");
  require(parse_timestamp(format_timestamp(*clamped)) == clamped, "which is the same when read");
}
