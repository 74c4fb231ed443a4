// covers(): a checkpoint that covers low water has passed every row that low water has.
#include "protocol/low_water.h"

#include <set>

#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::Bytes;
using fuzz::require;

namespace {

XidRanges ranges_from(Bytes& bytes) {
  XidRanges ranges;
  for (int count = bytes.byte() % 5; count > 0; --count) {
    const std::uint64_t lo = bytes.byte();
    ranges.add(lo, lo + bytes.byte() % 16);
  }
  return ranges;
}

Checkpoint checkpoint_from(Bytes& bytes) {
  Checkpoint checkpoint;
  checkpoint.epoch = "00000000-0000-4000-8000-000000000000";
  std::int64_t bound = 0;
  for (int count = bytes.byte() % 4; count > 0; --count) {
    bound += 1 + bytes.byte() % 32;
    checkpoint.segments.push_back({bound, ranges_from(bytes)});
  }
  return checkpoint;
}

}  // namespace

FUZZ_TARGET(low_water) {
  Bytes bytes(input);
  const Checkpoint client = checkpoint_from(bytes);
  const std::int64_t newest = bytes.byte();
  const XidRanges inflight = ranges_from(bytes);
  const std::uint64_t xmax = bytes.byte();
  Checkpoint low = checkpoint_from(bytes);
  low.segments = {low_water_segment(newest, inflight, xmax)};
  require(covers(low, low), "low water covers itself");
  const bool covered = covers(client, low);
  for (std::int64_t sequence = 1; sequence < 160; sequence += 3) {
    for (std::uint64_t xid = 0; xid < 280; xid += 7) {
      const bool passed_by_low = !low.is_new(sequence, xid);
      if (covered && passed_by_low)
        require(!client.is_new(sequence, xid), "who covers low water has passed what it has");
      require(!passed_by_low || (!inflight.contains(xid) && xid < xmax && sequence <= newest),
              "low water passes nothing of a transaction that was running or came later");
    }
  }
  require(newest_covered({low}, {client}).has_value() == covered, "a sample is chosen iff covered");
  require(newest_covered({low}, {}).has_value(), "without clients any sample is");
}
