// Which way a live loop hears of commits, what it does without one, and that it stops in each.
#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/e2e/faulty_network.h"
#include "tests/e2e/live_world.h"
#include "tests/e2e/replica.h"
#include "tests/e2e/server_control.h"

using namespace e2e;
using namespace std::chrono_literals;
using objectos::Live;
using objectos::SyncEngine;

namespace {

struct Polled : LiveContacts {
  objectos::Options polling() const {
    objectos::Options made = live();
    made.timing.live_poll_interval = 50ms;
    return made;
  }
  bool arrives(const std::string& name) {
    server.exec("UPDATE contacts SET name = '" + name + "' WHERE id = 1");
    return comes_true([&] { return name_of(1) == name; });
  }
  void send_nothing() {
    server.exec("SET client_min_messages = warning; DROP TRIGGER IF EXISTS tell ON contacts");
  }
};

bool becomes(SyncEngine& engine, Live live) {
  return comes_true([&] { return engine.status().live == live; });
}

}  // namespace

TEST_CASE("where nobody sends notifications the loop polls, and listens as soon as somebody does") {
  Polled world;
  world.send_nothing();
  world.answer_listeners("nobody", "max_worker_processes is reached");
  SyncEngine engine(world.polling());
  engine.start();
  REQUIRE(settles(engine, Live::polling));
  CHECK(engine.status().live_reason == "max_worker_processes is reached");
  CHECK(world.arrives("by asking"));
  world.answer_listeners("worker");
  CHECK(becomes(engine, Live::listening));
  CHECK(engine.status().live_reason == "");
  world.server.exec("UPDATE contacts SET name = 'told' WHERE id = 1; NOTIFY objectos_sync");
  CHECK(comes_true([&] { return world.name_of(1) == "told"; }));
}

TEST_CASE("a notification that says that no worker can be started makes the loop poll") {
  Polled world;
  world.send_nothing();
  world.answer_listeners("worker");
  SyncEngine engine(world.polling());
  engine.start();
  REQUIRE(settles(engine));
  world.answer_listeners("nobody", "gone");
  world.server.exec("NOTIFY objectos_sync, 'poll'");
  REQUIRE(becomes(engine, Live::polling));
  CHECK(world.arrives("by asking"));
  CHECK(engine.status().live_reason == "gone");
}

TEST_CASE("a payload that the client does not know is a hint like any") {
  Polled world;
  world.send_nothing();
  world.answer_listeners("worker");
  SyncEngine engine(world.polling());
  engine.start();
  REQUIRE(settles(engine));
  world.server.exec(
      "UPDATE contacts SET name = 'hint' WHERE id = 1;"
      "SELECT pg_notify('objectos_sync', 'of another version')");
  CHECK(comes_true([&] { return world.name_of(1) == "hint"; }));
  CHECK(engine.status().live == Live::listening);
}

TEST_CASE("a server that cannot be asked to send notifications is polled") {
  Polled world;
  world.send_nothing();
  world.server.exec(
      "DO $$ BEGIN IF to_regprocedure('sync_listen(text)') IS NOT NULL THEN "
      "ALTER FUNCTION sync_listen(text) RENAME TO sync_listen_away; END IF; END $$");
  SyncEngine engine(world.polling());
  engine.start();
  REQUIRE(settles(engine, Live::polling));
  CHECK(engine.status().live_reason != "");
  CHECK(world.arrives("by asking"));
  world.edit_elsewhere("UPDATE contacts SET name = 'sent' WHERE id = 2");
  CHECK(comes_true(
      [&] { return world.server.exec("SELECT name FROM contacts WHERE id = 2") == "sent"; }));
}

TEST_CASE("status tells when the line is lost, and when it is there again") {
  Polled world;
  FaultyNetwork network;
  objectos::Options options = world.live();
  options.server = network.conninfo(world.server.conninfo());
  SyncEngine engine(options);
  Heard<objectos::Status> heard;
  auto token = engine.on_status(heard.listener());
  engine.start();
  REQUIRE(settles(engine));
  network.drop_all();
  const auto told = [](Live live, bool online) {
    return [=](const auto& all) {
      return std::any_of(all.begin(), all.end(), [&](const objectos::Status& status) {
        return status.live == live && status.online == online;
      });
    };
  };
  CHECK(heard.wait_until(told(Live::reconnecting, false)));
  CHECK(comes_true([&] {
    const objectos::Status status = engine.status();
    return status.live == Live::listening && status.online;
  }));
  engine.stop();
  CHECK(engine.status().live == Live::off);
}

TEST_CASE("a restart of the server is lived through") {
  Polled world;
  SyncEngine engine(world.live());
  engine.start();
  REQUIRE(settles(engine));
  server_control("stop");
  CHECK(becomes(engine, Live::reconnecting));
  world.edit_elsewhere("UPDATE contacts SET name = 'offline' WHERE id = 2");
  server_control("start");
  world.server.reconnect();
  CHECK(becomes(engine, Live::listening));
  CHECK(comes_true(
      [&] { return world.server.exec("SELECT name FROM contacts WHERE id = 2") == "offline"; }));
  CHECK(world.arrives("after"));
}

TEST_CASE("stop() ends a live loop at once, whatever it waits for") {
  struct State {
    const char* name;
    std::function<void(Polled&, FaultyNetwork&, SyncEngine&)> reach;
  };
  const State states[] = {
      {"listening", [](Polled&, FaultyNetwork&, SyncEngine& e) { CHECK(settles(e)); }},
      {"paused",
       [](Polled&, FaultyNetwork&, SyncEngine& e) {
         CHECK(settles(e));
         e.pause();
       }},
      {"on a network that holds every byte",
       [](Polled& world, FaultyNetwork& network, SyncEngine& e) {
         CHECK(settles(e));
         network.hold(true);
         world.edit_elsewhere("UPDATE contacts SET name = 'kept' WHERE id = 1");
         CHECK(comes_true([&] { return e.progress().phase != objectos::Phase::idle; }));
       }},
      {"reconnecting",
       [](Polled&, FaultyNetwork& network, SyncEngine& e) {
         CHECK(settles(e));
         network.hold(true);
         e.sync_soon();
       }},
  };
  for (const State& state : states) {
    CAPTURE(state.name);
    Polled world;
    FaultyNetwork network;
    objectos::Options options = world.live();
    options.server = network.conninfo(world.server.conninfo());
    SyncEngine engine(options);
    engine.start();
    state.reach(world, network, engine);
    engine.stop();
    CHECK(engine.status().phase == objectos::Phase::stopped);
    CHECK(engine.status().live == Live::off);
    network.hold(false);
    engine.resume();
    engine.start();
    CHECK(settles(engine));
    engine.stop();
    // Nobody listens any more.
    CHECK(comes_true([&] { return world.session("pid") == ""; }));
  }
}
