// engine.presence(): channels as an app uses them, and the command.
#include <algorithm>
#include <atomic>
#include <csignal>

#include "objectos/sync_engine.h"
#include "tests/e2e/presence_world.h"

using namespace e2e;
using objectos::PresenceEvent;
using objectos::SyncEngine;

namespace {

// A user's file, with an engine, and what its channels tell.
class App {
  Directory directory_;
  HeardLines heard_;  // outlives the engine, whose threads write to it

 public:
  App(const PresenceWorld& world, const std::string& user) {
    objectos::Options options;
    options.database = directory_.file(user + ".db");
    options.server = world.server.conninfo() + " user=" + user + " application_name=" + user;
    options.timing.backoff_first = 20ms;
    options.timing.backoff_max = 100ms;
    options.logger = [](objectos::LogLevel, const std::string&) {};
    engine = std::make_unique<SyncEngine>(options);
    engine->clone();
  }
  objectos::Presence join(const std::string& channel, const std::string& state) {
    return engine->presence(channel, state, [this](const PresenceEvent& event) {
      std::string line = objectos::presence_kind_name(event.kind);
      line += " " + event.channel;
      if (!event.user_id.empty()) line += " " + event.user_id;
      if (!event.payload.empty()) line += " " + event.payload;
      for (const std::string& client : of(event.present)) line += "; " + client;
      heard_.add(line);
    });
  }
  Lines hears(std::size_t count) { return heard_.take(count); }
  // Each as user and state, by name.
  static Lines of(const std::vector<objectos::PresentClient>& present) {
    Lines lines;
    for (const auto& client : present) lines.push_back(client.user_id + " " + client.state);
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  std::string file(const std::string& user) const { return directory_.file(user + ".db"); }

  std::unique_ptr<SyncEngine> engine;
};

}  // namespace

TEST_CASE("two apps in a channel see one another come, change, speak and go") {
  PresenceWorld world;
  App ada(world, "ada"), bob(world, "bob");
  auto first = ada.join("notes/1", "1");
  CHECK(ada.hears(1) == Lines{"listed notes/1; ada 1"});
  {
    auto second = bob.join("notes/1", "2");
    CHECK(bob.hears(1) == Lines{"listed notes/1; ada 1; bob 2"});
    CHECK(ada.hears(2) == Lines{"join notes/1 bob 2", "user_online notes/1 bob"});
    second.update("3");
    CHECK(ada.hears(1) == Lines{"update notes/1 bob 3"});
    CHECK(App::of(first.list()) == Lines{"ada 1", "bob 3"});
    CHECK(soon([&] { return App::of(second.list()) == Lines{"ada 1", "bob 3"}; }));
    first.broadcast(R"({"typing": true})");
    CHECK(bob.hears(1) == Lines{R"(broadcast notes/1 ada {"typing": true})"});
    bob.engine->broadcast("notes/1", "7");
    CHECK(ada.hears(1) == Lines{"broadcast notes/1 bob 7"});
  }
  CHECK(ada.hears(2) == Lines{"leave notes/1 bob", "user_offline notes/1 bob"});
  CHECK(App::of(first.list()) == Lines{"ada 1"});
  bob.engine.reset();
  CHECK(bob.hears(0).empty());
}

TEST_CASE("of states that come faster than they can be sent the last one arrives") {
  PresenceWorld world;
  App ada(world, "ada"), bob(world, "bob");
  auto first = ada.join("notes", "0"), second = bob.join("notes", "0");
  CHECK(soon([&] { return second.list().size() == 2 && first.list().size() == 2; }));
  ada.hears(1);
  for (int i = 1; i <= 5000; ++i) second.update(std::to_string(i));
  Lines heard;
  CHECK(soon([&] {
    for (std::string& line : ada.hears(0)) heard.push_back(std::move(line));
    return !heard.empty() && heard.back() == "update notes bob 5000";
  }));
  CHECK(App::of(first.list()) == Lines{"ada 0", "bob 5000"});
  for (const std::string& line : heard) CHECK(line.find("refused") == std::string::npos);
}

TEST_CASE(
    "an app whose backend is killed is told, joins again by itself, and the others hear both") {
  PresenceWorld world;
  App ada(world, "ada"), bob(world, "bob");
  auto first = ada.join("notes", "1");
  CHECK(ada.hears(1) == Lines{"listed notes; ada 1"});
  auto second = bob.join("notes", "2");
  CHECK(bob.hears(1) == Lines{"listed notes; ada 1; bob 2"});
  CHECK(ada.hears(2) == Lines{"join notes bob 2", "user_online notes bob"});
  world.server.exec(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bob'");
  CHECK(ada.hears(4) == Lines{"leave notes bob", "user_offline notes bob", "join notes bob 2",
                              "user_online notes bob"});
  CHECK(bob.hears(2) == Lines{"offline notes", "listed notes; ada 1; bob 2"});
  // The whole server.
  REQUIRE(kill(std::stoi(world.server.exec("SELECT pg_backend_pid()")), SIGKILL) == 0);
  CHECK(ada.hears(1).at(0) == "offline notes");
  CHECK(bob.hears(1).at(0) == "offline notes");
  CHECK(soon([&] { return App::of(first.list()) == Lines{"ada 1", "bob 2"}; }));
  CHECK(soon([&] { return App::of(second.list()) == Lines{"ada 1", "bob 2"}; }));
  world.server.reconnect();
}

TEST_CASE(
    "what the server refuses is told, and whoever loses the right is out until it says more") {
  PresenceWorld world;
  App ada(world, "ada"), bob(world, "bob");
  auto nothing = ada.join("nothing", "1");
  CHECK(ada.hears(1) == Lines{"refused nothing"});
  CHECK(nothing.list().empty());
  CHECK_THROWS_AS(ada.join("notes", "{"), objectos::Error);
  CHECK_THROWS_AS(nothing.update("x"), objectos::Error);
  auto first = ada.join("notes", "1");
  CHECK(ada.hears(1) == Lines{"listed notes; ada 1"});
  auto second = bob.join("notes", "2");
  CHECK(ada.hears(2) == Lines{"join notes bob 2", "user_online notes bob"});
  first.broadcast("\"" + std::string(2000, 'x') + "\"");
  CHECK(ada.hears(1) == Lines{"refused notes"});
  world.server.exec("REVOKE SELECT ON notes FROM ada");
  second.broadcast("1");
  CHECK(ada.hears(1) == Lines{"leave notes ada"});
  CHECK(first.list().empty());
  CHECK(soon([&] { return App::of(second.list()) == Lines{"bob 2"}; }));
  world.server.exec("GRANT SELECT ON notes TO ada");
  first.update("5");
  CHECK(ada.hears(1) == Lines{"listed notes; ada 5; bob 2"});
}

TEST_CASE(
    "a record's channel is one, however its id is written, and an app may write it in several") {
  PresenceWorld world;
  world.server.exec(
      "CREATE TABLE pages (id uuid PRIMARY KEY); SELECT sync_enable('pages');"
      "INSERT INTO pages VALUES ('00000000-0000-4000-8000-00000000000a');"
      "GRANT SELECT ON pages TO ada, bob");
  const std::string lower = "pages/00000000-0000-4000-8000-00000000000a",
                    upper = "pages/00000000-0000-4000-8000-00000000000A",
                    braced = "pages/{00000000-0000-4000-8000-00000000000a}";
  App ada(world, "ada"), bob(world, "bob");
  auto first = ada.join(upper, "1");
  CHECK(ada.hears(1) == Lines{"listed " + upper + "; ada 1"});
  {
    auto second = bob.join(lower, "2");
    CHECK(bob.hears(1) == Lines{"listed " + lower + "; ada 1; bob 2"});
    CHECK(ada.hears(2) == Lines{"join " + upper + " bob 2", "user_online " + upper + " bob"});
    first.broadcast("3");
    CHECK(bob.hears(1) == Lines{"broadcast " + lower + " ada 3"});
    {
      auto again = bob.join(braced, "4");
      CHECK(bob.hears(1) == Lines{"listed " + braced + "; ada 1; bob 4"});
      CHECK(ada.hears(1) == Lines{"update " + upper + " bob 4"});
      CHECK(App::of(second.list()) == Lines{"ada 1", "bob 4"});
      first.update("5");
      CHECK(bob.hears(2) == Lines{"update " + lower + " ada 5", "update " + braced + " ada 5"});
    }
    second.update("6");  // one of two spellings is left, and the channel is not
    CHECK(ada.hears(1) == Lines{"update " + upper + " bob 6"});
  }
  CHECK(ada.hears(2) == Lines{"leave " + upper + " bob", "user_offline " + upper + " bob"});
  // Numbers.
  auto number = ada.join("notes/1", "1");
  ada.hears(1);
  for (const std::string spelled : {"notes/01", "notes/+1", "notes/ 1"}) {
    CAPTURE(spelled);
    auto other = bob.join(spelled, "2");
    const Lines heard = bob.hears(1);
    if (heard == Lines{"refused " + spelled}) continue;  // no id of a number
    CHECK(heard == Lines{"listed " + spelled + "; ada 1; bob 2"});
    CHECK(ada.hears(2) == Lines{"join notes/1 bob 2", "user_online notes/1 bob"});
    other = objectos::Presence();
    CHECK(ada.hears(2) == Lines{"leave notes/1 bob", "user_offline notes/1 bob"});
  }
}

// Race: the thread of the channels sends what the app said since it looked last, a farewell and a
// greeting among it. Invariant: who is in a channel for the app is in it at the server.
TEST_CASE("an app that leaves a channel and is back at once is in it, also by another spelling") {
  PresenceWorld world;
  App ada(world, "ada"), bob(world, "bob");
  auto first = ada.join("notes/1", "1");
  CHECK(ada.hears(1) == Lines{"listed notes/1; ada 1"});
  auto second = bob.join("notes/1", "0");
  CHECK(bob.hears(1) == Lines{"listed notes/1; ada 1; bob 0"});
  for (int i = 1; i <= 20; ++i) {
    CAPTURE(i);
    const std::string channel = i % 3 == 0 ? "notes/01" : "notes/1", state = std::to_string(i);
    second = objectos::Presence();
    second = bob.join(channel, state);
    REQUIRE(bob.hears(1) == Lines{"listed " + channel + "; ada 1; bob " + state});
    REQUIRE(soon([&] { return App::of(first.list()) == Lines{"ada 1", "bob " + state}; }));
  }
}

TEST_CASE(
    "stop() leaves every channel, start() joins them again, and a handle outlives its engine") {
  PresenceWorld world;
  App ada(world, "ada"), bob(world, "bob");
  auto first = ada.join("notes", "1");
  auto second = std::make_unique<objectos::Presence>(bob.join("notes", "2"));
  auto again = bob.join("notes", "2"), record = bob.join("notes/1", "2");
  CHECK(soon([&] { return first.list().size() == 2; }));
  second.reset();  // one of two
  CHECK(soon([&] { return record.list().size() == 1; }));
  CHECK(first.list().size() == 2);
  bob.engine->stop();
  CHECK(soon([&] { return first.list().size() == 1; }));
  CHECK(again.list().empty());
  bob.engine->start();
  CHECK(soon([&] { return first.list().size() == 2 && record.list().size() == 1; }));
  bob.engine.reset();
  again.update("3");
  again.broadcast("3");
  CHECK(again.list().empty());
  CHECK(soon([&] { return first.list().size() == 1; }));
}

TEST_CASE("a log callback of a channel's thread may stop the engine, also while others do") {
  PresenceWorld world;
  Directory directory;
  objectos::Options options;
  options.database = directory.file("bob.db");
  options.server = world.server.conninfo() + " user=bob";
  std::atomic<SyncEngine*> stopped{nullptr};
  std::atomic<int> logged{0};
  options.logger = [&](objectos::LogLevel, const std::string&) {
    ++logged;
    if (SyncEngine* const engine = stopped.load()) engine->stop();
  };
  SyncEngine engine(options);
  engine.clone();
  stopped = &engine;
  for (int i = 0; i < 20; ++i) {
    const int before = logged;
    auto refused = engine.presence("nothing", "1", [](const PresenceEvent&) {});
    CHECK(soon([&] { return logged > before; }));
    engine.stop();
  }
}

TEST_CASE("the command is in a channel, prints who else is, and ends with what refuses it") {
  PresenceWorld world;
  App ada(world, "ada"), bob(world, "bob");
  auto first = ada.join("notes/1", "1");
  CHECK(ada.hears(1).size() == 1);
  bob.engine.reset();
  const std::string log = bob.file("log");
  const Ended ended = shell(program() + " presence " + bob.file("bob") +
                            " notes/1 --json --state '{\"cursor\":2}' > " + log +
                            " & job=$!; for i in $(seq 400); do grep -q listed " + log +
                            " && break; sleep 0.05; done; kill -TERM $job; wait $job; cat " + log);
  CHECK(ended.code == 0);
  CHECK(ended.output.find("\"event\":\"presence\",\"kind\":\"listed\",\"channel\":\"notes/1\"") !=
        std::string::npos);
  CHECK(ended.output.find("\"user_id\":\"ada\",\"state\":1}") != std::string::npos);
  CHECK(ada.hears(4) == Lines{R"(join notes/1 bob {"cursor": 2})", "user_online notes/1 bob",
                              "leave notes/1 bob", "user_offline notes/1 bob"});
  const Ended refused = command("presence " + bob.file("bob") + " notes/77");
  CHECK(refused.code == 1);
  CHECK(refused.output.find("there is no channel") != std::string::npos);
}
