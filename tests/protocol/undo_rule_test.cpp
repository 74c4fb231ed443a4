// An undo (`undo_of`) gives way to whatever was done since, under every strategy: the table of
// docs/conflicts.md ("Undo"), cell by cell, and the corners it leaves out.
#include <doctest/doctest.h>

#include "protocol/conflict_detector.h"
#include "tests/protocol/conflict_cells.h"

using namespace objectos;
using conflict_cells::Cell;

namespace {

struct Situation {
  std::string name;
  ObjectRules rules;
  std::int64_t timestamp_us = 50;  // of the undo; the row was written at 40
};

std::vector<Situation> situations(bool counter) {
  std::vector<Situation> list;
  for (DeleteRule deletes : {DeleteRule::deletion_wins, DeleteRule::update_wins}) {
    if (counter) {
      list.push_back({"counter", {Strategy::counter, Strategy::lww, deletes}});
      list.push_back({"counter field",
                      {Strategy::manual, Strategy::lww, deletes, {{"f", Strategy::counter}}}});
      continue;
    }
    for (Strategy other :
         {Strategy::lww, Strategy::server_wins, Strategy::client_wins, Strategy::manual}) {
      const std::string name = to_string(other);
      list.push_back({name, {other, Strategy::lww, deletes}});
      list.push_back({"merge, " + name, {Strategy::merge, other, deletes}});
      list.push_back(
          {"field " + name, {Strategy::counter, Strategy::lww, deletes, {{"f", other}}}});
    }
    list.push_back({"lww, earlier", {Strategy::lww, Strategy::lww, deletes}, 30});
    list.push_back({"merge, lww, earlier", {Strategy::merge, Strategy::lww, deletes}, 30});
    list.push_back({"set", {Strategy::manual, Strategy::lww, deletes, {{"f", Strategy::set}}}});
    list.push_back(
        {"function", {Strategy::function, Strategy::lww, deletes, {}, "\"s\".\"f\"", {}}});
  }
  return list;
}

struct Values {
  std::string before, wrote, server;
};

Values values_of(const std::string& situation) {
  if (situation.starts_with("counter")) return {"5", "6", "15"};
  if (situation == "set") return {R"(["b"])", R"(["b","c"])", R"(["b","s"])"};
  return {R"("b")", R"("c")", R"("s")"};
}

std::string label(const Values& values, const std::string& value) {
  if (value == values.before) return "b";
  if (value == values.wrote) return "c";
  if (value == values.server) return "s";
  if (value == "14") return "s+b-c";
  return value == "4" ? "b+b-c" : value;
}

ServerState row(std::int64_t version, const std::string& f) {
  ServerState state;
  state.exists = true;
  state.version = version;
  state.values = {{"f", f}, {"g", "\"g\""}};
  state.modified_at_us = 40;
  state.now_us = 1'000;
  return state;
}

// Version 1 is the one that the undo was made on.
ServerState state_of(const Cell& cell, const Values& values) {
  if (cell.server == "nothing") return row(1, values.wrote);
  if (cell.server == "update of the field" || cell.server == "insert") return row(2, values.server);
  if (cell.server == "update to the old value") return row(2, values.before);
  if (cell.server == "update of another field") {
    ServerState state = row(2, values.wrote);
    state.values["g"] = "\"h\"";
    return state;
  }
  ServerState state = row(5, values.server);
  state.last_delete_version = 2;
  if (cell.server == "delete, then insert") return state;
  REQUIRE((cell.server == "delete" || cell.server == "nothing (no such record)"));
  state.exists = false;
  state.deleted_values = state.values;
  state.values.clear();
  return state;
}

Edit undo_of(const Cell& cell, const Values& values, std::int64_t timestamp_us) {
  Edit undo{Operation::update,     "m", timestamp_us, 1, {{"f", values.before}},
            {{"f", values.wrote}}, true};
  if (cell.client == "insert") {
    undo.operation = Operation::remove;
    undo.data.clear();
    undo.original["g"] = "\"g\"";
  } else if (cell.client == "delete") {
    undo.operation = Operation::insert;
    undo.data = {{"f", values.wrote}, {"g", "\"g\""}};
    undo.original.clear();
    undo.version.reset();
  } else if (cell.client == "update, its original unknown") {
    undo.original.clear();
  } else {
    REQUIRE(cell.client == "update");
  }
  return undo;
}

std::string value_after(const Decision& decision, const ServerState& state) {
  if (decision.action == Action::remove) return "gone";
  const auto written = decision.write.find("f");
  if (written != decision.write.end()) return written->second;
  return state.exists ? state.values.at("f") : "gone";
}

Edit small_undo() {
  return {Operation::update, "m", 50, 1, {{"f", "\"b\""}}, {{"f", "\"c\""}}, true};
}

const ObjectRules by_clock{Strategy::lww, Strategy::lww, DeleteRule::deletion_wins, {}};

}  // namespace

TEST_CASE("docs/conflicts.md: an undo is decided as its table says, under every strategy") {
  const std::vector<Cell> cells =
      conflict_cells::read("docs/conflicts.md", "| undo of | server since |");
  CHECK(cells.size() == 14 * 2);
  for (const Cell& cell : cells) {
    for (const Situation& situation : situations(cell.strategy == "counter")) {
      CAPTURE(cell.client);
      CAPTURE(cell.server);
      CAPTURE(situation.name);
      const Values values = values_of(situation.name);
      const Edit undo = undo_of(cell, values, situation.timestamp_us);
      const ServerState state = state_of(cell, values);
      const Decision decision = decide(undo, undo.version, state, situation.rules, {});
      CHECK(conflict_cells::text_of(to_string(decision.status), to_string(decision.resolution),
                                    label(values, value_after(decision, state))) == cell.expected);
      CHECK(to_string(decision.reason) == cell.reason);
      CHECK(decision.manual_fields.empty());
      CHECK(decision.calls.empty());
    }
  }
}

TEST_CASE("an undo names the fields it leaves alone and takes back the others") {
  ServerState state = row(2, "\"s\"");
  Edit undo = small_undo();
  undo.data["g"] = "\"old\"";
  undo.original["g"] = "\"g\"";
  for (const Situation& situation : situations(false)) {
    if (situation.name.starts_with("field") || situation.name == "set") continue;
    CAPTURE(situation.name);
    CHECK(decide(undo, 1, state, situation.rules, {}).describe() ==
          "conflict action=update reason=concurrent_update resolution=server_wins g:=\"old\" "
          "[f client=\"b\" server=\"s\" server_wins]");
  }
}

TEST_CASE("an undo that names the version that stands still leaves another's value alone") {
  for (const Situation& situation : situations(false)) {
    if (situation.name == "set") continue;
    CAPTURE(situation.name);
    CHECK(decide(small_undo(), 1, row(1, "\"s\""), situation.rules, {}).action == Action::none);
  }
}

TEST_CASE("an undo without original takes back what the version it names vouches for") {
  Edit undo = small_undo();
  undo.original.clear();
  CHECK(decide(undo, 1, row(1, "\"c\""), by_clock, {}).write.at("f") == "\"b\"");
  CHECK(decide(undo, 1, row(2, "\"c\""), by_clock, {}).action == Action::none);
  ServerState contested = row(1, "\"c\"");
  contested.contested = {"f"};
  CHECK(decide(undo, 1, contested, by_clock, {}).action == Action::none);
}

TEST_CASE("an undo leaves a clock, no earlier than that of the value it takes back") {
  const FieldClock later{90, "z", hash_value("\"c\""), false};
  const Decision behind = decide(small_undo(), 1, row(1, "\"c\""), by_clock, {{"f", later}});
  CHECK(behind.write.at("f") == "\"b\"");
  CHECK(behind.clocks.at("f") == FieldClock{90, "z", hash_value("\"b\""), false});
  const FieldClock earlier{20, "a", hash_value("\"c\""), false};
  const Decision ahead = decide(small_undo(), 1, row(1, "\"c\""), by_clock, {{"f", earlier}});
  CHECK(ahead.clocks.at("f") == FieldClock{50, "m", hash_value("\"b\""), false});
}

TEST_CASE("a write older than an undo loses to it, and a later one wins") {
  ServerState state = row(2, "\"b\"");  // as the undo left it
  const FieldClocks clocks = {{"f", {50, "m", hash_value("\"b\""), false}}};
  Edit edit{Operation::update, "n", 45, 1, {{"f", "\"x\""}}, {{"f", "\"c\""}}};
  CHECK(decide(edit, 1, state, by_clock, clocks).action == Action::none);
  edit.timestamp_us = 55;
  CHECK(decide(edit, 1, state, by_clock, clocks).write.at("f") == "\"x\"");
}

TEST_CASE("an undo that leaves a field alone leaves its clock alone") {
  const FieldClock stored{10, "a", hash_value("\"s\""), false};
  CHECK(decide(small_undo(), 1, row(2, "\"s\""), by_clock, {{"f", stored}}).clocks.empty());
  CHECK(decide(small_undo(), 1, row(2, "\"b\""), by_clock, {{"f", stored}}).clocks.empty());
}

TEST_CASE("the undo of an insert says what keeps the record") {
  Edit undo{Operation::remove, "m", 50, 1, {}, {{"f", "\"c\""}, {"g", "\"g\""}}, true};
  CHECK(decide(undo, 1, row(2, "\"s\""), by_clock, {}).describe() ==
        "conflict action=none reason=version_mismatch resolution=server_wins "
        "[f client=- server=\"s\" server_wins]");
  undo.version.reset();  // judged by what it saw
  CHECK(decide(undo, {}, row(2, "\"s\""), by_clock, {}).reason == Reason::concurrent_update);
  CHECK(decide(undo, {}, row(2, "\"c\""), by_clock, {}).action == Action::remove);
  undo.original.clear();  // nobody knows what it saw
  CHECK(decide(undo, {}, row(2, "\"c\""), by_clock, {}).describe() ==
        "conflict action=none reason=version_mismatch resolution=server_wins");
}

TEST_CASE("edit_of takes a mutation with undo_of for an undo") {
  Mutation mutation;
  mutation.id = "6f9619ff-8b86-4011-b42d-00cf4fc964ff";
  CHECK_FALSE(edit_of(mutation, 1).undo);
  mutation.undo_of = "0a1b2c3d-0000-4000-8000-000000000001";
  CHECK(edit_of(mutation, 1).undo);
}
