// Every operation in every situation under every strategy, as a table of decisions.
//
// The client edited version 1, where the field f was "b"; it writes "c". The server has "s" where
// it changed f itself.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "protocol/conflict_detector.h"
#include "protocol/errors.h"

using namespace objectos;

namespace {

struct Rule {
  const char* name;
  ObjectRules rules;
};

const std::vector<Rule>& all_rules() {
  static const std::vector<Rule> rules = [] {
    std::vector<Rule> list;
    for (DeleteRule deletes : {DeleteRule::deletion_wins, DeleteRule::update_wins}) {
      for (Strategy other :
           {Strategy::lww, Strategy::server_wins, Strategy::client_wins, Strategy::manual}) {
        list.push_back({"merge", {Strategy::merge, other, deletes, {}}});
        list.push_back({to_string(other), {other, Strategy::lww, deletes, {}}});
      }
    }
    return list;
  }();
  return rules;
}

// What decides a field that both sides changed.
Strategy deciding(const ObjectRules& rules) {
  return rules.strategy == Strategy::merge ? rules.on_conflict : rules.strategy;
}

Edit edit_to(Operation operation, std::int64_t timestamp_us = 50) {
  Edit edit{operation, "m", timestamp_us, 1, {}, {{"f", "\"b\""}}};
  if (operation != Operation::remove) edit.data = {{"f", "\"c\""}};
  if (operation == Operation::insert) edit.original.clear();
  return edit;
}

// The row at `version` with f; written in plain SQL at 40.
ServerState row(std::int64_t version, const char* f) {
  ServerState state;
  state.exists = true;
  state.version = version;
  state.values = {{"f", f}, {"g", "\"g\""}};
  state.modified_at_us = 40;
  state.now_us = 1'000;
  return state;
}

ServerState gone() {
  ServerState state;
  state.now_us = 1'000;
  state.last_delete_version = 2;
  state.deleted_values = FieldValues{{"f", "\"s\""}, {"g", "\"g\""}};
  return state;
}

ServerState gone_and_back() {
  ServerState state = row(5, "\"s\"");
  state.last_delete_version = 2;
  return state;
}

// Under all rules, or those that `which` picks, the decision reads `expected`.
template <class Which>
void check(Operation operation, const ServerState& state, const std::string& expected, Which which,
           std::int64_t timestamp_us = 50) {
  int checked = 0;
  for (const Rule& rule : all_rules()) {
    if (!which(rule.rules)) continue;
    CAPTURE(rule.name);
    CAPTURE(to_string(rule.rules.on_conflict));
    CAPTURE(to_string(rule.rules.deletes));
    CHECK(decide(edit_to(operation, timestamp_us), 1, state, rule.rules, {}).describe() ==
          expected);
    ++checked;
  }
  CHECK(checked > 0);
}

bool any(const ObjectRules&) {
  return true;
}

auto deciding_is(Strategy strategy) {
  return [strategy](const ObjectRules& rules) { return deciding(rules) == strategy; };
}

auto deletes_are(DeleteRule deletes) {
  return [deletes](const ObjectRules& rules) { return rules.deletes == deletes; };
}

}  // namespace

TEST_CASE("an insert is applied, also after a delete, and of an existing record rejected") {
  check(Operation::insert, gone(), "applied action=insert f:=\"c\"", any);
  check(Operation::insert, ServerState{}, "applied action=insert f:=\"c\"", any);
  check(Operation::insert, row(1, "\"b\""),
        "rejected action=none reason=version_mismatch resolution=server_wins", any);
}

TEST_CASE("an update of the version that stands is applied") {
  check(Operation::update, row(1, "\"b\""), "applied action=update f:=\"c\"", any);
}

TEST_CASE("an update beside a change of another field is merged under every strategy") {
  check(Operation::update, row(2, "\"b\""), "merged action=update reason=version_mismatch f:=\"c\"",
        any);
}

TEST_CASE("both sides writing the same value is no conflict and writes nothing") {
  check(Operation::update, row(2, "\"c\""), "merged action=none reason=version_mismatch", any);
}

TEST_CASE("a field that both sides changed is decided by the strategy") {
  ServerState changed = row(2, "\"s\"");
  std::string both = "[f client=\"c\" server=\"s\" ";
  check(Operation::update, changed,
        "conflict action=none reason=concurrent_update resolution=server_wins " + both +
            "server_wins]",
        deciding_is(Strategy::server_wins));
  check(Operation::update, changed,
        "conflict action=update reason=concurrent_update resolution=client_wins f:=\"c\" " + both +
            "client_wins]",
        deciding_is(Strategy::client_wins));
  check(Operation::update, changed,
        "conflict action=none reason=concurrent_update resolution=manual " + both + "manual]",
        deciding_is(Strategy::manual));
  check(Operation::update, changed,
        "merged action=update reason=concurrent_update resolution=client_wins f:=\"c\" " + both +
            "client_wins]",
        deciding_is(Strategy::lww), 50);
  check(
      Operation::update, changed,
      "merged action=none reason=concurrent_update resolution=server_wins " + both + "server_wins]",
      deciding_is(Strategy::lww), 30);
}

TEST_CASE("an update of a deleted record loses, or re-inserts it where updates win") {
  std::string fields = " [f client=\"c\" server=- ";
  check(Operation::update, gone(),
        "conflict action=none reason=deleted resolution=server_wins" + fields + "server_wins]",
        deletes_are(DeleteRule::deletion_wins));
  check(Operation::update, gone(),
        "conflict action=reinsert reason=deleted resolution=client_wins f:=\"c\" g:=\"g\"" +
            fields + "client_wins]",
        deletes_are(DeleteRule::update_wins));
  ServerState forgotten = gone();  // its delete was pruned from the log
  forgotten.deleted_values.reset();
  check(Operation::update, forgotten,
        "conflict action=none reason=deleted resolution=server_wins" + fields + "server_wins]",
        any);
}

TEST_CASE("an edit of the version that stands meets no deletion, whatever was deleted meanwhile") {
  ServerState state = row(1, "\"b\"");
  state.last_delete_version = 3;
  check(Operation::update, state, "applied action=update f:=\"c\"", any);
  check(Operation::remove, state, "applied action=delete", any);
}

TEST_CASE("an update from before a delete does not touch the record that came after it") {
  check(Operation::update, gone_and_back(),
        "conflict action=none reason=deleted resolution=server_wins [f client=\"c\" server=\"s\" "
        "server_wins]",
        any);
}

TEST_CASE("a delete is applied to the version that stands, and to a record already gone") {
  check(Operation::remove, row(1, "\"b\""), "applied action=delete", any);
  check(Operation::remove, gone(), "applied action=none", any);
}

TEST_CASE("a delete of a record that changed meanwhile wins, or loses where updates win") {
  check(Operation::remove, row(2, "\"s\""),
        "conflict action=delete reason=version_mismatch resolution=client_wins",
        deletes_are(DeleteRule::deletion_wins));
  check(Operation::remove, row(2, "\"s\""),
        "conflict action=none reason=version_mismatch resolution=server_wins",
        deletes_are(DeleteRule::update_wins));
}

TEST_CASE("a delete from before another delete does not touch the record that came after it") {
  check(Operation::remove, gone_and_back(),
        "conflict action=none reason=deleted resolution=server_wins", any);
}

TEST_CASE("a later mutation of a chain builds on the version after its earlier one") {
  Edit edit = edit_to(Operation::update);
  for (const Rule& rule : all_rules()) {
    Decision decision = decide(edit, 7, row(7, "\"b\""), rule.rules, {});
    CHECK(decision.describe() == "applied action=update f:=\"c\"");
    CHECK(decision.client_version == 1);
    CHECK(decision.server_version == 7);
  }
}

TEST_CASE("without `original` what moved with the version counts as changed, unless equal") {
  Edit edit = edit_to(Operation::update);
  edit.original.clear();
  ObjectRules rules{Strategy::server_wins, Strategy::lww, DeleteRule::deletion_wins, {}};
  CHECK(decide(edit, 1, row(1, "\"b\""), rules, {}).describe() == "applied action=update f:=\"c\"");
  CHECK(decide(edit, 1, row(2, "\"s\""), rules, {}).describe() ==
        "conflict action=none reason=version_mismatch resolution=server_wins "
        "[f client=\"c\" server=\"s\" server_wins]");
  CHECK(decide(edit, 1, row(2, "\"c\""), rules, {}).describe() ==
        "merged action=none reason=version_mismatch");
}

TEST_CASE("without `original` the log's list of changed fields tells what was left alone") {
  Edit edit = edit_to(Operation::update);
  edit.original.clear();
  for (const Rule& rule : all_rules()) {
    ServerState state = row(2, "\"b\"");
    state.changed_since = FieldValues{{"g", "\"g\""}};
    CHECK(decide(edit, 1, state, rule.rules, {}).describe() ==
          "merged action=update reason=version_mismatch f:=\"c\"");
  }
}

TEST_CASE("a field's own strategy stands over the object's") {
  ServerState state = row(2, "\"s\"");
  state.values["g"] = "\"t\"";
  Edit edit = edit_to(Operation::update);
  edit.data["g"] = "\"u\"";
  edit.original["g"] = "\"g\"";
  ObjectRules rules{Strategy::merge,
                    Strategy::lww,
                    DeleteRule::deletion_wins,
                    {{"f", Strategy::server_wins}, {"g", Strategy::client_wins}}};
  CHECK(decide(edit, 1, state, rules, {}).describe() ==
        "conflict action=update reason=concurrent_update resolution=merged g:=\"u\" "
        "[f client=\"c\" server=\"s\" server_wins] [g client=\"u\" server=\"t\" client_wins]");
}

TEST_CASE("a field that the object does not have is refused by name") {
  Edit edit = edit_to(Operation::update);
  edit.data["nope"] = "1";
  try {
    decide(edit, 1, row(1, "\"b\""), {}, {});
    FAIL_CHECK("nothing was refused");
  } catch (const ProtocolError& error) {
    CHECK(error.code() == ErrorCode::invalid_mutation);
    CHECK(error.field() == "nope");
    CHECK(error.detail().find("Mutation m") != std::string::npos);
  }
}
