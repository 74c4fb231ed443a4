#include "protocol/checkpoint.h"

#include <algorithm>
#include <limits>

namespace objectos {

void XidRanges::add(std::uint64_t lo, std::uint64_t hi) {
  if (lo > hi) return;
  auto first = ranges_.begin();
  while (first != ranges_.end() && first->hi < lo && lo - first->hi > 1) ++first;
  auto last = first;
  while (last != ranges_.end() && (last->lo <= hi || last->lo - hi == 1)) {
    lo = std::min(lo, last->lo);
    hi = std::max(hi, last->hi);
    ++last;
  }
  first = ranges_.erase(first, last);
  ranges_.insert(first, XidRange{lo, hi});
}

bool XidRanges::contains(std::uint64_t xid) const noexcept {
  auto after = std::upper_bound(ranges_.begin(), ranges_.end(), xid,
                                [](std::uint64_t x, const XidRange& r) { return x < r.lo; });
  return after != ranges_.begin() && xid <= std::prev(after)->hi;
}

bool Checkpoint::is_new(std::int64_t sequence, std::uint64_t xid) const noexcept {
  auto segment =
      std::lower_bound(segments.begin(), segments.end(), sequence,
                       [](const Segment& s, std::int64_t value) { return s.bound < value; });
  return segment == segments.end() || segment->inflight.contains(xid);
}

std::int64_t Checkpoint::last_bound() const noexcept {
  return segments.empty() ? 0 : segments.back().bound;
}

XidRanges Checkpoint::waiting() const {
  XidRanges all;
  for (const Segment& segment : segments) {
    for (const XidRange& range : segment.inflight.ranges()) all.add(range.lo, range.hi);
  }
  return all;
}

void Checkpoint::advance(std::int64_t q, const XidRanges& inflight) {
  auto later =
      std::find_if(segments.begin(), segments.end(), [q](const Segment& s) { return s.bound > q; });
  std::vector<Segment> next;
  next.push_back({q, inflight});
  for (; later != segments.end(); ++later) {
    if (next.back().inflight == later->inflight) {
      next.back().bound = later->bound;
    } else {
      next.push_back(*later);
    }
  }
  segments = std::move(next);
}

}  // namespace objectos
