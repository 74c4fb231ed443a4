// FNV-1a, 64 bit (Fowler, Noll, Vo; draft-eastlake-fnv): fingerprints and checksums against
// accident, never against an adversary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace objectos {

inline constexpr std::uint64_t fnv_offset = 14695981039346656037ULL;

// Hash of `bytes`, continued from `seed`.
constexpr std::uint64_t fnv1a64(std::string_view bytes, std::uint64_t seed = fnv_offset) noexcept {
  std::uint64_t hash = seed;
  for (char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 1099511628211ULL;
  }
  return hash;
}

// 16 lower-case hex digits.
std::string to_hex64(std::uint64_t value);

// Exactly 16 lower-case hex digits, or nothing.
std::optional<std::uint64_t> parse_hex64(std::string_view text) noexcept;

}  // namespace objectos
