// parse_json and write_json: what is accepted comes back the same, and is what the header says.
#include "protocol/json.h"

#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

namespace {

void check_value(const Json& value, int depth) {
  require(depth <= limits::json_depth_max, "no deeper than the limit");
  if (value.is_number()) require(is_json_number(value.text()), "a number is one by the grammar");
  if (value.is_string()) {
    require(is_valid_utf8(value.text()), "a string is UTF-8");
    require(value.text().find('\0') == std::string::npos, "a string has no NUL");
  }
  for (const Json& item : value.items()) check_value(item, depth + 1);
  const Json::Members& members = value.members();
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i < 50) require(value.find(members[i].name) == &members[i].value, "no key comes twice");
    check_value(members[i].value, depth + 1);
  }
}

void check_text(std::string_view input) {
  const bool holds = is_valid_utf8(input) && input.find('\0') == std::string_view::npos;
  const std::string text = json_string(input);
  Json back;
  const bool parsed = fuzz::accepted([&] { back = parse_json(text); });
  require(parsed == holds, "a text is JSON once quoted iff it is UTF-8 without NUL");
  if (parsed) require(back.is_string() && back.text() == input, "a quoted text comes back");
}

}  // namespace

FUZZ_TARGET(json) {
  if (input.size() < 4096) check_text(input);
  Json value;
  if (!fuzz::accepted([&] { value = parse_json(input); })) return;
  require(is_valid_utf8(input), "what is accepted is UTF-8");
  check_value(value, value.is_array() || value.is_object() ? 1 : 0);
  const std::string text = write_json(value);
  require(text.size() <= input.size() * 6, "the text grows by escapes at most");
  require(parse_json(text) == value, "what is written is read as the same");
  const std::string canonical = canonical_json(value);
  require(canonical.size() == text.size(), "the canonical text is the same, sorted");
  require(canonical_json(parse_json(canonical)) == canonical, "canonical is canonical");
  if (is_json_number(input)) require(value.is_number() && value.text() == input, "digits are kept");
  JsonLimits flat;
  flat.depth_max = 1;
  fuzz::accepted([&] { check_value(parse_json(input, flat), limits::json_depth_max - 1); });
}
