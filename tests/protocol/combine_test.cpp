// Counters, sets and merge functions: the rules, and that the order of arrival does not matter.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "protocol/combine.h"
#include "protocol/conflict_detector.h"
#include "protocol/decimal.h"

using namespace objectos;

namespace {

using Text = std::optional<std::string>;

std::uint32_t seed_from_environment() {
  const char* given = std::getenv("OBJECTOS_SEED");
  return given ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10))
               : std::random_device{}();
}

// One field on a server that applies pushes one by one, as sync_push does.
struct Server {
  ServerState row;
  ObjectRules rules;
  Server(Strategy strategy, const std::string& value) {
    rules.strategy = strategy;
    row.exists = true;
    row.version = 1;
    row.values = {{"f", value}};
  }
  void push(const std::string& base, const std::string& client) {
    const Edit edit{Operation::update, "m", 0, 1, {{"f", client}}, {{"f", base}}};
    const Decision decision = decide(edit, 1, row, rules, {});
    CHECK(decision.status != Status::conflict);
    if (decision.action != Action::update) return;
    row.values["f"] = decision.write.at("f");
    ++row.version;
  }
};

struct Step {
  std::string base, client;
};
using Queues = std::vector<std::vector<Step>>;

// The value after the queues' steps, each queue in its order, interleaved at random.
std::string arrive(const Queues& queues, Server server, std::mt19937& random) {
  std::vector<std::size_t> order, next(queues.size(), 0);
  for (std::size_t client = 0; client < queues.size(); ++client)
    order.insert(order.end(), queues[client].size(), client);
  std::shuffle(order.begin(), order.end(), random);
  for (std::size_t client : order) {
    const Step& step = queues[client][next[client]++];
    server.push(step.base, step.client);
  }
  return server.row.values.at("f");
}

std::string set_text(const std::vector<std::string>& elements) {
  std::string text = "[";
  for (const std::string& one : elements) text += (text.size() > 1 ? "," : "") + one;
  return text + "]";
}

}  // namespace

TEST_CASE("decimals are added and subtracted exactly, with the larger scale") {
  CHECK(decimal_sum("1", "2") == "3");
  CHECK(decimal_sum("1.50", "2") == "3.50");
  CHECK(decimal_sum("-0.5", "0.50") == "0.00");
  CHECK(decimal_sum("0.05", "-1") == "-0.95");
  CHECK(decimal_difference("9223372036854775807", "-1") == "9223372036854775808");
  CHECK(decimal_difference("1", "1.000000000000000000000000000000000000001") ==
        "-0.000000000000000000000000000000000000001");
  CHECK(decimal_sum("99999999999999999999", "0.1") == "99999999999999999999.1");
  for (const char* none : {"", "-", "NaN", "1e5", "1.", ".5", "+1", "1 ", "0x1"}) {
    CAPTURE(none);
    CHECK(decimal_sum(none, "1") == std::nullopt);
    CHECK(decimal_difference("1", none) == std::nullopt);
  }
  CHECK(decimal_compare("10", "9") == 1);
  CHECK(decimal_compare("-10", "9.5") == -1);
  CHECK(decimal_compare("1.0", "1") == 0);
}

TEST_CASE("random int sums agree with the machine's, carries and borrows included") {
  std::mt19937_64 random(seed_from_environment());
  for (int i = 0; i < 2'000; ++i) {
    const auto bits = static_cast<int>(random() % 60);
    const auto a = static_cast<std::int64_t>(random() >> (63 - bits)) - (1LL << bits) / 2;
    const auto b = static_cast<std::int64_t>(random() >> (63 - bits)) - (1LL << bits) / 3;
    CHECK(decimal_sum(std::to_string(a), std::to_string(b)) == std::to_string(a + b));
    CHECK(decimal_difference(std::to_string(a), std::to_string(b)) == std::to_string(a - b));
  }
}

TEST_CASE("a counter adds the difference; null counts as 0; what is no number is not combined") {
  CHECK(combine_counter("5", "8", "4") == "7");
  CHECK(combine_counter("1.00", "1.5", "2") == "2.50");
  CHECK(combine_counter("null", "2", "3") == "5");
  CHECK(combine_counter("5", "null", "7") == "2");
  CHECK(combine_counter("5", "null", "5") == "null");
  CHECK(combine_counter("5", "6", "null") == "1");
  CHECK(combine_counter("5", "\"NaN\"", "7") == std::nullopt);
  CHECK(combine_counter("\"a\"", "\"b\"", "\"c\"") == std::nullopt);
}

TEST_CASE("a set keeps both sides' additions and removals, each element once, sorted") {
  CHECK(combine_set(R"(["b","a"])", R"(["a","x"])", R"(["b","a","y"])") == R"(["a","x","y"])");
  CHECK(combine_set("[]", "[10,2,1.0,1,\"1\",null,true]", "[9]") ==
        R"([1,1.0,2,9,10,"1",true,null])");
  CHECK(combine_set(R"(["a"])", R"(["a","x","x"])", R"(["a","a","y"])") == R"(["a","x","y"])");
  CHECK(combine_set("null", R"(["x"])", R"(["y"])") == R"(["x","y"])");
  CHECK(combine_set(R"(["a"])", "null", R"(["a","y"])") == R"(["y"])");
  CHECK(combine_set(R"(["a"])", "[]", "null") == "null");
  CHECK(combine_set("[[1,2]]", "[[1,2],[3,4]]", "[[0,1],[1,2]]") == "[[0,1],[1,2],[3,4]]");
}

TEST_CASE("a set that nobody else edited is stored as the client wrote it") {
  CHECK(combine_set(R"(["a"])", R"(["x","a","x"])", R"(["a"])") == R"(["x","a","x"])");
}

TEST_CASE("a set in JSON text stays JSON text; its objects are the same in any order of members") {
  CHECK(combine_set(R"("[{\"a\":1,\"b\":2}]")", R"("[{\"b\": 2, \"a\": 1}, \"x\"]")",
                    R"("[{\"a\": 1, \"b\": 2}, \"y\"]")") ==
        R"("[\"x\",\"y\",{\"a\":1,\"b\":2}]")");
  CHECK(combine_set("null", R"("[1]")", R"("[2]")") == R"("[1,2]")");
}

TEST_CASE("what is no list is not combined") {
  for (const char* none : {R"("{\"a\":1}")", R"("[0:1]={1,2}")", "7", "{\"a\":1}", R"("[1,")"}) {
    CAPTURE(none);
    CHECK(combine_set("[]", "[1]", none) == std::nullopt);
    CHECK(combine_set(none, "[1]", "[2]") == std::nullopt);
  }
}

TEST_CASE(
    "counters of several clients end in the sum of all differences, in any order of arrival") {
  std::uint32_t seed = seed_from_environment();
  MESSAGE("first seed " << seed);
  for (int run = 0; run < 500; ++run, ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    auto pick = [&](int lo, int hi) { return std::uniform_int_distribution<int>(lo, hi)(random); };
    const std::string start = pick(0, 1) ? "9007199254740993" : "10.0";
    std::string expected = start;
    Queues queues(static_cast<std::size_t>(pick(2, 4)));
    for (auto& queue : queues) {
      std::string local = start;
      for (int i = pick(1, 4); i > 0; --i) {
        std::string change = std::to_string(pick(-9, 9));
        if (pick(0, 2) == 0) change += ".25";
        const std::string wanted = *decimal_sum(local, change);
        queue.push_back({local, wanted});
        expected = *decimal_sum(expected, change);
        local = wanted;
      }
    }
    for (int arrival = 0; arrival < 6; ++arrival)
      CHECK(arrive(queues, Server(Strategy::counter, start), random) == expected);
  }
}

TEST_CASE("sets of several clients that edit different elements end the same, in any order") {
  std::uint32_t seed = seed_from_environment();
  MESSAGE("first seed " << seed);
  for (int run = 0; run < 500; ++run, ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::vector<std::string> present, absent;
    for (int i = 0; i < 12; ++i) (i % 2 ? present : absent).push_back(std::to_string(i * 7 % 12));
    std::shuffle(present.begin(), present.end(), random);
    std::shuffle(absent.begin(), absent.end(), random);
    const std::string start = set_text(present);
    std::vector<std::string> kept = present, removable = present;
    Queues queues(2 + random() % 3);
    for (auto& queue : queues) {
      std::vector<std::string> local = present;
      for (std::size_t i = 1 + random() % 3; i > 0; --i) {
        const std::string before = set_text(local);
        const bool adds = removable.empty() || (random() % 2 == 0 && !absent.empty());
        std::vector<std::string>& from = adds ? absent : removable;
        if (from.empty()) continue;
        const std::string element = from.back();
        from.pop_back();
        for (auto* list : {&local, &kept}) {
          if (adds)
            list->insert(list->begin() + static_cast<long>(random() % (list->size() + 1)), element);
          else
            std::erase(*list, element);
        }
        queue.push_back({before, set_text(local)});
      }
    }
    std::erase_if(queues, [](const auto& queue) { return queue.empty(); });
    if (queues.size() < 2) continue;
    std::sort(kept.begin(), kept.end(),
              [](const auto& a, const auto& b) { return std::stoi(a) < std::stoi(b); });
    for (int arrival = 0; arrival < 6; ++arrival)
      CHECK(arrive(queues, Server(Strategy::set, start), random) == set_text(kept));
  }
}

TEST_CASE("an edit on top of one that lost meets the value that the first one met") {
  for (Strategy strategy : {Strategy::server_wins, Strategy::manual}) {
    ServerState row;
    row.exists = true;
    row.version = 2;
    row.values = {{"f", "\"s\""}, {"g", "\"g\""}};
    ObjectRules rules;
    rules.strategy = strategy;
    const Edit edit{Operation::update,
                    "m",
                    0,
                    1,
                    {{"f", "\"d\""}, {"g", "\"h\""}},
                    {{"f", "\"c\""}, {"g", "\"g\""}}};
    row.contested = {"f"};
    const Decision decision = decide(edit, 2, row, rules, {});
    CHECK(decision.status == Status::conflict);
    CHECK(decision.write == FieldValues{{"g", "\"h\""}});
  }
}

TEST_CASE("what the log holds of a field stands in for an `original` that was not sent") {
  ServerState row;
  row.exists = true;
  row.version = 9;
  row.values = {{"n", "15"}, {"f", "\"f\""}};
  row.changed_since = FieldValues{{"n", "5"}};
  ObjectRules rules{
      Strategy::manual, Strategy::lww, DeleteRule::deletion_wins, {{"n", Strategy::counter}}};
  const Edit edit{Operation::update, "m", 0, 1, {{"n", "6"}, {"f", "\"c\""}}, {}};
  const Decision decision = decide(edit, 1, row, rules, {});
  CHECK(decision.describe() ==
        "merged action=update reason=concurrent_update resolution=merged f:=\"c\" n:=16 "
        "[n client=6 server=15 merged]");
}

TEST_CASE("a merge function's name follows SQL; anything else is no strategy") {
  const auto name = [](std::string_view text) {
    const auto parsed = parse_strategy_text(text);
    return parsed && parsed->function ? Text(quoted_name(*parsed->function)) : Text();
  };
  CHECK(name("function:public.f") == R"("public"."f")");
  CHECK(name("function:Public.F_1") == R"("public"."f_1")");
  CHECK(name(R"(function:"My Rules"."a ""b""")") == R"("My Rules"."a ""b""")");
  for (const char* none : {"function:f", "function:", "function:a.b.c", "function:a.",
                           "function:.b", "function:a b.c", "function:1a.b", "function:a.b()",
                           "function:\"a.b", "function:a.\"\"", "function", "texts"})
    CHECK_FALSE(parse_strategy_text(none));
  CHECK(parse_strategy_text("text")->strategy == Strategy::text);
  CHECK(parse_strategy_text("counter")->strategy == Strategy::counter);
}
