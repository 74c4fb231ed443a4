#include "protocol/signed_payload.h"

#include <cstdint>

#include "protocol/json.h"
#include "protocol/limits.h"
#include "protocol/messages.h"

namespace objectos {

namespace {

constexpr std::string_view mutation_domain = "objectos_sync mutation";
constexpr std::string_view login_domain = "objectos_sync login";

void append_length(std::string& out, std::size_t length) {
  const auto bits = static_cast<std::uint64_t>(length);
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>((bits >> shift) & 0xff);
}

void append_field(std::string& out, std::string_view field) {
  append_length(out, field.size());
  out += field;
}

std::string signer_fields(std::string_view domain, const Signer& signer) {
  return signing_fields({domain, std::to_string(limits::protocol_version), signer.epoch,
                         signer.key_id, signer.client_id});
}

int digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string signing_fields(std::initializer_list<std::string_view> fields) {
  std::size_t bytes = 0;
  for (const std::string_view field : fields) bytes += sizeof(std::uint64_t) + field.size();
  std::string out;
  out.reserve(bytes);
  for (const std::string_view field : fields) append_field(out, field);
  return out;
}

std::string mutation_prefix(const Signer& signer, std::size_t payload_bytes) {
  std::string out = signer_fields(mutation_domain, signer);
  append_length(out, payload_bytes);
  return out;
}

std::string login_message(const Signer& signer, std::string_view challenge) {
  std::string out = signer_fields(login_domain, signer);
  append_field(out, challenge);
  return out;
}

std::string hex_text(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out(bytes.size() * 2, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    out[2 * i] = digits[byte >> 4];
    out[2 * i + 1] = digits[byte & 15];
  }
  return out;
}

std::optional<std::string> bytes_of_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out(text.size() / 2, '\0');
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
    if ((high | low) < 0) return std::nullopt;
    out[i] = static_cast<char>(high << 4 | low);
  }
  return out;
}

bool equal_in_constant_time(std::string_view one, std::string_view other) noexcept {
  if (one.size() != other.size()) return false;
  volatile unsigned char differs = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    differs = static_cast<unsigned char>(differs | (one[i] ^ other[i]));
  }
  return differs == 0;
}

void append_signed(std::string& out, const SignedMutation& signed_mutation) {
  out += "{\"key_id\":";
  append_json_string(out, signed_mutation.key_id);
  out += ",\"signature\":";
  append_json_string(out, signed_mutation.signature);
  out += ",\"payload\":";
  append_json_string(out, signed_mutation.payload);
  out += '}';
}

std::optional<KeyText> parse_key(std::string_view text) {
  while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != std::string_view::npos) {
    text.remove_suffix(1);
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view id = text.substr(0, colon);
  const auto uuid = normalize_uuid(id);
  const auto secret = bytes_of_hex(text.substr(colon + 1));
  if (!uuid || *uuid != id || !secret || secret->size() != signature_bytes) return std::nullopt;
  return KeyText{*uuid, *secret};
}

}  // namespace objectos
