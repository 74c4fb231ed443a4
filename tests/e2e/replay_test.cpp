// Signed mutations that are sent again, by whoever overheard them, and honest ones that look odd.
//
//   REPLAYS=1000   mutations that are sent again; the long run takes 100,000
//   HONEST=200     honest ones with awkward content; the long run takes 10,000
#include <algorithm>
#include <functional>
#include <iterator>

#include "tests/e2e/random_runs.h"
#include "tests/e2e/signing_client.h"

using namespace e2e;
using namespace objectos;

namespace {

// What a client has sent, each once with its effect.
struct Sent {
  std::vector<std::string> envelopes, payloads;
};

Sent send_pages(SigningClient& client, std::uint64_t count) {
  Sent sent;
  for (std::uint64_t number = 1; number <= count; ++number) {
    sent.payloads.push_back(
        diary_page(number, awkward_texts()[number % awkward_texts().size()].substr(0, 40)));
    sent.envelopes.push_back(client.seal(sent.payloads.back()));
    REQUIRE(client.push(sent.envelopes.back()) == "applied");
  }
  return sent;
}

std::string list_of(const std::vector<std::string>& all, std::size_t from, std::size_t count) {
  std::string list = "[";
  for (std::size_t i = 0; i < count; ++i) list += (i > 0 ? "," : "") + all[(from + i) % all.size()];
  return list + "]";
}

// All that a replay could have changed.
std::string effects(Server& server) {
  return server.exec(
      "SELECT (SELECT md5(coalesce(string_agg(d::text, '|' ORDER BY id), '')) FROM diary d), "
      "(SELECT count(*) FROM objectos_sync.mutations), "
      "(SELECT count(*) FROM objectos_sync.signatures), "
      "(SELECT max(high_water) FROM objectos_sync.clients)");
}

// One way to send again: what to send, under which client's name, and what may be answered.
struct Way {
  const char* name;
  std::function<std::string(const std::string& envelope)> changed;
  const char* client;
  std::vector<std::string> answers;
};

std::string name_of(const Way& way, const char* age) {
  return std::string(way.name) + " after " + age;
}

}  // namespace

TEST_CASE("what was signed once has one effect, whoever sends it again, and however often") {
  const std::uint64_t wanted = number_from("REPLAYS", 1000);
  SigningClient client;
  const std::string other_key = client.world.key_file("mallory").second;
  const Sent sent = send_pages(client, 100);
  Server& server = client.world.server;
  // The server has moved on: an insert, an update or a delete that came again would show.
  server.exec("UPDATE diary SET body = 'newer', n = 7 WHERE n % 2 = 1 AND id::int % 3 = 0");
  server.exec("DELETE FROM diary WHERE id::int % 3 = 1");

  const auto as_it_was = [](const std::string& envelope) { return envelope; };
  const std::vector<Way> ways = {
      {"bit for bit", as_it_was, "phone", {"applied"}},
      {"under another client's name", as_it_was, "tablet", {"OS016"}},
      {"with another key's id",
       [&](const std::string& envelope) {
         Signed other(envelope);
         other.key_id = other_key;
         return other.text();
       },
       "phone",
       {"OS016"}},
      {"under another number",
       [](const std::string& envelope) {
         Signed other(envelope);
         const std::size_t at = other.payload.rfind(':');
         other.payload = other.payload.substr(0, at) + ":1000001}";
         return other.text();
       },
       "phone",
       {"OS016"}},
      {"without its signature",
       [](const std::string& envelope) { return Signed(envelope).payload; },
       "phone",
       {"42501"}},  // the role is another user
      {"with its signature in capitals",
       [](const std::string& envelope) {
         Signed other(envelope);
         for (char& c : other.signature)
           if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 32);
         return other.text();
       },
       "phone",
       {"OS016"}},
  };

  std::uint64_t replays = 0;
  // The verdicts are stored; confirmed and gone; the log is pruned, as after years.
  const char* const ages[] = {"SELECT 1", "DELETE FROM objectos_sync.verdicts",
                              "SELECT sync_prune('0')"};
  const std::uint64_t each = wanted / (std::size(ages) * ways.size()) + 1;
  for (const char* age : ages) {
    server.exec(age);
    const std::string before = effects(server);
    for (const Way& way : ways) {
      std::vector<std::string> changed;
      for (const std::string& envelope : sent.envelopes) changed.push_back(way.changed(envelope));
      Dice dice(each);
      for (std::uint64_t left = each; left > 0;) {
        // Alone, or many in one push: one of them may not open the door to the others.
        const std::uint64_t count = std::min<std::uint64_t>(left, dice.chance(50) ? 1 : 100);
        const std::string list = list_of(changed, static_cast<unsigned>(dice.below(100)), count);
        for (const std::string& answer : client.push_all(list, way.client)) {
          const bool expected =
              std::find(way.answers.begin(), way.answers.end(), answer) != way.answers.end();
          // Whether it was applied, nobody knows any more when the log is pruned.
          const bool forgotten =
              way.answers[0] == "applied" && age == std::end(ages)[-1] && answer == "OS003";
          CHECK_MESSAGE((expected || forgotten), name_of(way, age) << ": " << answer);
        }
        left -= count;
        replays += count;
      }
      CHECK_MESSAGE(effects(server) == before, name_of(way, age));
    }
  }
  CHECK(server.exec("SELECT count(*) FROM objectos_sync.mutations WHERE client_id = 'phone'") ==
        "0");
  MESSAGE(replays << " replays, 0 accepted");
  CHECK(replays >= wanted);
}

TEST_CASE("honest mutations with awkward content are all taken, as they are, and audited") {
  const std::uint64_t wanted = number_from("HONEST", 200);
  SigningClient client;
  std::uint64_t number = 0;
  for (const std::string& body : awkward_texts()) {
    const std::string payload = diary_page(++number, body);
    CHECK_MESSAGE(client.push(client.seal(payload)) == "applied", body.substr(0, 80));
    CHECK(client.push(client.seal(payload)) == "applied");
  }
  // The client's own escapes are not the only ones that can be signed.
  for (const char* body : {"\"\\u00e9\\/\\ud834\\udd1e\"", "\"\\u0041\\u000a\""}) {
    std::string payload = diary_page(++number, "HERE");
    payload.replace(payload.find("\"HERE\""), 6, body);
    CHECK(client.push(client.seal(" " + payload + "\n")) == "applied");
  }
  Dice dice(wanted);
  while (number < wanted) {
    std::string mutations;
    const std::uint64_t first = number + 1, last = std::min(number + 100, wanted);
    std::vector<std::string> bodies;
    for (number = first; number <= last; ++number) {
      std::string body;
      for (int parts = dice.below(12); parts > 0; --parts) {
        const std::string& text = dice.pick(awkward_texts());
        if (text.size() < 1000) body += text;
        if (dice.chance(30)) body += static_cast<char>(1 + dice.below(127));
      }
      bodies.push_back(body);
      mutations += (mutations.empty() ? "[" : ",") + client.seal(diary_page(number, body));
    }
    --number;
    for (const std::string& answer : client.push_all(mutations + "]"))
      CHECK_MESSAGE(answer == "applied", "one of " << first << " to " << last);
    Json expected = Json::object();
    for (std::size_t i = 0; i < bodies.size(); ++i)
      expected.set(std::to_string(first + i), Json::string(bodies[i]));
    CHECK(client.world.server.exec(
              "SELECT count(*) FROM diary JOIN json_each_text($json$" + write_json(expected) +
              "$json$) AS e(id, body) USING (id, body)") == std::to_string(bodies.size()));
  }
  MESSAGE(number << " honest mutations, 0 refused");
  CHECK(client.world.server.exec("SELECT count(*) FROM diary") == std::to_string(number));
  // Enabling the object is a row of the log, too.
  CHECK(client.world.server.exec("SELECT string_agg(detail, '') FROM sync_audit()") ==
        std::to_string(number) +
            " signed mutations, 0 findings; 1 unsigned writes are outside of it");
}
