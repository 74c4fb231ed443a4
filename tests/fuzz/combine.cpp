// Counters and sets: two clients' changes give the same in either order (a set by its elements:
// where both add the same one, their order is that of who came first). Base and the two clients'
// values as JSON texts, one a line.
#include "protocol/combine.h"

#include <set>

#include "protocol/json.h"
#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

namespace {

std::optional<std::string> canonical(std::string_view text) {
  std::optional<std::string> form;
  fuzz::accepted([&] { form = canonical_json(parse_json(text)); });
  return form;
}

// The elements, sorted and each once; texts that hold arrays taken for them.
std::set<std::string> elements_of(const std::string& text) {
  Json list = parse_json(text);
  if (list.is_string()) list = parse_json(list.text());
  std::set<std::string> elements;
  for (const Json& item : list.items()) elements.insert(canonical_json(item));
  return elements;
}

using Combine = std::optional<std::string> (*)(std::string_view, std::string_view,
                                               std::string_view);

// The value after both changes, in the order given; nothing if one of them does not combine.
std::optional<std::string> both(Combine combine, const std::string& base, const std::string& one,
                                const std::string& other) {
  const auto first = combine(base, one, base);
  return first ? combine(base, other, *first) : std::nullopt;
}

}  // namespace

FUZZ_TARGET(combine) {
  fuzz::Bytes bytes(input);
  const auto base = canonical(bytes.until('\n')), one = canonical(bytes.until('\n')),
             other = canonical(bytes.until('\n'));
  if (!base || !one || !other) return;
  require(combine_set(*base, *one, *base) == one, "an undisturbed set stays as it was sent");
  for (const Combine combine : {&combine_counter, &combine_set}) {
    const auto there = both(combine, *base, *one, *other);
    if (there) canonical(*there);
    if (*one == *base || *other == *base || *one == *other) continue;
    const auto back = both(combine, *base, *other, *one);
    if (!there || !back) continue;
    require(canonical(*there).has_value(), "the outcome is JSON");
    if (combine == &combine_counter && (*there == "null" || *back == "null")) continue;
    if (combine == &combine_counter)
      require(*there == *back, "two changes give the same in either order");
    else
      require(elements_of(*there) == elements_of(*back), "two changes give the same elements");
  }
}
