#include "protocol/timestamp.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

using namespace objectos;

TEST_CASE("a moment is read in every usual ISO 8601 spelling") {
  constexpr std::int64_t noon = 1'704'110'400'000'000;  // 2024-01-01T12:00:00Z
  for (const char* text :
       {"2024-01-01T12:00:00Z", "2024-01-01T12:00:00z", "2024-01-01 12:00:00",
        "2024-01-01T12:00:00+00:00", "2024-01-01T12:00:00-00", "2024-01-01T17:45:00+0545",
        "2024-01-01T17:45:00+05:45", "2024-01-01T02:30:00-09:30", "2024-01-02T03:00:00+15",
        "2024-01-01T12:00:00.0Z", "2024-01-01T12:00:00.000000000+00:00"}) {
    CHECK_MESSAGE(parse_timestamp(text) == noon, text);
  }
  CHECK(parse_timestamp("2024-01-01T12:00:00.5Z") == noon + 500'000);
  CHECK(parse_timestamp("2024-01-01T12:00:00.123456789Z") == noon + 123'456);
  CHECK(parse_timestamp("2024-01-01T12:00:00.000001Z") == noon + 1);
}

TEST_CASE("moments before 1970 and at the ends of the calendar are exact") {
  CHECK(parse_timestamp("1970-01-01T00:00:00Z") == 0);
  CHECK(parse_timestamp("1969-12-31T23:59:59.999999Z") == -1);
  CHECK(parse_timestamp("0001-01-01T00:00:00Z") == -62'135'596'800'000'000);
  CHECK(parse_timestamp("9999-12-31T23:59:59.999999Z") == 253'402'300'799'999'999);
  CHECK(parse_timestamp("2000-02-29T00:00:00Z").has_value());
  CHECK(parse_timestamp("2024-02-29T00:00:00Z").has_value());
}

TEST_CASE("what is no moment of a client's clock is not read") {
  for (const char* text : {"",
                           "now",
                           "infinity",
                           "-infinity",
                           "0044-03-15T12:00:00 BC",
                           "0044-03-15T12:00:00Z BC",
                           "-0044-03-15T12:00:00Z",
                           "0000-01-01T00:00:00Z",
                           "10000-01-01T00:00:00Z",
                           "+10000-01-01T00:00:00Z",
                           "294276-12-31T00:00:00Z",
                           "2024-1-1T12:00:00Z",
                           "2024-00-01T12:00:00Z",
                           "2024-13-01T12:00:00Z",
                           "2024-01-00T12:00:00Z",
                           "2024-01-32T12:00:00Z",
                           "2023-02-29T12:00:00Z",
                           "1900-02-29T12:00:00Z",
                           "2024-01-01T24:00:00Z",
                           "2024-01-01T12:60:00Z",
                           "2024-01-01T12:00:60Z",
                           "2024-01-01T12:00Z",
                           "2024-01-01",
                           "20240101T120000Z",
                           "2024-01-01T12:00:00.Z",
                           "2024-01-01T12:00:00.1234567890Z",
                           "2024-01-01T12:00:00,5Z",
                           "2024-01-01T12:00:00ZZ",
                           "2024-01-01T12:00:00+",
                           "2024-01-01T12:00:00+1",
                           "2024-01-01T12:00:00+01:",
                           "2024-01-01T12:00:00+16:00",
                           "2024-01-01T12:00:00+01:60",
                           "2024-01-01T12:00:00 UTC",
                           " 2024-01-01T12:00:00Z",
                           "2024-01-01T12:00:00Z ",
                           "2024/01/01T12:00:00Z",
                           "2024-01-01T-1:00:00Z",
                           "2024-01-01t12:00:00Z"}) {
    CHECK_MESSAGE(!parse_timestamp(text), text);
  }
}

TEST_CASE("a moment is written in one form, which is read back as the same") {
  CHECK(format_timestamp(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(format_timestamp(-1) == "1969-12-31T23:59:59.999999Z");
  CHECK(format_timestamp(1'704'110'400'123'456) == "2024-01-01T12:00:00.123456Z");
  for (std::int64_t moment : {-62'135'596'800'000'000, 253'402'300'799'999'999, 951'782'400'000'000,
                              -2'203'891'200'000'001}) {
    CHECK(parse_timestamp(format_timestamp(moment)) == moment);
  }
}

TEST_CASE("a broken clock's moment is written as the calendar's first or last") {
  CHECK(format_timestamp(std::numeric_limits<std::int64_t>::max()) ==
        "9999-12-31T23:59:59.999999Z");
  CHECK(format_timestamp(std::numeric_limits<std::int64_t>::min()) ==
        "0001-01-01T00:00:00.000000Z");
}
