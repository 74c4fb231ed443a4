// Conflicts decided by the app's resolver. Race: the row changes while the app thinks. Invariant: a
// decision reaches the server only if it was made about what the file holds when it is sent.
#include <doctest/doctest.h>

#include <atomic>

#include "tests/e2e/listener_world.h"

using namespace e2e;
using namespace std::chrono_literals;
using objectos::ConflictQuestion;
using objectos::Decision;
using objectos::SyncEngine;

namespace {

struct Colliding : Contacts {
  Colliding() : Contacts("SELECT sync_enable('contacts', on_conflict => 'manual')") {}

  // The phone's London against the server's.
  void collide() {
    local(phone, "UPDATE contacts SET city = 'Paris' WHERE id = 1");
    server.exec("UPDATE contacts SET city = 'Berlin' WHERE id = 1");
  }
  std::string city() { return server.exec("SELECT city FROM contacts WHERE id = 1"); }
  std::string open() {
    return server.exec("SELECT count(*) FROM objectos_sync.conflicts WHERE status = 'open'");
  }
};

}  // namespace

TEST_CASE("a resolver gets base, local and remote; its values end the conflict for everybody") {
  Colliding world;
  SyncEngine engine(world.options());
  engine.clone();
  world.collide();
  Heard<ConflictQuestion> asked;
  auto token = engine.set_resolver("contacts", [&](const ConflictQuestion& question) {
    asked.note(question);
    return Decision::values("{\"city\": \"Paris and Berlin\"}");
  });
  engine.start();
  CHECK(engine.wait_until_synced(20s));
  REQUIRE(asked.wait_for(1).size() == 1);
  const ConflictQuestion question = asked.all()[0];
  CHECK(question.object == "contacts");
  CHECK(question.record_id == "1");
  CHECK(question.reason == "concurrent_update");
  CHECK(question.base == "{\"city\":\"London\"}");
  CHECK(question.local == "{\"city\":\"Paris\"}");
  CHECK(question.remote == "{\"city\":\"Berlin\"}");
  CHECK(question.row == "{\"id\":1,\"name\":\"Ada\",\"city\":\"Berlin\"}");
  CHECK(question.fields == std::vector<std::string>{"city"});
  // The decision woke the loop, whose interval is a minute.
  for (int i = 0; i < 1000 && world.open() != "0"; ++i) std::this_thread::sleep_for(20ms);
  CHECK(world.city() == "Paris and Berlin");
  CHECK(engine.wait_until_synced(20s));
  CHECK(local(world.phone, "SELECT city FROM contacts WHERE id = 1") == "Paris and Berlin");
  CHECK(engine.conflicts().empty());
  engine.stop();
  CHECK(asked.all().size() == 1);
}

TEST_CASE("a conflict is over in the file with the row that was decided, not before") {
  for (const bool by_resolver : {true, false}) {
    CAPTURE(by_resolver);
    Colliding world;
    SyncEngine engine(world.options());
    engine.clone();
    world.collide();
    engine.sync_now();
    REQUIRE(engine.status().conflicts == 1);
    // What the row is when the conflict is none any more.
    local(world.phone, "CREATE TABLE seen (city)");
    for (const std::string event : {"UPDATE", "INSERT"})
      local(world.phone,
            "CREATE TRIGGER seen_" + event + " AFTER " + event +
                " ON _conflicts BEGIN INSERT INTO seen SELECT city FROM contacts WHERE"
                " id = 1 AND NOT EXISTS (SELECT 1 FROM _conflicts WHERE status = 'open');"
                " END");
    const std::string both = "{\"city\": \"Paris and Berlin\"}";
    objectos::Subscription token;
    if (by_resolver) {
      token = engine.set_resolver("", [&](const auto&) { return Decision::values(both); });
      engine.start();
    } else {
      CHECK(engine.resolve_with(engine.conflicts()[0].conflict_id, both).status == "applied");
    }
    for (int i = 0; i < 1000 && engine.status().conflicts > 0; ++i)
      std::this_thread::sleep_for(20ms);
    CHECK(engine.status().conflicts == 0);
    CHECK(local(world.phone, "SELECT group_concat(DISTINCT city) FROM seen") == "Paris and Berlin");
  }
}

TEST_CASE("a decision about a row that changed meanwhile is thrown away and asked anew") {
  Colliding world;
  SyncEngine engine(world.options());
  engine.clone();
  world.collide();
  engine.sync_now();
  Heard<ConflictQuestion> asked;
  auto token = engine.set_resolver("", [&](const ConflictQuestion& question) {
    const bool first = asked.all().empty();
    if (first) {
      // While the app thinks, the server changes another field and the file learns of it.
      world.server.exec("UPDATE contacts SET name = 'Countess' WHERE id = 1");
      engine.pull_now();
    }
    asked.note(question);
    return first ? Decision::client_wins() : Decision::server_wins();
  });
  REQUIRE(asked.wait_for(2).size() == 2);
  CHECK(asked.all()[1].row == "{\"id\":1,\"name\":\"Countess\",\"city\":\"Berlin\"}");
  engine.drain(20s);
  engine.sync_now();
  CHECK(world.open() == "0");
  CHECK(world.city() == "Berlin");
}

TEST_CASE("a decision is compared once more with what the sync that sends it has pulled") {
  Colliding world;
  SyncEngine engine(world.options());
  engine.clone();
  world.collide();
  engine.sync_now();
  Heard<ConflictQuestion> asked;
  auto token = engine.set_resolver("contacts", [&](const ConflictQuestion& question) {
    asked.note(question);
    return asked.all().size() == 1 ? Decision::client_wins() : Decision::later();
  });
  REQUIRE(asked.wait_for(1).size() == 1);
  REQUIRE(engine.drain(20s));
  world.server.exec("UPDATE contacts SET name = 'Countess' WHERE id = 1");
  engine.sync_now();  // pulls, and finds that the decision is about another row
  CHECK(world.open() == "1");
  REQUIRE(asked.wait_for(2).size() == 2);
  engine.sync_now();
  CHECK(world.open() == "1");
  CHECK(world.city() == "Berlin");
}

TEST_CASE("a resolver that throws has not decided; a new engine asks again") {
  Colliding world;
  {
    SyncEngine engine(world.options());
    engine.clone();
    world.collide();
    Heard<ConflictQuestion> asked;
    auto token = engine.set_resolver("contacts", [&](const ConflictQuestion& question) -> Decision {
      asked.note(question);
      throw std::runtime_error("no idea");
    });
    engine.sync_now();
    REQUIRE(asked.wait_for(1).size() == 1);
    engine.sync_now();
    engine.sync_now();
    engine.stop();
    CHECK(asked.all().size() == 1);
    CHECK(world.open() == "1");
  }
  SyncEngine engine(world.options());
  Heard<ConflictQuestion> asked;
  auto token = engine.set_resolver("contacts", [&](const ConflictQuestion& question) {
    asked.note(question);
    return Decision::client_wins();
  });
  REQUIRE(asked.wait_for(1).size() == 1);
  REQUIRE(engine.drain(20s));
  engine.sync_now();
  CHECK(world.open() == "0");
  CHECK(world.city() == "Paris");
  CHECK(local(world.phone, "SELECT city FROM contacts WHERE id = 1") == "Paris");
}

TEST_CASE("the resolver of an object is asked before that of all, the newest first") {
  Colliding world;
  SyncEngine engine(world.options());
  engine.clone();
  world.collide();
  engine.sync_now();
  std::atomic<int> wrong{0};
  Heard<ConflictQuestion> asked;
  auto refuse = [&](const ConflictQuestion&) {
    ++wrong;
    return Decision::later();
  };
  engine.pause();
  objectos::Options options = world.options();
  auto other = engine.set_resolver("calls", refuse);
  auto own = engine.set_resolver("contacts", [&](const ConflictQuestion& question) {
    asked.note(question);
    return Decision::later();
  });
  auto all = engine.set_resolver("", refuse);
  REQUIRE(asked.wait_for(1).size() == 1);
  REQUIRE(engine.drain(20s));
  CHECK(wrong == 0);
  own.cancel();
  local(world.phone, "UPDATE contacts SET name = 'moved' WHERE id = 1");
  for (int i = 0; i < 1000 && wrong == 0; ++i) std::this_thread::sleep_for(20ms);
  CHECK(wrong == 1);
  CHECK(asked.all().size() == 1);
}

TEST_CASE("values that the server rejects leave the conflict open and everything else at work") {
  Colliding world;
  world.server.exec("ALTER TABLE contacts ADD CHECK (city <> 'Atlantis')");
  Heard<std::string> logged;
  objectos::Options options = world.options();
  options.logger = [&](objectos::LogLevel, const std::string& text) { logged.note(text); };
  SyncEngine engine(options);
  engine.clone();
  world.collide();
  engine.sync_now();
  std::atomic<int> asked{0};
  auto token = engine.set_resolver("", [&](const ConflictQuestion&) {
    ++asked;
    return Decision::values("{\"city\": \"Atlantis\"}");
  });
  for (int i = 0; i < 1000 && asked == 0; ++i) std::this_thread::sleep_for(20ms);
  REQUIRE(engine.drain(20s));
  engine.sync_now();
  engine.sync_now();
  CHECK(world.open() == "1");
  CHECK(asked == 1);
  CHECK(logged.wait_until([](const std::vector<std::string>& all) {
    for (const std::string& text : all) {
      if (text.find("A decision was refused") != std::string::npos) return true;
    }
    return false;
  }));
}
