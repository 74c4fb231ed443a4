// What the file takes the server to hold, its server image: the base image of a record where
// something is queued, its row elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>

#include "protocol/record_digest.h"

namespace objectos {

struct ImageRow {
  std::string json;
  std::optional<int64_t> version;
};

// Records whose first `bits` bits of their place are one of `buckets`; bits 0: all.
struct WantedBuckets {
  int bits = 0;
  std::unordered_set<uint64_t> buckets;
  bool holds(uint64_t place) const {
    return bits == 0 || buckets.count(bucket_of(place, bits)) > 0;
  }
};

// Reads it in one snapshot of the file, in which its connection stays until this is destroyed: no
// writes through that connection meanwhile. Each call reads the object once.
class ImageReader {
 public:
  using VisitDigest = std::function<void(std::string record_id, const Digest& digest)>;
  virtual ~ImageReader() = default;
  // Of the parts of the wanted buckets, digest_step_bits finer.
  virtual BucketSums sums(const std::string& object, const WantedBuckets& wanted) = 0;
  // A row whose key is NULL goes by the id "\0", which no server gives.
  virtual void digests(const std::string& object, const WantedBuckets& wanted,
                       const VisitDigest& visit) = 0;
};

}  // namespace objectos
