// A server's text field: what is committed, what a pull tells, and when a client must pull first.
#include <doctest/doctest.h>

#include <vector>

#include "protocol/text_history.h"
#include "tests/protocol/refusal.h"
#include "tests/protocol/text_dice.h"

using namespace objectos;

TEST_CASE("a pull tells others' text by side, own operations each by itself, and nothing twice") {
  std::vector<TextRevision> history;
  const auto add = [&](const char* client, const char* mutation, const char* json) {
    const auto since = static_cast<std::int64_t>(history.size());
    history.push_back({since, since + 1, client, mutation, op(json)});
  };
  add("a", "a-1", R"(["1"])");
  add("b", "b-1", R"(["2"])");
  add("m", "m-1", R"(["3"])");
  add("", "", R"(["4"])");
  add("z", "z-1", R"(["5"])");
  const std::int64_t head = 5;
  const auto steps = text_steps({head, history}, "m", 0);
  REQUIRE(steps.has_value());
  REQUIRE(steps->size() == 4);
  CHECK((*steps)[0] == TextStep{0, 2, "", ot::Side::right, op(R"(["21"])"), 1});
  CHECK((*steps)[1].own == "m-1");
  CHECK((*steps)[2] == TextStep{3, 4, "", ot::Side::right, op(R"(["4"])"), 0});
  CHECK((*steps)[3] == TextStep{4, 5, "", ot::Side::left, op(R"(["5"])"), 0});
  CHECK(text_steps({head, history}, "m", 5)->empty());
  CHECK_FALSE(text_steps({head, history}, "m", 6).has_value());
  CHECK_FALSE(TextCommit("q", 5, {head, history}).needs_pull());
  CHECK(TextCommit("q", 6, {head, history}).needs_pull());
  history.erase(history.begin());
  CHECK_FALSE(text_steps({head, history}, "m", 0).has_value());
  CHECK(TextCommit("q", 0, {head, history}).needs_pull());
  CHECK(text_steps({head, history}, "m", 1)->size() == 4);
  history[0] = {1, 3, "", "", op(R"(["32"])"), true};  // composed by retention
  history.erase(history.begin() + 1);
  CHECK_FALSE(text_steps({head, history}, "m", 1).has_value());
  CHECK_FALSE(text_steps({head, history}, "m", 2).has_value());
  CHECK(TextCommit("q", 1, {head, history}).needs_pull());
  CHECK(TextCommit("q", 2, {head, history}).needs_pull());
  CHECK(text_steps({head, history}, "m", 3)->size() == 2);
  CHECK_FALSE(TextCommit("q", 3, {head, history}).needs_pull());
  history = {{0, 5, "", "", {}, true}};  // nothing is kept
  CHECK(text_steps({head, history}, "m", 5)->empty());
  CHECK_FALSE(text_steps({head, history}, "m", 4).has_value());
  CHECK(TextCommit("q", 4, {head, history}).needs_pull());
  CHECK_FALSE(TextCommit("q", 5, {head, history}).needs_pull());
}

TEST_CASE("revisions that lie between two operations name the text between them") {
  const std::vector<TextRevision> history = {{0, 4, "a", "a-1", op(R"(["1"])")},
                                             {4, 9, "z", "z-1", op(R"(["2"])")}};
  for (const std::int64_t between : {4, 5, 8}) {
    CAPTURE(between);
    const auto steps = text_steps({12, history}, "m", between);
    REQUIRE(steps.has_value());
    REQUIRE(steps->size() == 1);
    CHECK(steps->front() == TextStep{4, 9, "", ot::Side::left, op(R"(["2"])"), 0});
    TextCommit chain("m", between, {12, history});
    CHECK_FALSE(chain.needs_pull());
    CHECK(chain.commit(op(R"(["m"])")) == op(R"(["m"])"));
    TextSession session({"1", between, {}});
    session.take(steps->front());
    CHECK(session.text() == "21");
    CHECK(session.state().revision == 9);
  }
  CHECK(text_steps({12, history}, "m", 12)->empty());
  CHECK_FALSE(text_steps({12, history}, "m", 13).has_value());
}

TEST_CASE("beyond the limit of revisions the rest is one step, whoever it is from") {
  std::vector<TextRevision> history;
  for (std::int64_t i = 0; i < 600; ++i)
    history.push_back({i, i + 1, i % 2 == 0 ? "a" : "z", "x", op(R"(["x"])")});
  const std::int64_t head = 600;
  CHECK(text_steps({head, history}, "m", 0)->size() == 1);
  CHECK(text_steps({head, history}, "m", 100)->size() == 500);
  CHECK(TextCommit("m", 0, {head, history}).needs_pull());
  CHECK_FALSE(TextCommit("m", 88, {head, history}).needs_pull());
  CHECK(TextCommit("z", 590, {head, history}).needs_pull());  // own operations, not named
}

TEST_CASE("what would be too much to read is not committed, and no step of a pull") {
  const auto spread = [](const char* letter, std::size_t first) {
    TextOperationBuilder builder;
    builder.keep(first);
    for (std::size_t i = 0; i < 300'000; ++i) builder.keep(2).insert(letter);
    return builder.build();
  };
  const std::vector<TextRevision> history = {{0, 1, "a", "a-1", spread("x", 1)},
                                             {1, 2, "a", "a-2", spread("y", 900'000)}};
  CHECK(text_steps({1, std::span(history).first(1)}, "m", 0).has_value());
  CHECK_FALSE(text_steps({2, history}, "m", 0).has_value());
  TextOperationBuilder builder;
  const TextOperation many = builder.erase(2'000'000).build();
  TextCommit chain("m", 0, {1, std::span(history).first(1)});
  CHECK(chain.commit(many).components().size() < 1'000'000);
  TextCommit other("m", 0, {2, history});
  CHECK(refusal([&] { other.commit(many); }).code() == ErrorCode::limit_exceeded);
}
