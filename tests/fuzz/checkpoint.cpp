// decode_checkpoint: only what encode_checkpoint writes is read. The checksum is put right, so that
// the bytes reach what comes behind it.
#include "protocol/checkpoint.h"

#include "protocol/fnv.h"
#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

namespace {

void check(std::string_view text) {
  std::optional<Checkpoint> checkpoint;
  if (!fuzz::accepted([&] { checkpoint = decode_checkpoint(text); })) return;
  if (!checkpoint) {
    require(text == "0", "only 0 is never synced");
    return;
  }
  require(encode_checkpoint(*checkpoint) == text, "only its one written form is read");
  std::int64_t last = -1;
  for (const Segment& segment : checkpoint->segments) {
    require(segment.bound > last, "bounds ascend");
    last = segment.bound;
    std::uint64_t behind = 0;
    bool first = true;
    for (const XidRange& range : segment.inflight.ranges()) {
      require(range.lo <= range.hi, "a range has a beginning before its end");
      require(first || range.lo > behind + 1, "ranges neither overlap nor touch");
      require(checkpoint->waiting().contains(range.lo), "what a segment waits for is waited for");
      require(segment.bound == 0 || checkpoint->is_new(segment.bound, range.hi),
              "a row of a transaction that was in flight is new");
      behind = range.hi;
      first = false;
    }
  }
}

void check_advance(std::string_view text) {
  std::optional<Checkpoint> checkpoint;
  if (!fuzz::accepted([&] { checkpoint = decode_checkpoint(text); }) || !checkpoint) return;
  if (checkpoint->segments.size() > 50) return;
  XidRanges inflight;
  inflight.add(7, 9);
  for (const std::int64_t q : {checkpoint->last_bound() / 2, checkpoint->last_bound()}) {
    Checkpoint moved = *checkpoint;
    moved.advance(q, inflight);
    require(decode_checkpoint(encode_checkpoint(moved)) == moved, "what is made can be read");
    require(q < 1 || !moved.is_new(q, 10), "what was examined is not new");
    require(q < 1 || moved.is_new(q, 8), "unless its transaction was in flight");
  }
}

}  // namespace

FUZZ_TARGET(checkpoint) {
  check(input);
  std::string text(input.substr(0, input.rfind('.')));
  text += "." + to_hex64(fnv1a64(text));
  check(text);
  check_advance(text);
}
