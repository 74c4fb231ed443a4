#include "protocol/code_points.h"

#include <algorithm>

namespace objectos {

namespace {

constexpr std::uint64_t ones = 0x0101010101010101U;
constexpr std::size_t word_bytes = sizeof(std::uint64_t);

bool begins_point(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U;
}

// A one in each byte that begins a code point, that is in all but 10xxxxxx.
std::uint64_t begins_of(const char* word) noexcept {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, word, word_bytes);
  return (~(bytes >> 7) | (bytes >> 6)) & ones;
}

// The sum of the eight bytes, which is below 256.
std::size_t sum_of(std::uint64_t bytes) noexcept {
  return static_cast<std::size_t>((bytes * ones) >> 56);
}

}  // namespace

std::size_t count_points(std::string_view text) noexcept {
  constexpr std::size_t words_max = 31;  // 8 * 31 < 256
  std::size_t count = 0, at = 0;
  while (text.size() - at >= word_bytes) {
    const std::size_t words = std::min((text.size() - at) / word_bytes, words_max);
    std::uint64_t sums = 0;
    for (std::size_t i = 0; i < words; ++i) sums += begins_of(text.data() + at + i * word_bytes);
    count += sum_of(sums);
    at += words * word_bytes;
  }
  for (; at < text.size(); ++at) count += begins_point(text[at]) ? 1 : 0;
  return count;
}

PointsOffset points_offset(std::string_view text, std::size_t points) noexcept {
  std::size_t at = 0, left = points;
  while (text.size() - at >= word_bytes) {
    const std::size_t begins = sum_of(begins_of(text.data() + at));
    if (begins > left) break;
    left -= begins;
    at += word_bytes;
  }
  for (; at < text.size(); ++at) {
    if (!begins_point(text[at])) continue;
    if (left == 0) break;
    --left;
  }
  return {at, left};
}

}  // namespace objectos
