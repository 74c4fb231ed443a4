// Text operations: whatever two are read and whatever text they are for, they are refused or obey
// the laws of docs/operational_transform.md. Lines: two operations as JSON; the rest is the text.
#include "protocol/json.h"
#include "protocol/operational_transform.h"
#include "protocol/text_operation_json.h"
#include "protocol/text_rope.h"
#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

namespace {

void check_written(const TextOperation& operation) {
  require(parse_text_operation(write_text_operation(operation)) == operation,
          "an operation is read as it was written");
}

// Both were made of `text`, which fits them.
void check_pair(std::string_view text, const TextOperation& a, const TextOperation& b) {
  const auto [a_after, b_after] = ot::transform_both(a, b, ot::Side::left);
  require(ot::transform(a, b, ot::Side::left) == a_after, "one result is that of both");
  const std::string by_a = ot::apply(text, a), both = ot::apply(by_a, b_after);
  require(ot::apply(ot::apply(text, b), a_after) == both, "both orders give the same text");
  require(ot::apply(text, ot::compose(a, b_after)) == both, "a composition does what its parts do");
  require(ot::apply(by_a, ot::invert(a, text)) == text, "the inverse takes an operation back");
  require(ot::apply(text, ot::diff(text, both)) == both, "a difference makes the other text");
  require(is_valid_utf8(both), "text stays text");
  TextRope rope(text);
  rope.apply(a);
  rope.apply(b_after);
  require(rope.text() == both, "a rope is edited as a string is");
  for (const TextOperation& one : {a_after, b_after, ot::compose(a, b_after), ot::invert(a, text)})
    check_written(one);
}

}  // namespace

FUZZ_TARGET(text_operation) {
  fuzz::Bytes bytes(input);
  TextOperation a, b;
  const std::string_view first = bytes.until('\n'), second = bytes.until('\n');
  const std::string_view text = bytes.rest();
  if (!fuzz::accepted([&] { a = parse_text_operation(first); })) return;
  if (!fuzz::accepted([&] { b = parse_text_operation(second); })) return;
  check_written(a);
  // Without a text: results may be refused for their size, and must be sound otherwise.
  fuzz::accepted([&] {
    const auto [a_after, b_after] = ot::transform_both(a, b, ot::Side::right);
    check_written(a_after);
    require(ot::compose(a, b_after).length_change() == ot::compose(b, a_after).length_change(),
            "both orders give texts of one length");
  });
  bool fits = fuzz::accepted([&] { ot::apply(text, a); });
  fits = fuzz::accepted([&] { ot::apply(text, b); }) && fits;
  if (fits) check_pair(text, a, b);
}
