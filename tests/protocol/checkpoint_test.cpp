#include "protocol/checkpoint.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "protocol/errors.h"
#include "protocol/fnv.h"

using namespace objectos;

namespace {

const char* const kEpoch = "0a1b2c3d-0000-4000-8000-00000000000f";

XidRanges ranges(std::initializer_list<XidRange> items) {
  XidRanges set;
  for (const XidRange& item : items) set.add(item.lo, item.hi);
  return set;
}

// A checkpoint that uses every part of the text.
Checkpoint full_checkpoint() {
  Checkpoint checkpoint;
  checkpoint.epoch = kEpoch;
  checkpoint.timeline = 3;
  checkpoint.lsn = std::numeric_limits<std::uint64_t>::max();
  checkpoint.anchor = Anchor{12, 0xFEDCBA9876543210};
  checkpoint.segments = {{5, ranges({{7, 7}, {9, 12}})},
                         {std::numeric_limits<std::int64_t>::max(), {}}};
  checkpoint.schema = 17;
  checkpoint.objects["contacts"] = {1, false, {}};
  checkpoint.objects["Ünder.s;c:h%"] = {2, true, "[\"a/é\",1.5]"};
  checkpoint.objects["empty"] = {3, true, ""};
  checkpoint.objects["unread"] = {4, true, {}};
  return checkpoint;
}

// The error of decoding; "" if it decodes.
std::string error_of(const std::string& text) {
  try {
    decode_checkpoint(text);
  } catch (const ProtocolError& error) {
    return error.sqlstate();
  }
  return "";
}

// The text with one part replaced and the checksum made right again.
std::string forged(const std::string& from, const std::string& to) {
  std::string text = encode_checkpoint(full_checkpoint());
  text.resize(text.size() - 17);
  std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  return text + '.' + to_hex64(fnv1a64(text));
}

}  // namespace

TEST_CASE("a checkpoint comes back from its text as it was") {
  Checkpoint checkpoint = full_checkpoint();
  std::string text = encode_checkpoint(checkpoint);
  CHECK(decode_checkpoint(text) == checkpoint);
  CHECK(text.find_first_of(" \"'\\\n") == std::string::npos);
  Checkpoint least;
  least.epoch = kEpoch;
  CHECK(decode_checkpoint(encode_checkpoint(least)) == least);
}

TEST_CASE("'0' means never synced, an empty text does not") {
  CHECK_FALSE(decode_checkpoint("0").has_value());
  CHECK(error_of("") == "OS002");
}

TEST_CASE("a checkpoint with any character changed, cut off or added is refused") {
  std::string text = encode_checkpoint(full_checkpoint());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string edited = text;
    edited[i] = static_cast<char>(edited[i] ^ 1);
    CHECK(error_of(edited) == "OS002");
    if (i > 0) CHECK(error_of(text.substr(0, i)) == "OS002");
    CHECK(error_of(text.substr(0, i) + "0" + text.substr(i)) == "OS002");
  }
}

// trap: checkpoint-text
TEST_CASE("text that was never given out is an error, not a fresh start") {
  for (const char* text : {"00", "-1", "1", "0x0", " 0", "0 ", "null", "os1", "os1.", "NaN",
                           "99999999999999999999", "os2.a.b.c.d.e.f.g.0000000000000000"}) {
    CHECK_MESSAGE(error_of(text) == "OS002", text);
  }
  CHECK(error_of(std::string(limits::checkpoint_bytes_max + 1, 'x')) == "OS007");
}

TEST_CASE("a checkpoint with a right checksum but another spelling is refused") {
  CHECK(error_of(forged("os1.", "os1.")) == "");
  CHECK(error_of(forged(kEpoch, "0A1B2C3D-0000-4000-8000-00000000000F")) == "OS002");
  CHECK(error_of(forged(kEpoch, "0a1b2c3d000040008000-00000000000f0000")) == "OS002");
  CHECK(error_of(forged(kEpoch, "epoch")) == "OS002");
  CHECK(error_of(forged(kEpoch, "")) == "OS002");
  CHECK(error_of(forged(".3.", ".03.")) == "OS002");
  CHECK(error_of(forged(".3.", ".+3.")) == "OS002");
  CHECK(error_of(forged(".3.", ".4294967296.")) == "OS002");
  CHECK(error_of(forged("18446744073709551615", "18446744073709551616")) == "OS002");
  CHECK(error_of(forged("12-fedc", "12-FEDC")) == "OS002");
  CHECK(error_of(forged("12-fedc", "-12-fedc")) == "OS002");
  CHECK(error_of(forged("5:7-7,9-12", "5:9-12,7-7")) == "OS002");  // out of order
  CHECK(error_of(forged("5:7-7,9-12", "5:7-8,9-12")) == "OS002");  // touching
  CHECK(error_of(forged("5:7-7,9-12", "5:12-9")) == "OS002");
  CHECK(error_of(forged("5:7-7,9-12", "5:")) == "OS002");
  CHECK(error_of(forged("5:7-7,9-12;", "5;5;")) == "OS002");
  CHECK(error_of(forged(";9223372036854775807", ";4")) == "OS002");
  CHECK(error_of(forged("9223372036854775807", "9223372036854775808")) == "OS002");
  CHECK(error_of(forged("contacts:", "empty:")) == "OS002");  // twice
  CHECK(error_of(forged("contacts:", "zzz:")) == "OS002");    // out of order
  CHECK(error_of(forged("contacts:", "cont%61cts:")) == "OS002");
  CHECK(error_of(forged("contacts:", "contacts%:")) == "OS002");
  CHECK(error_of(forged(":d", ":d:x")) == "OS002");
  CHECK(error_of(forged(":d", ":x")) == "OS002");
}

TEST_CASE("ranges of transaction ids are joined where they touch or overlap") {
  CHECK(ranges({{5, 9}, {1, 3}}).ranges() == std::vector<XidRange>{{1, 3}, {5, 9}});
  CHECK(ranges({{5, 9}, {1, 3}, {4, 4}}).ranges() == std::vector<XidRange>{{1, 9}});
  CHECK(ranges({{5, 9}, {7, 20}, {2, 6}}).ranges() == std::vector<XidRange>{{2, 20}});
  CHECK(ranges({{1, 1}, {3, 3}, {5, 5}, {0, 9}}).ranges() == std::vector<XidRange>{{0, 9}});
  CHECK(ranges({{9, 5}}).empty());
  constexpr auto last = std::numeric_limits<std::uint64_t>::max();
  XidRanges all = ranges({{last, last}, {0, last - 1}});
  CHECK(all.ranges() == std::vector<XidRange>{{0, last}});
  CHECK(all.contains(0));
  CHECK(all.contains(last));
  XidRanges some = ranges({{5, 9}, {20, 20}});
  for (std::uint64_t xid = 0; xid < 30; ++xid) {
    CHECK(some.contains(xid) == ((xid >= 5 && xid <= 9) || xid == 20));
  }
}

TEST_CASE("a row is new beyond the last bound, or by a transaction its segment waits for") {
  Checkpoint checkpoint;
  CHECK(checkpoint.is_new(1, 1));
  checkpoint.segments = {{5, ranges({{7, 7}})}, {9, ranges({{8, 8}})}};
  CHECK(checkpoint.is_new(5, 7));
  CHECK_FALSE(checkpoint.is_new(5, 8));
  CHECK(checkpoint.is_new(6, 8));
  CHECK_FALSE(checkpoint.is_new(9, 7));
  CHECK(checkpoint.is_new(10, 1));
  CHECK(checkpoint.last_bound() == 9);
  CHECK(checkpoint.waiting() == ranges({{7, 8}}));
}

TEST_CASE("a page replaces what lies at or below it, and equal neighbours become one segment") {
  Checkpoint checkpoint;
  checkpoint.segments = {{5, ranges({{7, 7}})}, {9, ranges({{8, 8}})}};
  checkpoint.advance(6, ranges({{10, 11}}));
  CHECK(checkpoint.segments ==
        std::vector<Segment>{{6, ranges({{10, 11}})}, {9, ranges({{8, 8}})}});
  checkpoint.advance(7, ranges({{8, 8}}));
  CHECK(checkpoint.segments == std::vector<Segment>{{9, ranges({{8, 8}})}});
  checkpoint.advance(9, {});
  CHECK(checkpoint.segments == std::vector<Segment>{{9, {}}});
}
