#include "protocol/object_rules.h"

#include <algorithm>

#include "protocol/json.h"

namespace objectos {

namespace {

constexpr std::string_view function_prefix = "function:";

// One part of a name at `at`, which moves behind it. Nothing if there is none.
std::optional<std::string> take_part(std::string_view text, std::size_t& at) {
  std::string part;
  if (at < text.size() && text[at] == '"') {
    for (++at; at < text.size(); ++at) {
      if (text[at] == '"') {
        ++at;
        if (at >= text.size() || text[at] != '"') {
          return part.empty() ? std::nullopt : std::optional(part);
        }
      }
      part += text[at];
    }
    return std::nullopt;  // not closed
  }
  for (; at < text.size() && text[at] != '.'; ++at) {
    const char c = text[at];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c < 0;
    const bool later = !part.empty() && ((c >= '0' && c <= '9') || c == '$');
    if (!letter && !later) return std::nullopt;
    part += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return part.empty() ? std::nullopt : std::optional(part);
}

std::string quoted(const std::string& part) {
  std::string out = "\"";
  for (char c : part) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

bool any_decides(const ObjectRules& rules, Strategy wanted) {
  const auto decides = [&](Strategy strategy) {
    const bool merges = strategy == Strategy::merge || strategy == Strategy::text;
    return (merges ? rules.on_conflict : strategy) == wanted;
  };
  return decides(rules.strategy) ||
         std::any_of(rules.fields.begin(), rules.fields.end(),
                     [&](const auto& field) { return decides(field.second); });
}

}  // namespace

const char* to_string(DeleteRule rule) noexcept {
  return rule == DeleteRule::update_wins ? "update_wins" : "deletion_wins";
}

std::optional<DeleteRule> parse_delete_rule(std::string_view name) noexcept {
  if (name == "deletion_wins") return DeleteRule::deletion_wins;
  if (name == "update_wins") return DeleteRule::update_wins;
  return std::nullopt;
}

std::optional<StrategyText> parse_strategy_text(std::string_view text) {
  if (const auto strategy = parse_strategy(text)) return StrategyText{*strategy, {}};
  if (!text.starts_with(function_prefix)) return std::nullopt;
  text.remove_prefix(function_prefix.size());
  std::size_t at = 0;
  std::optional<std::string> schema = take_part(text, at);
  if (!schema || at >= text.size() || text[at] != '.') return std::nullopt;
  ++at;
  std::optional<std::string> name = take_part(text, at);
  if (!name || at != text.size()) return std::nullopt;
  return StrategyText{Strategy::function, FunctionName{std::move(*schema), std::move(*name)}};
}

std::string quoted_name(const FunctionName& function) {
  return quoted(function.schema) + "." + quoted(function.name);
}

ObjectRules parse_object_rules(std::string_view strategy, std::string_view on_conflict,
                               std::string_view deletes, std::string_view fields) {
  ObjectRules rules;
  if (const auto parsed = parse_strategy_text(strategy)) {
    rules.strategy = parsed->strategy;
    if (parsed->function) rules.function = quoted_name(*parsed->function);
  }
  rules.on_conflict = parse_strategy(on_conflict).value_or(Strategy::lww);
  if (rules.on_conflict == Strategy::merge) rules.on_conflict = Strategy::lww;
  rules.deletes = parse_delete_rule(deletes).value_or(DeleteRule::deletion_wins);
  if (fields.empty()) return rules;
  const Json list = parse_json(fields);
  for (const auto& [name, value] : list.members()) {
    const auto parsed = parse_strategy_text(value.text());
    if (!parsed) continue;
    rules.fields[name] = parsed->strategy;
    if (parsed->function) rules.functions[name] = quoted_name(*parsed->function);
  }
  return rules;
}

bool uses_clocks(const ObjectRules& rules) {
  return any_decides(rules, Strategy::lww);
}

bool opens_conflicts(const ObjectRules& rules) {
  return any_decides(rules, Strategy::manual);
}

}  // namespace objectos
