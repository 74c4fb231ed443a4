// Signed mutations that somebody has had their hands on.
//
//   FLIPS=2           of so many mutations every bit is flipped; the long run takes 1,000
//   REENCODINGS=200   other texts of the same mutation; the long run takes 10,000
// Each mutation is drawn from its seed: tests/e2e/random_runs.h says which are.
#include <algorithm>
#include <utility>

#include "tests/e2e/random_runs.h"
#include "tests/e2e/signing_client.h"

using namespace e2e;
using namespace objectos;

namespace {

bool is_sqlstate(const std::string& answer) {
  return answer.size() == 5 && answer != "08006";
}

std::string drawn_body(Dice& dice) {
  std::string body;
  for (int left = dice.below(3); left >= 0; --left)
    body += awkward_texts()[2 + static_cast<unsigned>(dice.below(3))];
  return body;
}

// What a JSON text is made of: strings with their quotes, numbers, words, punctuation.
std::vector<std::string> tokens_of(const std::string& json) {
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < json.size();) {
    std::size_t end = at + 1;
    if (json[at] == '"') {
      while (json[end] != '"') end += json[end] == '\\' ? 2 : 1;
      ++end;
    } else if (std::string("{}[]:,").find(json[at]) == std::string::npos) {
      end = json.find_first_of("{}[]:,", at);
    }
    tokens.push_back(json.substr(at, end - at));
    at = end;
  }
  return tokens;
}
std::string joined(const std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

// A character of a string, written by its number.
void escape_one(std::string& token, Dice& dice) {
  const std::size_t at = 1 + static_cast<unsigned>(dice.below(static_cast<int>(token.size()) - 2));
  if (token.find('\\') != std::string::npos || (token[at] & 0x80) != 0) return;
  char escape[8];
  std::snprintf(escape, sizeof escape, dice.chance(50) ? "\\u%04x" : "\\u%04X",
                static_cast<unsigned char>(token[at]));
  token.replace(at, 1, token[at] == '/' && dice.chance(50) ? "\\/" : escape);
}

// Another text for what a JSON parser calls the same, by one to three changes.
std::string encoded_otherwise(const std::string& payload, Dice& dice) {
  std::vector<std::string> tokens = tokens_of(payload);
  for (int changes = 1 + dice.below(3); changes > 0; --changes) {
    const std::size_t at = static_cast<unsigned>(dice.below(static_cast<int>(tokens.size())));
    std::string& token = tokens[at];
    switch (dice.below(4)) {
      case 0: {  // space around it
        const char* const spaces[] = {" ", "\t", "\n", "\r\n", "  "};
        token = dice.chance(50) ? token + dice.pick(spaces) : dice.pick(spaces) + token;
        break;
      }
      case 1:
        if (token.size() > 2 && token.front() == '"' && token.back() == '"')
          escape_one(token, dice);
        break;
      case 2: {  // another form of a number
        if (token.find_first_not_of("0123456789") != std::string::npos) break;
        const char* const ends[] = {".0", "e0", "E+0", ".00e0", "e-0"};
        token += dice.pick(ends);
        break;
      }
      default:  // a member twice, or two members in the other order
        if (token != "," || at + 4 >= tokens.size() || at < 3 || tokens[at + 2] != ":" ||
            tokens[at - 2] != ":")
          break;
        if (dice.chance(50)) {
          const std::string member = tokens[at - 3] + ":" + tokens[at - 1];
          token = "," + member + ",";
        } else if (tokens[at + 3] != "{" && tokens[at + 3] != "[") {
          std::swap(tokens[at - 3], tokens[at + 1]);
          std::swap(tokens[at - 1], tokens[at + 3]);
        }
    }
  }
  return joined(tokens);
}

// What is no JSON any more would be refused whatever was signed. A member twice is JSON.
bool still_says_so(const std::string& payload) {
  try {
    (void)parse_json(payload);
  } catch (const std::exception& error) {
    return std::string(error.what()).find("duplicate key") != std::string::npos;
  }
  return true;
}

}  // namespace

TEST_CASE("a signed mutation with one bit flipped is never taken, whichever bit it is") {
  const Seeds seeds(number_from("FLIPS", 2));
  MESSAGE(seeds.text());
  SigningClient client;
  long flips = 0, taken = 0;
  seeds.each([&](std::uint64_t seed, std::uint64_t before) {
    Dice dice(seed);
    const std::string envelope = client.seal(diary_page(before + 1, drawn_body(dice)));
    for (std::size_t bit = 0; bit < envelope.size() * 8; ++bit) {
      std::string flipped = envelope;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      if (flipped[bit / 8] == '\0') continue;  // the end of a text for libpq
      ++flips;
      const std::string answer = client.push(flipped);
      if (is_sqlstate(answer)) continue;
      FAIL("seed " << seed << ", bit " << bit << ": " << answer << "\n" << flipped);
    }
    REQUIRE(client.push(envelope) == "applied");
    ++taken;
  });
  MESSAGE(flips << " flips of " << taken << " mutations, 0 accepted");
  CHECK(client.world.server.exec("SELECT count(*) FROM diary") == std::to_string(taken));
}

TEST_CASE("another text of the same mutation is another message, however it is written anew") {
  const Seeds seeds(number_from("REENCODINGS", 200));
  MESSAGE(seeds.text());
  SigningClient client;
  std::uint64_t number = 0, refused = 0;
  std::string payload;
  seeds.each([&](std::uint64_t seed, std::uint64_t before) {
    Dice dice(seed);
    if (before % 20 == 0) {
      if (number > 0) REQUIRE(client.push(client.seal(payload)) == "applied");
      payload = diary_page(++number, "a/b " + drawn_body(dice) + " é");
    }
    Signed other(client.seal(payload));
    while (other.payload == payload) other.payload = encoded_otherwise(payload, dice);
    CHECK_MESSAGE(still_says_so(other.payload), "seed " << seed << ": " << other.payload);
    const std::string answer = client.push(other.text());
    CHECK_MESSAGE(answer == "OS016", "seed " << seed << ": " << other.payload);
    refused += answer == "OS016" ? 1 : 0;
  });
  MESSAGE(refused << " re-encodings refused, 0 accepted");
  CHECK(client.world.server.exec("SELECT count(*) FROM diary") == std::to_string(number - 1));
  CHECK(client.push(client.seal(payload)) == "applied");
}

TEST_CASE("another text of the same mutation is another message") {
  SigningClient client;
  const std::string payload = diary_page(1, "a/b é");
  const Signed honest(client.seal(payload));
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = payload;
    REQUIRE(text.find(from) != std::string::npos);
    return text.replace(text.find(from), from.size(), to);
  };
  const std::vector<std::string> others = {
      payload + " ",
      "\n" + payload,
      replaced("\"n\":1", "\"n\": 1"),
      replaced("\"n\":1", "\"n\":1.0"),
      replaced("\"n\":1", "\"n\":1e0"),
      replaced("\"n\":1", "\"n\":\"1\""),
      replaced("\"n\":1", "\"n\":1,\"n\":1"),
      replaced("\"n\":1", "\"n\":2,\"n\":1"),
      replaced("a/b", "a\\/b"),
      replaced("a/b", "\\u0061/b"),
      replaced("é", "\\u00e9"),
      replaced("é", "\\u00E9"),
      replaced("é", "e\u0301"),
      replaced("\"object\":\"diary\",\"record_id\":\"1\"",
               "\"record_id\":\"1\",\"object\":\"diary\""),
      replaced("00000000-0000-4000-8000-000000000001", "00000000000040008000000000000001"),
      replaced("\"operation\":\"insert\"", "\"operation\":\"insert\",\"group\":null"),
      write_json(parse_json(payload)) + "\t",
      canonical_json(parse_json(payload)),
  };
  for (const std::string& other : others) {
    CHECK(other != payload);
    Signed changed = honest;
    changed.payload = other;
    CHECK_MESSAGE(client.push(changed.text()) == "OS016", other);
  }
  CHECK(client.push(honest.text()) == "applied");
}
