#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "protocol/conflict_detector.h"

using namespace objectos;

TEST_CASE("of three last-writer-wins mutations the latest per field stays, in all six orders") {
  struct Push {
    const char* id;
    const char* field;
    const char* value;
    std::int64_t time;
  };
  std::vector<Push> pushes = {
      {"a", "email", "\"A\"", 10}, {"b", "name", "\"B\"", 20}, {"c", "email", "\"C\"", 15}};
  std::vector<int> order = {0, 1, 2};
  do {
    ServerState row;
    row.exists = true;
    row.version = 1;
    row.now_us = 1000;
    row.values = {{"email", "\"e\""}, {"name", "\"n\""}};
    FieldClocks clocks;
    for (int i : order) {
      const Push& push = pushes[static_cast<std::size_t>(i)];
      Edit edit{Operation::update,
                push.id,
                push.time,
                1,
                {{push.field, push.value}},
                {{push.field, push.field[0] == 'e' ? "\"e\"" : "\"n\""}}};
      Decision decision = decide(
          edit, 1, row, {Strategy::lww, Strategy::lww, DeleteRule::deletion_wins, {}}, clocks);
      for (const auto& [field, value] : decision.write) row.values[field] = value;
      for (const auto& [field, clock] : decision.clocks) clocks[field] = clock;
      if (decision.action == Action::update) row.modified_at_us = 500 + ++row.version;
    }
    CHECK(row.values["email"] == "\"C\"");
    CHECK(row.values["name"] == "\"B\"");
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a merge takes what one side changed and reports what both changed") {
  ServerState row;
  row.exists = true;
  row.version = 2;
  row.values = {{"name", "\"John\""}, {"phone", "\"2\""}, {"email", "\"s\""}};
  Edit edit{Operation::update,
            "m",
            5,
            1,
            {{"name", "\"Jon\""}, {"email", "\"c\""}},
            {{"name", "\"John\""}, {"email", "\"a\""}}};
  Decision decision =
      decide(edit, 1, row, {Strategy::merge, Strategy::manual, DeleteRule::deletion_wins, {}}, {});
  CHECK(decision.status == Status::conflict);
  CHECK(decision.write == FieldValues{{"name", "\"Jon\""}});
  CHECK(decision.manual_fields == std::vector<std::string>{"email"});
}
