// Presence of users behind one role, who are told apart by their keys.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "objectos/sync_engine.h"
#include "tests/e2e/attack_world.h"
#include "tests/e2e/presence_world.h"
#include "tests/e2e/signed_world.h"

using namespace e2e;
using objectos::PresenceEvent;
using objectos::SyncEngine;

namespace {

// A user's engine, in one channel.
class SignedApp {
  HeardLines heard_;  // outlives the engine, whose threads write to it

 public:
  SignedApp(SignedWorld& world, const std::string& user, const std::string& channel) {
    objectos::Options options = world.options(user + ".db", world.key_file(user).first);
    options.timing.backoff_first = 20ms;
    options.timing.backoff_max = 100ms;
    options.logger = [](objectos::LogLevel, const std::string&) {};
    engine = std::make_unique<SyncEngine>(options);
    engine->clone();
    presence = engine->presence(channel, "1", [this](const PresenceEvent& event) {
      std::string line = objectos::presence_kind_name(event.kind);
      if (!event.user_id.empty()) line += " " + event.user_id;
      if (!event.payload.empty()) line += " " + event.payload;
      heard_.add(line);
    });
  }
  Lines hears(std::size_t count) { return heard_.take(count); }
  Lines present() const {
    Lines users;
    for (const auto& client : presence.list()) users.push_back(client.user_id);
    std::sort(users.begin(), users.end());
    return users;
  }
  std::unique_ptr<SyncEngine> engine;
  objectos::Presence presence;
};

}  // namespace

TEST_CASE(
    "users behind one role are in channels under their own names, and in those they may see") {
  SignedWorld world;
  world.server.exec("CREATE POLICY shared ON diary FOR SELECT USING (owner = 'all')");
  world.server.exec("INSERT INTO diary VALUES ('1', 'all', 'x'), ('2', 'ada', 'secret')");
  SignedApp ada(world, "ada", "diary/1");
  CHECK(ada.hears(1) == Lines{"listed"});
  SignedApp bob(world, "bob", "diary/1");
  CHECK(bob.hears(1) == Lines{"listed"});
  CHECK(ada.hears(2) == Lines{"join bob 1", "user_online bob"});
  CHECK(ada.present() == Lines{"ada", "bob"});
  CHECK(bob.present() == Lines{"ada", "bob"});
  ada.presence.update("2");
  CHECK(bob.hears(1) == Lines{"update ada 2"});
  ada.presence.broadcast("3");
  CHECK(bob.hears(1) == Lines{"broadcast ada 3"});
  // A record that its policy hides from bob.
  auto hidden = bob.engine->presence("diary/2", "1", [](const PresenceEvent&) {});
  auto own = ada.engine->presence("diary/2", "1", [](const PresenceEvent&) {});
  CHECK(soon([&] { return own.list().size() == 1; }));
  CHECK(hidden.list().empty());
  bob.presence = objectos::Presence();
  CHECK(ada.hears(2) == Lines{"leave bob", "user_offline bob"});
}

TEST_CASE(
    "presence goes on when a login ends and is renewed, and is over when the key is revoked") {
  SignedWorld world;
  world.server.exec(
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET objectos_sync.token_lifetime = 2', "
      "current_database()); END $$");
  world.server.exec("CREATE POLICY shared ON diary FOR SELECT USING (owner = 'all')");
  world.server.exec("INSERT INTO diary VALUES ('1', 'all', 'x')");
  SignedApp ada(world, "ada", "diary/1"), bob(world, "bob", "diary/1");
  CHECK(soon([&] { return ada.present().size() == 2 && bob.present().size() == 2; }));
  std::this_thread::sleep_for(2100ms);  // which a login does not survive
  ada.hears(1), bob.hears(1);
  ada.presence.broadcast("1");
  CHECK(bob.hears(1) == Lines{"broadcast ada 1"});
  bob.presence.update("2");
  CHECK(ada.hears(1) == Lines{"update bob 2"});
  world.server.exec("SELECT sync_revoke_key(key_id) FROM sync_keys() WHERE user_id = 'bob'");
  ada.presence.broadcast("2");
  CHECK(ada.hears(2) == Lines{"leave bob", "user_offline bob"});
  CHECK(bob.hears(1) == Lines{"offline"});
  CHECK(bob.present().empty());
}

TEST_CASE("who has not logged in is in no channel of another's, and in none where all must sign") {
  SignedWorld world;
  world.server.exec("INSERT INTO diary VALUES ('1', 'ada', 'x')");
  SignedApp ada(world, "ada", "diary/1");
  CHECK(soon([&] { return ada.present() == Lines{"ada"}; }));
  const std::string own = ada.engine->status().client_id;
  Session stranger(world.server, world.role);
  const auto state = [&](const std::string& call) { return stranger.ask("SELECT " + call).state; };
  for (const std::string name : {"sync_presence_join", "sync_broadcast"}) {
    CHECK(state(name + "('" + own + "', 'diary/1', '1')") == "42501");
    CHECK(state(name + "('mine', 'diary/1', '1')") == "OS004");
    CHECK(state(name + "('mine', 'diary', '1')") == "");  // the role's own right
  }
  CHECK(state("* FROM sync_events('" + own + "', 1)") == "42501");
  CHECK(state("* FROM sync_presence('diary/1')") == "OS004");
  world.server.exec("SELECT sync_require_signatures(true)");
  for (const std::string name : {"sync_presence_join", "sync_presence_update", "sync_broadcast"})
    CHECK(state(name + "('mine', 'diary', '2')") == "OS017");
  CHECK(state("sync_presence_leave('mine', 'diary')") == "");
  stranger.ask("SET objectos_sync.session_token = 'os1.x.y'");
  CHECK(state("sync_presence_join('mine', 'diary', '1')") == "OS018");
  // With a login all goes on.
  SignedApp bob(world, "bob", "diary");
  CHECK(soon([&] { return bob.present() == Lines{"bob"}; }));
}
