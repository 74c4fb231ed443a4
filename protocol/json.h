// JSON as both sides exchange it.
//
// Invariants of a parsed value: numbers keep their text exactly (never a double); objects keep
// their order and hold no key twice; strings are valid UTF-8 without U+0000; no deeper than the
// limit. Parsing is iterative (RapidJSON's SAX reader), so depth costs no stack.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/limits.h"

namespace objectos {

struct JsonMember;

class Json {
 public:
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  using Members = std::vector<JsonMember>;
  using Items = std::vector<Json>;

  Json() noexcept;  // null
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();

  static Json boolean(bool value);
  static Json integer(std::int64_t value);
  // `text` must be a JSON number; its digits are kept.
  static Json number(std::string text);
  static Json string(std::string text);
  static Json array(Items items);
  static Json array();
  static Json object(Members members);
  static Json object();

  Kind kind() const noexcept { return kind_; }
  bool is_null() const noexcept { return kind_ == Kind::null; }
  bool is_boolean() const noexcept { return kind_ == Kind::boolean; }
  bool is_number() const noexcept { return kind_ == Kind::number; }
  bool is_string() const noexcept { return kind_ == Kind::string; }
  bool is_array() const noexcept { return kind_ == Kind::array; }
  bool is_object() const noexcept { return kind_ == Kind::object; }

  // false unless it is `true`.
  bool as_boolean() const noexcept { return boolean_; }
  // The string's content, or the number's digits; empty for other kinds.
  const std::string& text() const noexcept { return text_; }
  // The same, moved out: the value is not to be looked at afterwards.
  std::string take_text() noexcept { return std::move(text_); }
  // The number as int64; nothing if it is no number, has a fraction or exponent, or does not fit.
  std::optional<std::int64_t> as_integer() const noexcept;

  // Array items; empty for other kinds.
  const Items& items() const noexcept { return items_; }
  Items& items() noexcept { return items_; }
  // Object members in their order; empty for other kinds.
  const Members& members() const noexcept { return members_; }
  Members& members() noexcept { return members_; }
  // The member's value, or nullptr. Linear.
  const Json* find(std::string_view name) const noexcept;
  // Sets or appends a member; makes an object of a null.
  void set(std::string name, Json value);
  // Appends an item; makes an array of a null.
  void push_back(Json value);

  // Same kind, text and members in the same order.
  bool operator==(const Json& other) const noexcept;

 private:
  Kind kind_ = Kind::null;
  bool boolean_ = false;
  std::string text_;
  Items items_;
  Members members_;
};

// A member of an object: `for (const auto& [name, value] : json.members())`.
struct JsonMember {
  std::string name;
  Json value;
  bool operator==(const JsonMember& other) const noexcept = default;
};

struct JsonLimits {
  std::size_t bytes_max = limits::request_bytes_max;
  std::size_t string_bytes_max = limits::string_bytes_max;
  int depth_max = limits::json_depth_max;
};

// Parses one JSON text (surrounding white space allowed). Throws ProtocolError: OS005 for broken
// JSON, trailing bytes, duplicate keys, invalid UTF-8, lone surrogates, U+0000, too deep; OS007 for
// sizes. Messages name the byte offset.
Json parse_json(std::string_view text, const JsonLimits& limits = {});

// Text without white space, members in their order, numbers with their own digits. Escapes only
// \" \\ \b \f \n \r \t and \u00xx in lower-case hex for the other controls.
std::string write_json(const Json& value);
void append_json(std::string& out, const Json& value);

// As write_json, but the members of every object sorted by name (bytes): two values that differ
// only in the order of members have the same canonical text. Base of comparisons and fingerprints.
std::string canonical_json(const Json& value);
void append_canonical_json(std::string& out, const Json& value);

// The string as JSON text, with quotes.
void append_json_string(std::string& out, std::string_view text);
std::string json_string(std::string_view text);

// Valid UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool is_valid_utf8(std::string_view text) noexcept;

// A number by JSON's grammar, nothing before or after it.
bool is_json_number(std::string_view text) noexcept;

}  // namespace objectos
