#include "protocol/record_digest.h"

#include <doctest/doctest.h>

#include <limits>
#include <set>
#include <vector>

using namespace objectos;

namespace {

struct Value {
  ValueKind kind;
  const char* json;
  bool in_key = false;
};

std::string image(const std::vector<Value>& values, const std::string& id = "1",
                  std::optional<std::int64_t> version = 7, std::uint64_t seed = 1) {
  RecordImage image(seed);
  image.begin(id, version);
  for (const Value& value : values) image.form(value.kind, value.in_key, value.json);
  return image.bytes();
}

template <typename Put>
std::string stored(Put put) {
  RecordImage image(1);
  image.begin("1", 7);
  put(image);
  return image.bytes();
}

}  // namespace

TEST_CASE("a value's JSON form and what SQLite stores of it make one image") {
  CHECK(image({{ValueKind::boolean, "true"}}) == stored([](auto& i) { i.integer(1); }));
  CHECK(image({{ValueKind::boolean, "false"}}) == stored([](auto& i) { i.integer(0); }));
  CHECK(image({{ValueKind::integer, "-9223372036854775808"}}) ==
        stored([](auto& i) { i.integer(std::numeric_limits<std::int64_t>::min()); }));
  CHECK(image({{ValueKind::real, "0.1"}}) == stored([](auto& i) { i.real(0.1); }));
  CHECK(image({{ValueKind::real, "5e-324"}}) == stored([](auto& i) { i.real(5e-324); }));
  CHECK(image({{ValueKind::real, "\"NaN\""}}) == stored([](auto& i) { i.text("NaN"); }));
  CHECK(image({{ValueKind::real, "0.10", true}}) == stored([](auto& i) { i.text("0.10"); }));
  CHECK(image({{ValueKind::numeric, "30.00"}}) == stored([](auto& i) { i.text("30.00"); }));
  CHECK(image({{ValueKind::text, "\"a\\n\\\"\""}}) == stored([](auto& i) { i.text("a\n\""); }));
  CHECK(image({{ValueKind::json, "\"{\\\"a\\\": 1}\""}}) ==
        stored([](auto& i) { i.text("{\"a\": 1}"); }));
  CHECK(image({{ValueKind::bytes, "\"\\\\x00ff\""}}) ==
        stored([](auto& i) { i.blob(std::string_view("\0\xff", 2)); }));
  CHECK(image({{ValueKind::bytes, "\"\\\\x\""}}) == stored([](auto& i) { i.blob(""); }));
  CHECK(image({{ValueKind::array, "[1, 2]"}}) == stored([](auto& i) { i.text("[1, 2]"); }));
  CHECK(image({{ValueKind::array, "\"[0:0]={1}\""}}) ==
        stored([](auto& i) { i.text("[0:0]={1}"); }));
  CHECK(image({{ValueKind::text, "null"}}) == stored([](auto& i) { i.null(); }));
}

TEST_CASE("two spellings of one double are one value, two of a numeric are two") {
  CHECK(image({{ValueKind::real, "0.1"}}) == image({{ValueKind::real, "0.1000000000000000055"}}));
  CHECK(image({{ValueKind::real, "1e2"}}) == image({{ValueKind::real, "100.0"}}));
  CHECK(image({{ValueKind::real, "-0"}}) == image({{ValueKind::real, "0"}}));
  CHECK(image({{ValueKind::numeric, "30"}}) != image({{ValueKind::numeric, "30.00"}}));
}

TEST_CASE("no two records share an image, however their parts are cut") {
  const std::vector<std::string> images = {
      image({{ValueKind::text, "null"}}),
      image({{ValueKind::text, "\"\""}}),
      image({{ValueKind::text, "\"null\""}}),
      image({}),
      image({{ValueKind::text, "\"a\""}, {ValueKind::text, "\"bc\""}}),
      image({{ValueKind::text, "\"ab\""}, {ValueKind::text, "\"c\""}}),
      image({{ValueKind::text, "null"}, {ValueKind::text, "\"c\""}}),
      image({{ValueKind::text, "\"c\""}, {ValueKind::text, "null"}}),
      image({{ValueKind::integer, "1"}}),
      image({{ValueKind::text, "\"1\""}}),
      image({{ValueKind::real, "1"}}),
      image({{ValueKind::bytes, "\"\\\\x31\""}}),
      image({{ValueKind::integer, "1"}}, "2"),
      image({{ValueKind::integer, "1"}}, "1", 8),
      image({{ValueKind::integer, "1"}}, "1", std::nullopt),
      image({{ValueKind::integer, "1"}}, "1", 7, 2),
  };
  CHECK(std::set<std::string>(images.begin(), images.end()).size() == images.size());
}

TEST_CASE("a sum of digests does not depend on order, carries, and is read back from its text") {
  const std::uint64_t all = ~std::uint64_t{0};
  const std::vector<Digest> digests = {{1, all}, {all, 2}, {7, 9}};
  BucketSum forward, backward;
  for (const Digest& digest : digests) forward.add(digest);
  for (auto digest = digests.rbegin(); digest != digests.rend(); ++digest) backward.add(*digest);
  CHECK(forward == backward);
  CHECK(forward.records == 3);
  CHECK(forward.digest == Digest{8, 10});  // 1 + all + 7 + carry; all + 2 + 9
  CHECK(to_hex(forward.digest) == "0000000000000008000000000000000a");
  CHECK(parse_digest(to_hex(forward.digest)) == forward.digest);
  CHECK(!parse_digest("8"));
  CHECK(!parse_digest(std::string(32, 'x')));
}

TEST_CASE("records spread evenly over buckets, and a deeper bucket lies in its parent") {
  BucketSums sums;
  for (int i = 0; i < 25'600; ++i) {
    const std::uint64_t place = place_of(3, std::to_string(i));
    sums[bucket_of(place, 8)].add(Digest{});
    const std::uint64_t parent = bucket_of(place, 16) >> 8;
    CHECK(parent == bucket_of(place, 8));
  }
  CHECK(sums.size() == 256);
  for (const auto& [bucket, sum] : sums) {
    CAPTURE(bucket);
    CHECK(sum.records > 50);
    CHECK(sum.records < 170);
  }
  CHECK(bucket_of(~std::uint64_t{0}, 0) == 0);
}
