// Digests by which a replica and its server find out where they differ, without sending rows.
//
// A record's image is a canonical text of bytes: a seed, the record's id, its version and its
// values, each as what SQLite stores of it (docs/types.md): null, integer, real, text or blob. Both
// sides make the same image of the same record: the client from typed columns and from base images,
// the server from the JSON form of values. So 0.1 and 0.1000000000000000055 are one double, 30 and
// 30.00 two numerics, and -0 is 0, since SQLite's REAL keeps no sign of zero.
//
// A record's digest is the first 128 bits of its image's SHA-256; a set of records has the sum of
// theirs modulo 2^128, whatever their order. Two sets that differ have the same sum with odds of
// 2^-128, drawn anew for every comparison by its seed.
//
// A record's place, 64 bits of its id alone, sorts records into buckets by its leading bits: order
// and collation of keys, which PostgreSQL and SQLite see differently, do not matter.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/value_kinds.h"

namespace objectos {

struct Digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  bool operator==(const Digest& other) const noexcept = default;
  Digest& operator+=(const Digest& other) noexcept;
};

Digest digest_of(std::string_view image);
std::string to_hex(const Digest& digest);  // 32 lower-case digits
std::optional<Digest> parse_digest(std::string_view text) noexcept;

// The image of one record after the other.
class RecordImage {
 public:
  explicit RecordImage(std::uint64_t seed) : seed_(seed) {}
  void begin(std::string_view record_id, std::optional<std::int64_t> version);
  void null();
  void integer(std::int64_t value);
  void real(double value);
  void text(std::string_view value);
  void blob(std::string_view value);
  // A value by its JSON form. Throws ProtocolError if it is none.
  void form(ValueKind kind, bool in_key, std::string_view json);
  const std::string& bytes() const noexcept { return bytes_; }
  Digest digest() const { return digest_of(bytes_); }

 private:
  void put(char tag, std::uint64_t number);
  std::uint64_t seed_;
  std::string bytes_;
};

// Where a record stands, and in which of 2^bits buckets that is (bits: 0 to 63).
std::uint64_t place_of(std::uint64_t seed, std::string_view record_id) noexcept;
std::uint64_t bucket_of(std::uint64_t place, int bits) noexcept;

// A bucket is looked at more closely by way of 256 in it.
inline constexpr int digest_step_bits = 8;
inline constexpr int digest_bits_max = 56;

struct BucketSum {
  std::int64_t records = 0;
  Digest digest;
  bool operator==(const BucketSum& other) const noexcept = default;
  void add(const Digest& one) noexcept;
  void add(const BucketSum& other) noexcept;
};

// By bucket; those that hold nothing are not there.
using BucketSums = std::map<std::uint64_t, BucketSum>;

}  // namespace objectos
