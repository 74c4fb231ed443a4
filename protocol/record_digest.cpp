#include "protocol/record_digest.h"

#include <charconv>
#include <cstring>

#include "protocol/fnv.h"
#include "protocol/json.h"
#include "protocol/sha256.h"

namespace objectos {

namespace {

template <typename Number>
bool whole_number(std::string_view text, Number& number) noexcept {
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && at == end;
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The bytes of "\\x0aff", the JSON form of a bytea; nothing for another string.
std::optional<std::string> blob_of(std::string_view json) {
  constexpr std::string_view prefix = "\"\\\\x";
  if (json.substr(0, prefix.size()) != prefix || json.size() % 2 == 0) return std::nullopt;
  const std::string_view digits = json.substr(prefix.size(), json.size() - prefix.size() - 1);
  std::string bytes;
  bytes.reserve(digits.size() / 2);
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const int high = hex_value(digits[i]), low = hex_value(digits[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

}  // namespace

Digest& Digest::operator+=(const Digest& other) noexcept {
  low += other.low;
  high += other.high + (low < other.low ? 1 : 0);
  return *this;
}

Digest digest_of(std::string_view image) {
  const std::string hash = sha256(image);
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(hash[i]); };
  Digest digest;
  for (std::size_t i = 0; i < 8; ++i) {
    digest.high = digest.high << 8 | byte(i);
    digest.low = digest.low << 8 | byte(i + 8);
  }
  return digest;
}

std::string to_hex(const Digest& digest) {
  return to_hex64(digest.high) + to_hex64(digest.low);
}

std::optional<Digest> parse_digest(std::string_view text) noexcept {
  if (text.size() != 32) return std::nullopt;
  const auto high = parse_hex64(text.substr(0, 16)), low = parse_hex64(text.substr(16));
  if (!high || !low) return std::nullopt;
  return Digest{*high, *low};
}

void RecordImage::put(char tag, std::uint64_t number) {
  char bytes[9] = {tag};
  for (int i = 0; i < 8; ++i) bytes[i + 1] = static_cast<char>(number >> (8 * i) & 255);
  bytes_.append(bytes, sizeof bytes);
}

void RecordImage::begin(std::string_view record_id, std::optional<std::int64_t> version) {
  bytes_.clear();
  put('s', seed_);
  text(record_id);
  if (version) {
    integer(*version);
  } else {
    null();
  }
}

void RecordImage::null() {
  bytes_ += 'n';
}

void RecordImage::integer(std::int64_t value) {
  put('i', static_cast<std::uint64_t>(value));
}

void RecordImage::real(double value) {
  if (value == 0) value = 0;  // -0, too
  std::uint64_t bits = 0;
  static_assert(sizeof bits == sizeof value);
  std::memcpy(&bits, &value, sizeof bits);
  put('r', bits);
}

void RecordImage::text(std::string_view value) {
  put('t', value.size());
  bytes_ += value;
}

void RecordImage::blob(std::string_view value) {
  put('b', value.size());
  bytes_ += value;
}

void RecordImage::form(ValueKind kind, bool in_key, std::string_view json) {
  std::int64_t whole = 0;
  double number = 0;
  if (json == "null") return null();
  if (!json.empty() && json[0] == '"') {
    if (kind == ValueKind::bytes) {
      if (const auto bytes = blob_of(json)) return blob(*bytes);
    }
    if (json.size() >= 2 && json.find('\\') == std::string_view::npos)
      return text(json.substr(1, json.size() - 2));
    return text(parse_json(json).text());
  }
  if (kind == ValueKind::boolean && (json == "true" || json == "false"))
    return integer(json == "true" ? 1 : 0);
  if (kind == ValueKind::integer && whole_number(json, whole)) return integer(whole);
  if (kind == ValueKind::real && !in_key && whole_number(json, number)) return real(number);
  text(json);
}

// FNV spreads its last bytes badly over the leading bits; the finalizer of splitmix64 (Steele, Lea,
// Flood 2014) mends that.
std::uint64_t place_of(std::uint64_t seed, std::string_view record_id) noexcept {
  std::uint64_t place = fnv1a64(record_id, fnv_offset ^ seed);
  place = (place ^ place >> 30) * 0xbf58476d1ce4e5b9ULL;
  place = (place ^ place >> 27) * 0x94d049bb133111ebULL;
  return place ^ place >> 31;
}

std::uint64_t bucket_of(std::uint64_t place, int bits) noexcept {
  return bits <= 0 ? 0 : place >> (64 - bits);
}

void BucketSum::add(const Digest& one) noexcept {
  ++records;
  digest += one;
}

void BucketSum::add(const BucketSum& other) noexcept {
  records += other.records;
  digest += other.digest;
}

}  // namespace objectos
