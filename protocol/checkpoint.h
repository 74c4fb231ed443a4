// The checkpoint: an MVCC cut of the server's log, as opaque text for the client.
//
// It is an ascending list of segments (bound, inflight). A log row that is visible in the reader's
// snapshot is new to it iff its sequence is beyond the last bound, or its xid is in the inflight
// set of the segment its sequence falls in. Why nothing is lost or repeated: a row with sequence <=
// bound was drawn before the snapshot of that bound was taken, so its writer was then committed
// (seen), aborted, or running (listed).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/limits.h"

namespace objectos {

// Transaction ids lo..hi, both included.
struct XidRange {
  std::uint64_t lo = 0;
  std::uint64_t hi = 0;
  bool operator==(const XidRange&) const = default;
};

// A set of transaction ids as sorted ranges that neither overlap nor touch.
class XidRanges {
 public:
  XidRanges() = default;
  // Adds lo..hi (lo <= hi, else nothing happens), coalescing.
  void add(std::uint64_t lo, std::uint64_t hi);
  void add(std::uint64_t xid) { add(xid, xid); }
  bool contains(std::uint64_t xid) const noexcept;
  bool empty() const noexcept { return ranges_.empty(); }
  const std::vector<XidRange>& ranges() const noexcept { return ranges_; }
  bool operator==(const XidRanges&) const = default;

 private:
  std::vector<XidRange> ranges_;
};

struct Segment {
  std::int64_t bound = 0;  // sequence
  XidRanges inflight;
  bool operator==(const Segment&) const = default;
};

// Fingerprint of the log row at (or before) the last bound.
struct Anchor {
  std::int64_t sequence = 0;
  std::uint64_t hash = 0;
  bool operator==(const Anchor&) const = default;
};

// Where the client stands with one object.
struct ObjectState {
  std::uint64_t view = 0;  // view fingerprint
  bool reading = false;    // in the middle of a re-read
  // While reading: the last record_id sent; nothing = none sent yet. Meaningless when done.
  std::optional<std::string> cursor;
  bool operator==(const ObjectState&) const = default;
};

struct Checkpoint {
  std::string epoch;  // uuid, 36 characters, lower case
  std::uint32_t timeline = 0;
  std::uint64_t lsn = 0;
  std::optional<Anchor> anchor;  // none if the log was empty
  std::vector<Segment> segments;
  std::uint64_t schema = 0;                    // schema fingerprint
  std::map<std::string, ObjectState> objects;  // by object name

  // Whether a visible log row with this sequence and top-level xid has not been examined yet.
  bool is_new(std::int64_t sequence, std::uint64_t xid) const noexcept;

  // The last bound; 0 without segments.
  std::int64_t last_bound() const noexcept;

  // All xids that any segment waits for, coalesced: rows at or below last_bound() that may be new.
  XidRanges waiting() const;

  // After a page that examined every new row up to sequence q in a snapshot with these xids in
  // flight: everything <= q becomes (q, inflight), later segments stay. Neighbours with equal
  // inflight sets are folded into one.
  void advance(std::int64_t q, const XidRanges& inflight);

  bool operator==(const Checkpoint&) const = default;
};

// "os1." and the fields, then a checksum. Deterministic.
std::string encode_checkpoint(const Checkpoint& checkpoint);

// Nothing for "0" (never synced). Strict: any other text that encode_checkpoint would not have
// written is OS002; longer than bytes_max is OS007.
std::optional<Checkpoint> decode_checkpoint(std::string_view text,
                                            std::size_t bytes_max = limits::checkpoint_bytes_max);

}  // namespace objectos
