// A client's text field between its own edits and the server's: what is under way, what comes back.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/protocol/refusal.h"
#include "tests/protocol/text_peers.h"

using namespace objectos;

namespace {

TextSession session_of(const std::string& text) {
  return TextSession(TextState{text, 0, {}});
}

TextStep foreign(std::int64_t since, std::string_view json, ot::Side own_side = ot::Side::right) {
  return {since, since + 1, {}, own_side, op(json), 0};
}

TextStep own(std::int64_t since, const std::string& mutation, std::string_view json) {
  return {since, since + 1, mutation, ot::Side::right, op(json), 0};
}

// A full round of a client with the server, and of those who watch.
void sync(TextServer& server, TextClient& client) {
  client.pulled(server.pull(client.name(), client.session().state().revision));
  const auto edits = client.push();
  if (!edits.empty()) client.answered(server.push(client.name(), edits, 100, false));
  client.pulled(server.pull(client.name(), client.session().state().revision));
}

}  // namespace

TEST_CASE("edits of one mutation are composed until they are sent, and never after") {
  TextSession session = session_of("ab");
  session.edit("m1", op(R"([1,"x"])"));
  session.edit("m1", op(R"([2,"y"])"));
  REQUIRE(session.state().edits.size() == 1);
  CHECK(write_text_operation(session.state().edits[0].operation) == R"([1,"xy"])");
  CHECK(session.freeze());
  session.edit("m1", op("[-1]"));
  REQUIRE(session.state().edits.size() == 2);
  CHECK(session.text() == "xyb");
  CHECK_FALSE(session.state().edits[1].is_sent);
}

// trap: edited-while-sent
TEST_CASE("what was sent stays as it was sent while the edit itself moves with the text") {
  TextSession session = session_of("ab");
  session.edit("m1", op(R"([1,"x"])"));
  session.freeze();
  session.take(foreign(0, R"(["0"])"));
  session.edit("m2", op("[-1]"));
  CHECK(session.text() == "axb");
  const TextEdit& sent = session.state().edits[0];
  CHECK(write_text_operation(sent.sent) == R"([1,"x"])");
  CHECK(sent.sent_at == 0);
  CHECK(write_text_operation(sent.operation) == R"([2,"x"])");
  CHECK_FALSE(session.freeze());  // the text moved below what is under way
  session.take(own(1, "m1", R"([2,"x"])"));
  CHECK(session.freeze());
  CHECK(session.state().edits[0].sent_at == 2);
}

TEST_CASE("an own operation within a pull moves base, what is sent and what is not, together") {
  TextSession session = session_of("base");
  session.edit("m1", op(R"([4," one"])"));
  session.freeze();
  session.edit("m2", op(R"([8," two"])"));
  session.take(foreign(0, R"(["> "])"));
  CHECK(session.text() == "> base one two");
  session.take(own(1, "m1", R"([6," one"])"));
  CHECK(session.state().base == "> base one");
  CHECK(session.state().edits.size() == 1);
  session.take(foreign(2, R"([10,"!"])", ot::Side::left));
  CHECK(session.state().base == "> base one!");
  CHECK(session.text() == "> base one two!");
  CHECK(session.state().revision == 3);
}

TEST_CASE("an own operation that was committed otherwise than computed is taken as committed") {
  TextSession session = session_of("");
  session.edit("m1", op(R"(["mine"])"));
  session.freeze();
  session.edit("m2", op(R"([4,"!"])"));
  session.take(foreign(0, R"(["theirs"])"));
  CHECK(session.text() == "theirsmine!");
  const TextOperation change = session.take(own(1, "m1", R"(["mine"])"));
  CHECK(session.state().base == "minetheirs");
  CHECK(session.text().find("minetheirs") != std::string::npos);
  CHECK(session.text().find('!') != std::string::npos);
  CHECK(session.text() == ot::apply("theirsmine!", change));
}

TEST_CASE("edits within what was committed stay in it when the whole text comes") {
  TextSession session = session_of("ab");
  session.edit("m1", op(R"([1,"hello"])"));
  session.freeze();
  session.edit("m2", op(R"([4,"-"])"));
  CHECK(session.text() == "ahel-lob");
  session.take_text("> ahellob", 9, {"m1"});
  CHECK(session.text() == "> ahel-lob");
  CHECK(session.state().base == "> ahellob");
  CHECK(session.state().edits.size() == 1);
  const TextState before = session.state();
  CHECK(session.take_text("older", 8, {"m2"}).changes_nothing());
  CHECK(session.state() == before);
}

TEST_CASE("of edits that were committed before others of one's own, too, nothing stays twice") {
  for (const bool whole : {false, true}) {
    CAPTURE(whole);
    TextSession session = session_of("ab");
    session.edit("m1", op(R"(["1"])"));
    session.edit("m2", op(R"([3,"2"])"));
    session.edit("m3", op(R"([4,"3"])"));
    CHECK(session.text() == "1ab23");
    if (whole)
      session.take_text("ab2", 1, {"m2"});
    else
      session.take(own(0, "m2", R"([2,"2"])"));
    CHECK(session.state().base == "ab2");
    CHECK(session.text() == "1ab23");
    CHECK(session.state().edits.size() == 2);
  }
}

// trap: composed-is-not-stepwise
TEST_CASE("where one operation and step by step differ, everybody ends with the server's: Jw") {
  // docs/operational_transform.md, Ties. "ab": h deletes a and inserts J after b; x deletes b and
  // inserts w at 0. The client sees h's two as one; the server goes step by step.
  TextServer server("ab", 512);
  TextClient h("h", "ab"), x("x", "ab");
  for (const char* json : {"[-1]", R"([1,"J"])"}) {
    h.edit(op(json));
    sync(server, h);
  }
  x.session().edit("x-1", op("[1,-1]"));
  x.session().edit("x-2", op(R"(["w"])"));
  const auto edits = x.push();
  REQUIRE(edits.size() == 2);
  x.pulled(server.pull("x", 0));
  CHECK(x.session().text() == "wJ");
  CHECK(server.push("x", edits, 100, false).committed.size() == 2);
  CHECK(server.text() == "Jw");
  for (TextClient* client : {&x, &h}) {
    client->pulled(server.pull(client->name(), client->session().state().revision));
    CHECK(client->session().text() == "Jw");
    CHECK(client->idle());
  }
  CHECK(x.healed() == 1);
}

TEST_CASE("steps at or below the revision are skipped, steps that leave a gap refused") {
  TextSession session = session_of("ab");
  session.take(foreign(0, R"(["1"])"));
  const TextState before = session.state();
  CHECK(session.take(foreign(0, R"(["1"])")).changes_nothing());
  CHECK(session.state() == before);
  CHECK(refusal([&] { session.take(foreign(2, R"(["3"])")); }).code() ==
        ErrorCode::malformed_message);
  CHECK(refusal([&] {
          session.take({0, 2, {}, ot::Side::left, op("[-1]"), 1});
        }).code() == ErrorCode::malformed_message);
  CHECK(refusal([&] { session.take(foreign(1, "[-9]")); }).code() == ErrorCode::invalid_mutation);
  CHECK(refusal([&] { session.edit("m", op("[-9]")); }).code() == ErrorCode::invalid_mutation);
  CHECK(session.state() == before);
  CHECK(session.text() == "1ab");
}

TEST_CASE("an answer is lost: the edit is sent again as it was, and committed once") {
  TextServer server("ab", 512);
  TextClient client("c", "ab"), other("a", "ab");
  client.edit(op(R"([1,"x"])"));
  const auto edits = client.push();
  server.push("c", edits, 100, false);  // and nobody hears
  other.edit(op(R"(["0"])"));
  sync(server, other);
  client.pulled(TextPullAnswer{0, std::vector<TextStep>{}, {}, {}});  // an old answer
  const auto again = client.push();
  REQUIRE(again.size() == 1);
  CHECK(again[0].operation == edits[0].operation);
  CHECK(again[0].revision == edits[0].revision);
  client.answered(server.push("c", again, 100, false));
  sync(server, client);
  CHECK(server.text() == "0axb");
  CHECK(client.session().text() == "0axb");
  CHECK(client.idle());
}

// trap: old-copy-after-rebase
TEST_CASE("an old copy of a push that arrives after a rebase is answered, not applied again") {
  TextServer server("ab", 2);
  TextClient client("c", "ab"), other("a", "ab");
  client.edit(op(R"([1,"x"])"));
  const auto old_copy = client.push();
  for (const char* letter : {"1", "2", "3"}) {
    other.edit(op(std::string("[\"") + letter + "\"]"));
    sync(server, other);
  }
  const TextPushAnswer answer = server.push("c", client.push(), 100, false);
  REQUIRE(answer.pull_first == "c-1");
  client.answered(answer);
  sync(server, client);  // pulls, and sends it as it is now
  CHECK(server.text() == "321axb");
  server.push("c", old_copy, 100, false);
  CHECK(server.text() == "321axb");
  CHECK(client.session().text() == "321axb");
}

TEST_CASE("a reconnect while edits go on: the sent part is as it was, the rest grows and follows") {
  TextServer server("", 512);
  TextClient client("c", ""), other("a", "");
  client.edit(op(R"(["1"])"));
  const auto first = client.push();
  for (const char* letter : {"2", "3", "4"}) {
    const std::size_t points = TextDice::count_of(client.session().text());
    client.edit(op("[" + std::to_string(points) + ",\"" + letter + "\"]"));
  }
  REQUIRE(client.session().state().edits.size() == 2);  // what is under way, and the rest as one
  CHECK(write_text_operation(client.session().state().edits[1].operation) == R"([1,"234"])");
  CHECK(client.push()[0].operation == first[0].operation);
  other.edit(op(R"(["other "])"));
  sync(server, other);
  for (int i = 0; i < 4; ++i) sync(server, client);
  CHECK(client.idle());
  CHECK(server.text() == "other 1234");
  CHECK(client.session().text() == server.text());
}

TEST_CASE("a base older than the horizon: the whole text comes and own edits go over it") {
  TextServer server("one two", 512);
  TextClient client("c", "one two"), other("a", "one two");
  client.edit(op(R"([7," mine"])"));
  server.push("c", client.push(), 100, false);  // committed, but the answer is lost
  client.edit(op(R"(["my "])"));
  for (int i = 0; i < 9; ++i) {
    other.edit(op(R"(["x"])"));
    sync(server, other);
  }
  server.prune(1);
  const TextPullAnswer answer = server.pull("c", 0);
  REQUIRE_FALSE(answer.steps.has_value());
  client.pulled(answer);
  CHECK(client.session().state().edits.size() == 1);
  for (int i = 0; i < 3; ++i) sync(server, client);
  CHECK(client.idle());
  CHECK(client.session().text() == server.text());
  CHECK(server.text() == "xxxxxxxxxmy one two mine");
}

TEST_CASE(
    "several mutations of one field in one push build on one another, over what came between") {
  TextServer server("ab", 512);
  TextClient client("c", "ab"), other("a", "ab");
  TextSession& session = client.session();
  session.edit("c-1", op(R"([2,"1"])"));
  session.edit("c-2", op(R"([3,"2"])"));
  session.edit("c-3", op(R"([2,-1])"));
  REQUIRE(session.freeze());
  other.edit(op(R"(["0"])"));
  sync(server, other);
  std::vector<PushedText> edits;
  for (const TextEdit& edit : session.state().edits)
    edits.push_back({edit.mutation, edit.sent_at, edit.sent});
  CHECK(server.push("c", edits, 2, false).pull_first == "c-3");  // two of them, and no more
  CHECK(server.text() == "0ab12");
  CHECK(server.push("c", edits, 100, false).committed.size() == 3);  // answered, answered, new
  CHECK(server.text() == "0ab2");
  client.pulled(server.pull("c", 0));
  CHECK(client.idle());
  CHECK(session.text() == "0ab2");
}

TEST_CASE("a rejected edit is taken back, those after it stay") {
  TextSession session = session_of("ab");
  session.edit("m1", op(R"([1,"bad"])"));
  session.edit("m2", op(R"([5," good"])"));
  CHECK(session.text() == "abadb good");
  const TextOperation change = session.withdraw("m1");
  CHECK(session.text() == "ab good");
  CHECK(ot::apply("abadb good", change) == "ab good");
  CHECK(session.withdraw("m1").changes_nothing());
  CHECK(write_text_operation(session.state().edits[0].operation) == R"([2," good"])");
}

TEST_CASE("10,000 offline edits meet 10,000 concurrent ones after one pull first") {
  const std::string text(1'000, '.');
  TextServer server(text, 512);
  TextClient client("c", text), other("a", text);
  TextDice dice(1);
  for (int i = 0; i < 10'000; ++i) {
    client.edit(op("[" + std::to_string(dice.below(1'000) + 1) + ",\"c\"]"));
    other.edit(op("[" + std::to_string(dice.below(1'000) + 1) + ",\"a\"]"));
    if (i % 10 == 9) sync(server, other);
  }
  REQUIRE(client.session().state().edits.size() == 1);
  const TextPushAnswer answer = server.push("c", client.push(), 100, false);
  REQUIRE(answer.pull_first == "c-1");
  client.answered(answer);
  REQUIRE(server.pull("c", 0).steps->size() == 1);
  sync(server, client);
  CHECK(client.idle());
  CHECK(client.session().text() == server.text());
  CHECK(server.text().size() == 21'000);
}

// trap: mixed-typing
TEST_CASE("two who type 40 characters each at one caret: each one's text stays in one piece") {
  std::vector<std::size_t> runs;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    TextDice dice(seed);
    TextServer server("()", 512);
    std::vector<TextClient> clients = {{"a", "()"}, {"b", "()"}};
    std::size_t carets[] = {1, 1};
    int typed[] = {0, 0};
    while (typed[0] < 40 || typed[1] < 40 || !clients[0].idle() || !clients[1].idle()) {
      const std::size_t who = dice.below(2);
      TextClient& client = clients[who];
      if (dice.chance(60) && typed[who] < 40) {
        client.edit(op("[" + std::to_string(carets[who]) + ",\"" + client.name() + "\"]"));
        ++carets[who];
        ++typed[who];
      } else if (dice.chance(50)) {
        const auto edits = client.push();
        if (!edits.empty()) client.answered(server.push(client.name(), edits, 100, false));
      } else {
        const auto change =
            client.pulled(server.pull(client.name(), client.session().state().revision));
        carets[who] = ot::transform_position(carets[who], *change, ot::Side::left);
      }
    }
    const std::string& text = server.text();
    CHECK(std::count(text.begin(), text.end(), 'a') == 40);
    std::size_t pieces = 1;
    for (std::size_t i = 2; i + 1 < text.size(); ++i) pieces += text[i] != text[i - 1] ? 1 : 0;
    runs.push_back(pieces);
  }
  std::sort(runs.begin(), runs.end());
  CHECK(runs[100] == 2);
  MESSAGE("at most " << runs.back() << " pieces");
}
