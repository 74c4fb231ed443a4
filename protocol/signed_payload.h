// What is signed, byte by byte, written once for both sides.
//
// A signature or proof is HMAC-SHA256, under the secret of a key, over a list of fields. Each field
// is its length as eight bytes, the highest first, and then its bytes, so no two lists have the
// same encoding. The first field is the domain: what is signed for one purpose says nothing for
// another.
//
//   signed mutation:  "objectos_sync mutation", protocol version, epoch, key id, client id, payload
//   proof of a login: "objectos_sync login", protocol version, epoch, key id, client id, challenge
//
// The payload is the JSON text of one mutation (protocol/messages.h), exactly as it is sent: other
// bytes are another message, and nothing has to be brought into a canonical form.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace objectos {

inline constexpr std::size_t signature_bytes = 32;

// Who signs, and for whom it counts.
struct Signer {
  std::string epoch;
  std::string key_id;  // a UUID, lower case, with dashes
  std::string client_id;
};

// A list of fields.
std::string signing_fields(std::initializer_list<std::string_view> fields);

// All of what is signed but the last field's bytes, which follow: its length is in.
std::string mutation_prefix(const Signer& signer, std::size_t payload_bytes);
std::string login_message(const Signer& signer, std::string_view challenge);

// Bytes as lower-case hexadecimal digits.
std::string hex_text(std::string_view bytes);
// Nothing for anything but an even number of lower-case digits: each value has one text only.
std::optional<std::string> bytes_of_hex(std::string_view text);

// Whether two texts are the same; the time it takes depends on their lengths alone.
bool equal_in_constant_time(std::string_view one, std::string_view other) noexcept;

// One element of a push in its signed form: {"key_id", "signature", "payload"}.
struct SignedMutation {
  std::string key_id;
  std::string signature;  // hexadecimal
  std::string payload;    // JSON text
};

void append_signed(std::string& out, const SignedMutation& signed_mutation);

// The contents of a key file: key id, colon, secret in hexadecimal; white space at the end is cut.
struct KeyText {
  std::string key_id;
  std::string secret;  // bytes
};
std::optional<KeyText> parse_key(std::string_view text);

}  // namespace objectos
