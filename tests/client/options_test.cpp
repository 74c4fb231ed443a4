// The options of the C API are those of objectos::Options: every member of the struct, as its
// header declares it, has a name in the JSON, a place in the document, and arrives.
#include <doctest/doctest.h>

#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "c_api/options_json.h"

using objectos::Options;
using objectos::c_api::options_from_json;

namespace {

std::string text_of(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

struct Member {
  std::string type, name;
  bool operator<(const Member& other) const { return name < other.name; }
};

// What stands between `struct NAME {` and `};`, without comments.
std::set<Member> members_of(const std::string& header, const std::string& name) {
  const std::size_t begin = header.find("struct " + name + " {");
  REQUIRE(begin != std::string::npos);
  std::string body = header.substr(begin, header.find("\n};", begin) - begin);
  body = std::regex_replace(body.substr(body.find('{') + 1), std::regex("//[^\n]*"), "");
  const std::regex member("^\\s*([A-Za-z0-9_:]+(?:<.*>)?) ([a-z_]+)(?:\\{.*\\}| = .*)?;");
  std::set<Member> found;
  std::stringstream lines(body);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_search(line, match, member))
      found.insert({match[1], match[2]});
    else
      CHECK_MESSAGE(line.find_first_not_of(" ") == std::string::npos, "not understood: ", line);
  }
  return found;
}

std::string shown(std::chrono::milliseconds time) {
  return std::to_string(time.count());
}

struct Told {
  std::string value;  // JSON, none of them a default
  std::function<std::string(const Options&)> read;
};

const std::map<std::string, Told> kTold = {
    {"database", {"\"a.db\"", [](const Options& o) { return "\"" + o.database + "\""; }}},
    {"server", {"\"host=b\"", [](const Options& o) { return "\"" + o.server + "\""; }}},
    {"key_file", {"\"k\"", [](const Options& o) { return "\"" + o.key_file + "\""; }}},
    {"device", {"\"c\"", [](const Options& o) { return "\"" + o.device + "\""; }}},
    {"subscription", {"{\"objects\":[]}", [](const Options& o) { return o.subscription; }}},
    {"page_mutations", {"11", [](const Options& o) { return std::to_string(o.page_mutations); }}},
    {"push_mutations", {"12", [](const Options& o) { return std::to_string(o.push_mutations); }}},
    {"push_bytes", {"70000", [](const Options& o) { return std::to_string(o.push_bytes); }}},
    {"fold", {"true", [](const Options& o) { return o.fold ? "true" : "false"; }}},
    {"lease_block", {"13", [](const Options& o) { return std::to_string(o.lease_block); }}},
    {"initial_connections",
     {"5", [](const Options& o) { return std::to_string(o.initial_connections); }}},
    {"history_groups",
     {"14", [](const Options& o) { return std::to_string(o.history_groups.value_or(-1)); }}},
    {"live", {"false", [](const Options& o) { return o.live ? "true" : "false"; }}},
    {"live_push_delay_ms",
     {"21", [](const Options& o) { return shown(o.timing.live_push_delay); }}},
    {"live_poll_interval_ms",
     {"22", [](const Options& o) { return shown(o.timing.live_poll_interval); }}},
    {"live_burst_pause_ms",
     {"23", [](const Options& o) { return shown(o.timing.live_burst_pause); }}},
    {"live_silence_ms", {"24", [](const Options& o) { return shown(o.timing.live_silence); }}},
    {"frames",
     {"\"on\"", [](const Options& o) { return o.frames == objectos::Frames::on ? "\"on\"" : ""; }}},
    {"delivery",
     {"\"poll\"",
      [](const Options& o) { return o.delivery == objectos::Delivery::poll ? "\"poll\"" : ""; }}},
    {"interval_ms", {"15", [](const Options& o) { return shown(o.timing.interval); }}},
    {"push_age_ms", {"16", [](const Options& o) { return shown(o.timing.push_age); }}},
    {"backoff_first_ms", {"17", [](const Options& o) { return shown(o.timing.backoff_first); }}},
    {"backoff_max_ms", {"18", [](const Options& o) { return shown(o.timing.backoff_max); }}},
    {"connect_timeout_ms",
     {"19", [](const Options& o) { return shown(o.timing.connect_timeout); }}},
    {"answer_timeout_ms", {"25", [](const Options& o) { return shown(o.timing.answer_timeout); }}},
    {"watch_interval_ms", {"20", [](const Options& o) { return shown(o.timing.watch_interval); }}},
};

}  // namespace

TEST_CASE("every option of the engine is one of the C API's, is documented, and arrives") {
  const std::string header = text_of("client/include/objectos/sync_engine.h");
  const std::string document = text_of("docs/c-api.md");
  std::set<std::string> functions, wanted;
  for (const char* structure : {"Options", "Timing"})
    for (const Member& member : members_of(header, structure)) {
      if (member.type.starts_with("std::function") || member.type == "SigningKey")
        functions.insert(member.name);
      else if (member.type != "Timing")
        wanted.insert(member.name + (member.type == "std::chrono::milliseconds" ? "_ms" : ""));
    }
  // No JSON holds a function. In C there is polling instead; clock and dice are for tests.
  CHECK(functions ==
        std::set<std::string>{"logger", "executor", "on_waiting", "random", "now_ms", "key"});
  std::set<std::string> told;
  for (const auto& [name, one] : kTold) told.insert(name);
  CHECK(told == wanted);
  for (const auto& [name, one] : kTold) {
    CAPTURE(name);
    CHECK(document.find("`" + name + "`") != std::string::npos);
    CHECK(one.read(Options()) != one.value);
    CHECK(one.read(options_from_json("{\"" + name + "\":" + one.value + "}")) == one.value);
  }
}

TEST_CASE("an option of the wrong type is refused by name") {
  for (const char* text : {R"({"fold":1})", R"({"database":true})", R"({"push_bytes":"1"})",
                           R"({"frames":"maybe"})", R"({"interval_ms":-1})"}) {
    CAPTURE(text);
    const std::string name = std::string(text).substr(2, std::string(text).find('"', 2) - 2);
    try {
      options_from_json(text);
      FAIL_CHECK("it was taken");
    } catch (const objectos::Error& error) {
      CHECK(error.code() == "bad_options");
      CHECK(error.message().find("\"" + name + "\"") != std::string::npos);
    }
  }
}
