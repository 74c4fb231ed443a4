// How an object's conflicts are decided: what sync_enable() was told.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/field_merge.h"

namespace objectos {

enum class DeleteRule { deletion_wins, update_wins };
const char* to_string(DeleteRule rule) noexcept;
std::optional<DeleteRule> parse_delete_rule(std::string_view name) noexcept;

// A function's name: its parts as the catalog has them.
struct FunctionName {
  std::string schema;
  std::string name;
  bool operator==(const FunctionName&) const = default;
};

// A strategy as it is written: a name ("lww", "counter", …) or "function:schema.name", where the
// parts follow SQL: quoted with "…", else folded to lower case.
struct StrategyText {
  Strategy strategy = Strategy::merge;
  std::optional<FunctionName> function;  // of Strategy::function
};
std::optional<StrategyText> parse_strategy_text(std::string_view text);

// schema.name, both in double quotes.
std::string quoted_name(const FunctionName& function);

struct ObjectRules {
  Strategy strategy = Strategy::merge;
  Strategy on_conflict = Strategy::lww;  // used where the strategy is merge; never merge itself
  DeleteRule deletes = DeleteRule::deletion_wins;
  std::map<std::string, Strategy, std::less<>> fields = {};  // over `strategy`
  std::string function = {};                                 // quoted, where `strategy` is function
  std::map<std::string, std::string, std::less<>> functions = {};  // of fields, likewise
};

// From the texts that sync_enable() stored; `fields` is a JSON object {"column": "strategy"} or "".
ObjectRules parse_object_rules(std::string_view strategy, std::string_view on_conflict,
                               std::string_view deletes, std::string_view fields);

// Clocks of fields are kept for it: lww decides somewhere in it.
bool uses_clocks(const ObjectRules& rules);

// Conflicts of it may wait for a person.
bool opens_conflicts(const ObjectRules& rules);

}  // namespace objectos
