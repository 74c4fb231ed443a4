// Strategies and rules: a function's name comes back from its quoted form, whatever is in it. The
// strategy on the first line, on_conflict and deletes on the next, then the JSON of the fields.
#include "protocol/object_rules.h"

#include "tests/fuzz/fuzz.h"

using namespace objectos;
using fuzz::require;

namespace {

// Quoted as SQL does: one name from the first quote to the last.
bool is_quoted_name(std::string_view text) {
  for (int part = 0; part < 2; ++part) {
    if (text.empty() || text.front() != '"') return false;
    std::size_t at = 1;
    for (;; ++at) {
      if (at >= text.size()) return false;
      if (text[at] != '"') continue;
      if (at + 1 >= text.size() || text[at + 1] != '"') break;
      ++at;
    }
    text.remove_prefix(at + 1);
    if (part == 0) {
      if (text.empty() || text.front() != '.') return false;
      text.remove_prefix(1);
    }
  }
  return text.empty();
}

}  // namespace

FUZZ_TARGET(object_rules) {
  fuzz::Bytes bytes(input);
  const std::string_view strategy = bytes.until('\n'), on_conflict = bytes.until('\n'),
                         deletes = bytes.until('\n'), fields = bytes.rest();
  const auto parsed = parse_strategy_text(strategy);
  if (parsed && parsed->function) {
    const std::string quoted = quoted_name(*parsed->function);
    require(is_quoted_name(quoted), "a function's name is two quoted names and nothing else");
    const auto again = parse_strategy_text("function:" + quoted);
    require(again && again->function == parsed->function, "a quoted name is the same name");
  }
  if (const auto rule = parse_delete_rule(deletes))
    require(to_string(*rule) == deletes, "a rule comes back from its name");
  ObjectRules rules;
  if (!fuzz::accepted([&] { rules = parse_object_rules(strategy, on_conflict, deletes, fields); }))
    return;
  require(rules.on_conflict != Strategy::merge, "a conflict ends at something else than merge");
  require(rules.function.empty() || is_quoted_name(rules.function), "functions are quoted");
  for (const auto& [name, function] : rules.functions)
    require(is_quoted_name(function), "functions of fields are quoted");
  uses_clocks(rules);
  opens_conflicts(rules);
}
