#include "protocol/low_water.h"

#include <algorithm>
#include <limits>

namespace objectos {

namespace {

bool includes(const XidRanges& outer, const XidRanges& inner) {
  const auto& wide = outer.ranges();
  return std::all_of(inner.ranges().begin(), inner.ranges().end(), [&](const XidRange& range) {
    // Ranges of a set never touch, so an included one lies within a single range.
    auto after = std::upper_bound(wide.begin(), wide.end(), range.lo,
                                  [](std::uint64_t x, const XidRange& r) { return x < r.lo; });
    return after != wide.begin() && range.hi <= std::prev(after)->hi;
  });
}

}  // namespace

Segment low_water_segment(std::int64_t newest, const XidRanges& inflight, std::uint64_t xmax) {
  Segment segment{newest, inflight};
  segment.inflight.add(xmax, std::numeric_limits<std::uint64_t>::max());
  return segment;
}

bool covers(const Checkpoint& checkpoint, const Checkpoint& low_water) {
  if (checkpoint.last_bound() < low_water.last_bound()) return false;
  auto ours = checkpoint.segments.begin();
  for (const Segment& pruned : low_water.segments) {
    // Every segment of ours that holds sequences of this one, the one across its end included.
    while (ours != checkpoint.segments.end()) {
      if (!includes(pruned.inflight, ours->inflight)) return false;
      if (ours->bound >= pruned.bound) break;
      ++ours;
    }
    if (ours != checkpoint.segments.end() && ours->bound == pruned.bound) ++ours;
  }
  return true;
}

std::optional<std::size_t> newest_covered(const std::vector<Checkpoint>& samples,
                                          const std::vector<Checkpoint>& clients) {
  std::size_t count = samples.size();
  for (const Checkpoint& client : clients) {
    while (count > 0 && !covers(client, samples[count - 1])) --count;
  }
  if (count == 0) return std::nullopt;
  return count - 1;
}

}  // namespace objectos
