// Binary COPY values become the wire forms of docs/types.md.
#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "engine/backoff.h"
#include "engine/copy_decoder.h"
#include "engine/error_classes.h"
#include "objectos/error.h"

using namespace objectos;

namespace {

class TextSink final : public RowSink {
 public:
  void bind_null() override { text += "NULL,"; }
  void bind_int64(std::int64_t value) override { text += std::to_string(value) + ","; }
  void bind_double(double value) override { text += format_float8(value) + ","; }
  void bind_text(std::string_view value) override { text += std::string(value) + ","; }
  void bind_blob(std::string_view value) override { text += std::string(value) + ","; }
  void end_row() override { text += ";"; }
  std::string text;
};

// Two rows (42, 'Ada') and (-1, NULL), then the trailer.
constexpr char kBytes[] =
    "PGCOPY\n\377\r\n\0"
    "\0\0\0\0"
    "\0\0\0\0"
    "\0\2"
    "\0\0\0\4"
    "\0\0\0\52"
    "\0\0\0\3"
    "Ada"
    "\0\2"
    "\0\0\0\4"
    "\377\377\377\377"
    "\377\377\377\377"
    "\377\377";
const std::string kStream(kBytes, sizeof kBytes - 1);

}  // namespace

TEST_CASE("dates before Christ, infinite and beyond the year 9999 keep their meaning") {
  CHECK(format_date(0) == "2000-01-01");
  CHECK(format_date(-1) == "1999-12-31");
  CHECK(format_date(59) == "2000-02-29");
  CHECK(format_date(-730'119) == "0001-01-01");
  CHECK(format_date(-730'120) == "0001-12-31 BC");
  CHECK(format_date(2'921'940) == "10000-01-01");
  CHECK(format_date(std::numeric_limits<std::int32_t>::max()) == "infinity");
  CHECK(format_date(std::numeric_limits<std::int32_t>::min()) == "-infinity");
}

TEST_CASE("timestamps lose trailing zeros of their fraction and nothing else") {
  CHECK(format_timestamp(0, false) == "2000-01-01T00:00:00");
  CHECK(format_timestamp(-1, true) == "1999-12-31T23:59:59.999999+00:00");
  CHECK(format_timestamp(500'000, false) == "2000-01-01T00:00:00.5");
}

TEST_CASE("floats are written with the shortest digits that read back the same") {
  CHECK(format_float8(0.1 + 0.2) == "0.30000000000000004");
  CHECK(format_float4(0.1f) == "0.1");
  CHECK(format_float8(1e20) == "1e+20");
  CHECK(format_float8(-0.0) == "-0");
}

TEST_CASE("numerics keep every digit") {
  CHECK(format_numeric(std::string_view("\0\1\0\0\0\0\0\2\0\1", 10)) == "1.00");
  CHECK(format_numeric(std::string_view("\0\1\377\377\100\0\0\2\11\304", 10)) == "-0.25");
  CHECK(format_numeric(std::string_view("\0\0\0\0\300\0\0\0", 8)) == "NaN");
}

TEST_CASE("a COPY stream may be cut anywhere and decodes to the same rows") {
  for (std::size_t cut = 0; cut <= kStream.size(); ++cut) {
    TextSink sink;
    CopyDecoder decoder({{"id", CopyFormat::int4, false}, {"name", CopyFormat::text, false}}, sink);
    decoder.feed(std::string_view(kStream).substr(0, cut));
    decoder.feed(std::string_view(kStream).substr(cut));
    decoder.finish();
    CHECK(sink.text == "42,Ada,;-1,NULL,;");
  }
}

TEST_CASE("a COPY stream that ends early or has other columns is refused") {
  TextSink sink;
  CopyDecoder one({{"id", CopyFormat::int4, false}}, sink);
  CHECK_THROWS_AS(one.feed(kStream), Error);
  CopyDecoder two({{"id", CopyFormat::int4, false}, {"name", CopyFormat::text, false}}, sink);
  two.feed(std::string_view(kStream).substr(0, 40));
  CHECK_THROWS_AS(two.finish(), Error);
}

TEST_CASE("the pause doubles up to its bound and starts over after a success") {
  Backoff backoff(1'000, 300'000);
  for (int i = 0; i < 20; ++i) CHECK(backoff.next_delay_ms(0.999999) <= 300'000);
  CHECK(backoff.bound_ms() == 300'000);
  backoff.reset();
  CHECK(backoff.bound_ms() == 1'000);
  CHECK(backoff.next_delay_ms(0.0) == 100);
}

TEST_CASE("each SQLSTATE falls into the class that decides what the loop does") {
  CHECK(classify_sqlstate("") == ErrorClass::transient);
  CHECK(classify_sqlstate("40001") == ErrorClass::transient);
  CHECK(classify_sqlstate("57P01") == ErrorClass::transient);
  CHECK(classify_sqlstate("28P01") == ErrorClass::auth);
  CHECK(classify_sqlstate("42501") == ErrorClass::auth);
  CHECK(classify_sqlstate("OS001") == ErrorClass::resync);
  CHECK(classify_sqlstate("OS003") == ErrorClass::fork);
  CHECK(classify_sqlstate("OS013") == ErrorClass::upgrade);
  CHECK(classify_sqlstate("OS004") == ErrorClass::usage);
  CHECK(classify_sqlstate("23505") == ErrorClass::rejected);
}
