// docs/conflicts.md is true: every cell of its table is decided as it says.
#include <doctest/doctest.h>

#include "protocol/conflict_detector.h"
#include "tests/protocol/conflict_cells.h"

using namespace objectos;
using conflict_cells::Cell;
using conflict_cells::Values;

namespace {

// The rules that a cell speaks of: its strategy, for fields and, where it can be one, as
// on_conflict.
std::vector<ObjectRules> rules_of(const Cell& cell) {
  const std::string name = cell.strategy.substr(0, cell.strategy.find(' '));
  std::vector<ObjectRules> list;
  for (DeleteRule deletes : {DeleteRule::deletion_wins, DeleteRule::update_wins}) {
    const bool names_rule = cell.client.find('`') != std::string::npos;
    if (names_rule && cell.client.find(to_string(deletes)) == std::string::npos) continue;
    if (name == "function") {
      list.push_back({Strategy::function, Strategy::lww, deletes, {}, "\"s\".\"f\"", {}});
      list.push_back({Strategy::merge,
                      Strategy::lww,
                      deletes,
                      {{"f", Strategy::function}},
                      "",
                      {{"f", "\"s\".\"f\""}}});
      continue;
    }
    const std::optional<Strategy> strategy = parse_strategy(name);
    REQUIRE(strategy);
    list.push_back({*strategy, Strategy::lww, deletes});
    list.push_back({Strategy::manual, Strategy::lww, deletes, {{"f", *strategy}}});
    if (*strategy != Strategy::counter && *strategy != Strategy::set)
      list.push_back({Strategy::merge, *strategy, deletes});
  }
  return list;
}

ServerState state_of(const Cell& cell, const Values& values) {
  ServerState state;
  state.exists = true;
  state.version = 2;
  state.values = {{"f", values.server}, {"g", "\"g\""}};
  state.modified_at_us = 40;
  state.now_us = 1'000;
  if (cell.server == "nothing") {
    state.version = 1;
    state.values["f"] = values.base;
  } else if (cell.server == "update of another field") {
    state.values["f"] = values.base;
  } else if (cell.server == "update to the same value") {
    state.values["f"] = values.client;
  } else if (cell.server == "delete, then insert") {
    state.last_delete_version = 2;
    state.version = 5;
  } else if (cell.server == "nothing (no such record)") {
    state.exists = false;
  } else if (cell.server.ends_with("delete")) {
    state.exists = false;
    state.last_delete_version = 2;
    state.deleted_values = FieldValues{{"f", values.server}, {"g", "\"g\""}};
  } else {
    REQUIRE((cell.server == "update of the field" || cell.server == "insert"));
  }
  if (!state.exists) state.values.clear();
  return state;
}

Edit edit_of(const Cell& cell, const Values& values) {
  const std::int64_t time = cell.strategy == "lww (earlier)" ? 30 : 50;
  Edit edit{Operation::update, "m", time, 1, {{"f", values.client}}, {{"f", values.base}}};
  if (cell.client.starts_with("insert")) {
    edit.operation = Operation::insert;
    edit.version.reset();
  } else if (cell.client.starts_with("delete")) {
    edit.operation = Operation::remove;
    edit.data.clear();
  } else if (cell.client == "update, its original unknown") {
    edit.original.clear();
  } else {
    REQUIRE(cell.client.starts_with("update"));
  }
  return edit;
}

std::string value_after(const Decision& decision, const ServerState& state) {
  const bool writes = decision.write.contains("f");
  switch (decision.action) {
    case Action::remove:
      return "gone";
    case Action::none:
      REQUIRE_FALSE(writes);
      return state.exists ? state.values.at("f") : "gone";
    case Action::insert:
    case Action::reinsert:
      return decision.write.at("f");
    case Action::update:
      return writes ? decision.write.at("f") : state.values.at("f");
  }
  return "";
}

}  // namespace

TEST_CASE("docs/conflicts.md: every cell of the table is what the detector decides") {
  const std::vector<Cell> cells = conflict_cells::read("docs/conflicts.md");
  CHECK(cells.size() == 16 * 8);
  for (const Cell& cell : cells) {
    const Values values = conflict_cells::values_of(cell.strategy);
    for (const ObjectRules& rules : rules_of(cell)) {
      CAPTURE(cell.client);
      CAPTURE(cell.server);
      CAPTURE(cell.strategy);
      const Edit edit = edit_of(cell, values);
      const ServerState state = state_of(cell, values);
      Decision decision = decide(edit, edit.version, state, rules, {});
      const std::vector<MergeCall> calls = decision.calls;
      for (const MergeCall& call : calls) take_answer(decision, call, state, {{"f", values.both}});
      const std::string found =
          conflict_cells::text_of(to_string(decision.status), to_string(decision.resolution),
                                  conflict_cells::label_of(values, value_after(decision, state)));
      CHECK(found == cell.expected);
      CHECK(to_string(decision.reason) == cell.reason);
    }
  }
}
