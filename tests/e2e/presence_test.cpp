// Presence and broadcasts. The race: sessions join, leave, die and are told at once. The invariant:
// every change of who is there is heard by everybody else in the channel, exactly once, in one
// order.
#include <algorithm>
#include <csignal>
#include <map>

#include "tests/e2e/presence_world.h"

using namespace e2e;
using World = PresenceWorld;

TEST_CASE("everybody else in a channel hears of a join, an update and a leave, exactly once") {
  World world;
  auto phone = world.device("ada", "phone"), desk = world.device("bob", "desk"),
       wall = world.device("mallory", "wall"), apart = world.device("mallory", "apart");
  phone->join("notes");
  wall->join("notes");
  apart->join("notes/1");
  CHECK(phone->hears(2) == Lines{"join notes wall {}", "user_online notes wall"});
  desk->join("notes", R"({"cursor": 1})");
  desk->call("sync_presence_update", "notes", R"({"cursor": 2})");
  desk->call("sync_presence_update", "notes", R"({"cursor": 2})");  // says nothing new
  CHECK(phone->present("notes") ==
        Lines{"phone ada {}", "wall mallory {}", R"(desk bob {"cursor": 2})"});
  CHECK(desk->call("sync_presence_leave", "notes") == "t");
  CHECK(desk->call("sync_presence_leave", "notes") == "f");
  const Lines wanted{R"(join notes desk {"cursor": 1})", "user_online notes desk",
                     R"(update notes desk {"cursor": 2})", "leave notes desk",
                     "user_offline notes desk"};
  CHECK(phone->hears(5) == wanted);
  CHECK(wall->hears(5) == wanted);
  CHECK(desk->news().empty());   // not of itself
  CHECK(apart->news().empty());  // it is in another channel
  CHECK(phone->news().empty());
  CHECK(phone->present("notes") == Lines{"phone ada {}", "wall mallory {}"});
}

TEST_CASE("a broadcast reaches everybody else in the channel, and is kept nowhere") {
  World world;
  auto phone = world.device("ada", "phone"), desk = world.device("bob", "desk"),
       apart = world.device("mallory", "apart");
  phone->join("notes/1");
  desk->join("notes/1");
  apart->join("notes/2");
  phone->hears(2);
  const std::string logged = "SELECT count(*) FROM objectos_sync.mutations";
  const std::string before = world.server.exec(logged);
  for (int i = 1; i <= 50; ++i) phone->call("sync_broadcast", "notes/1", std::to_string(i));
  Lines wanted;
  for (int i = 1; i <= 50; ++i) wanted.push_back("broadcast notes/1 phone " + std::to_string(i));
  CHECK(desk->hears(50) == wanted);
  CHECK(phone->news().empty());
  CHECK(apart->news().empty());
  CHECK(world.server.exec(logged) == before);
  // Whoever is in no channel may speak in one, and whoever comes later has missed it.
  apart->call("sync_broadcast", "notes/1", "\"hello\"");
  auto late = world.device("ada", "late");
  late->join("notes/1");
  CHECK(phone->hears(2) == Lines{"broadcast notes/1 apart \"hello\"", "join notes/1 late {}"});
  CHECK(late->news().empty());
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.clients") == "0");
}

TEST_CASE(
    "a user is online with the first device and offline with the last; a client counts once") {
  World world;
  auto desk = world.device("bob", "desk");
  desk->join("notes");
  auto phone = world.device("ada", "phone"), again = world.device("ada", "phone"),
       tablet = world.device("ada", "tablet");
  phone->join("notes", "1");
  again->join("notes", "2");
  tablet->join("notes", "3");
  CHECK(desk->present("notes") == Lines{"desk bob {}", "phone ada 2", "tablet ada 3"});
  CHECK(desk->hears(4) == Lines{"join notes phone 1", "user_online notes phone",
                                "update notes phone 2", "join notes tablet 3"});
  phone.reset();
  CHECK(soon([&] { return world.members() == "3"; }));
  CHECK(desk->news().empty());
  again->call("sync_presence_leave", "notes");
  CHECK(desk->hears(1) == Lines{"leave notes phone"});
  tablet.reset();
  CHECK(desk->hears(2) == Lines{"leave notes tablet", "user_offline notes tablet"});
}

TEST_CASE("whoever dies goes offline by itself: killed, crashed, or gone without a word") {
  World world;
  auto desk = world.device("bob", "desk");
  desk->join("notes");
  desk->join("notes/1");
  for (const char* end : {"terminated", "cut", "closed"}) {
    CAPTURE(end);
    auto phone = world.device("ada", "phone");
    phone->join("notes");
    phone->join("notes/1");
    CHECK(desk->hears(4).size() == 4);
    const std::string way = end;
    if (way == "terminated")
      world.server.exec("SELECT pg_terminate_backend(" + std::to_string(phone->pid()) + ")");
    if (way == "cut") phone->cut();
    if (way == "closed") phone.reset();
    Lines heard = desk->hears(4);
    std::sort(heard.begin(), heard.end());
    CHECK(heard == Lines{"leave notes phone", "leave notes/1 phone", "user_offline notes phone",
                         "user_offline notes/1 phone"});
    CHECK(world.members() == "2");
    CHECK(desk->news().empty());
  }
}

TEST_CASE("presence is exact after the notifier is killed, and after a listener's backend is") {
  World world;
  auto desk = world.device("bob", "desk"), wall = world.device("mallory", "wall");
  desk->join("notes");
  wall->join("notes");
  CHECK(desk->hears(2).size() == 2);
  for (int i = 0; i < 10; ++i) {
    CAPTURE(i);
    world.server.exec(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
        " current_database() AND backend_type LIKE 'objectos%'");
    auto phone = world.device("ada", "phone");
    phone->join("notes");
    CHECK(desk->hears(2) == Lines{"join notes phone {}", "user_online notes phone"});
    phone.reset();
    CHECK(desk->hears(2) == Lines{"leave notes phone", "user_offline notes phone"});
  }
  wall->hears(40);
  world.server.exec("SELECT pg_terminate_backend(" + std::to_string(wall->pid()) + ")");
  CHECK(desk->hears(2) == Lines{"leave notes wall", "user_offline notes wall"});
  CHECK(desk->present("notes") == Lines{"desk bob {}"});
  wall = world.device("mallory", "wall");
  wall->join("notes");
  CHECK(desk->hears(2) == Lines{"join notes wall {}", "user_online notes wall"});
  CHECK(wall->present("notes") == Lines{"desk bob {}", "wall mallory {}"});
}

TEST_CASE("a crash of the server leaves nobody, and who comes back is told to list again") {
  World world;
  auto desk = world.device("bob", "desk");
  desk->join("notes");
  const Lines before = desk->ask("SELECT sequence FROM sync_events('desk')");
  REQUIRE(kill(desk->pid(), SIGKILL) == 0);
  CHECK(soon([&] {
    world.server.reconnect();
    PGconn* probe = PQconnectdb(world.server.conninfo().c_str());
    const bool up = PQstatus(probe) == CONNECTION_OK;
    PQfinish(probe);
    return up;
  }));
  world.server.reconnect();
  CHECK(world.members() == "0");
  desk = world.device("bob", "desk");
  CHECK(desk->present("notes").empty());
  CHECK(desk->ask("SELECT kind FROM sync_events('desk', " + before.at(0) + ")") == Lines{"lost"});
  auto phone = world.device("ada", "phone");
  desk->join("notes");
  phone->join("notes");
  CHECK(desk->hears(2) == Lines{"join notes phone {}", "user_online notes phone"});
}

TEST_CASE("what the ring has overwritten is told as lost, and what came after a new list is not") {
  World world;
  world.server.exec("ALTER DATABASE " + world.server.exec("SELECT current_database()") +
                    " SET objectos_sync.events_per_second = 0");
  auto desk = world.device("bob", "desk"), phone = world.device("ada", "phone");
  desk->join("notes");
  const auto flood = [&](int count) {
    phone->ask(
        "SELECT count(sync_broadcast('phone', 'notes/1', to_jsonb(repeat('x', 900))))"
        " FROM generate_series(1, " +
        std::to_string(count) + ")");
  };
  flood(900);
  phone->call("sync_broadcast", "notes", "1");
  CHECK(desk->news() == Lines{"broadcast notes phone 1"});
  flood(3000);
  phone->call("sync_broadcast", "notes", "2");
  CHECK(desk->news() == Lines{"lost"});
  CHECK(desk->news().empty());
  for (int i = 0; i < 3000; ++i) {
    if (i % 10 == 0) flood(7);
    if (i % 100 != 0) continue;
    phone->call("sync_broadcast", "notes", std::to_string(i));
    CHECK(desk->news() == Lines{"broadcast notes phone " + std::to_string(i)});
  }
}

TEST_CASE("who loses the right to a channel hears nothing more of it, and is out of it") {
  World world;
  world.server.exec("CREATE TABLE team (who name, note int)");
  world.server.exec("GRANT SELECT ON team TO ada, bob, mallory");
  world.server.exec("ALTER TABLE notes ENABLE ROW LEVEL SECURITY");
  world.server.exec(
      "CREATE POLICY team ON notes USING (EXISTS (SELECT FROM team WHERE who = current_user"
      " AND note = id))");
  world.server.exec("INSERT INTO team VALUES ('ada', 1), ('bob', 1), ('bob', 2)");
  auto phone = world.device("ada", "phone"), desk = world.device("bob", "desk");
  phone->join("notes/1");
  phone->join("notes");
  CHECK(phone->call("sync_presence_join", "notes/2") == "OS004");
  CHECK(phone->call("sync_presence_join", "notes/3") == "OS004");
  desk->join("notes/1");
  desk->join("notes/2");
  CHECK(phone->hears(2) == Lines{"join notes/1 desk {}", "user_online notes/1 desk"});
  world.server.exec("DELETE FROM team WHERE who = 'ada'");
  desk->call("sync_broadcast", "notes/1", "\"secret\"");
  CHECK(phone->hears(1) == Lines{"leave notes/1 phone"});
  CHECK(phone->present("notes/1") == Lines{"OS004"});
  CHECK(phone->call("sync_broadcast", "notes/1", "1") == "OS004");
  CHECK(phone->call("sync_presence_update", "notes/1", "1") == "OS004");
  CHECK(desk->hears(2) == Lines{"leave notes/1 phone", "user_offline notes/1 phone"});
  CHECK(desk->present("notes/1") == Lines{"desk bob {}"});
  // The object itself, by GRANT.
  CHECK(phone->present("notes") == Lines{"phone ada {}"});
  world.server.exec("REVOKE SELECT ON notes FROM ada");
  desk->call("sync_broadcast", "notes", "\"secret\"");
  CHECK(phone->hears(1) == Lines{"leave notes phone"});
  CHECK(phone->news().empty());
  // Within a transaction that began before.
  world.server.exec("GRANT SELECT ON notes TO ada");
  world.server.exec("INSERT INTO team VALUES ('ada', 1)");
  phone->join("notes/1");
  phone->news();
  phone->ask("BEGIN ISOLATION LEVEL REPEATABLE READ");
  CHECK(phone->ask("SELECT count(*) FROM notes") == Lines{"1"});
  world.server.exec("DELETE FROM team WHERE who = 'ada'");
  desk->call("sync_broadcast", "notes/1", "\"secret\"");
  CHECK(phone->news() == Lines{"leave notes/1 phone"});
  phone->ask("COMMIT");
}

TEST_CASE("a session that changes its user hears nothing of what the other one joined") {
  World world;
  auto desk = world.device("bob", "desk"), shared = world.device("postgres", "shared");
  desk->join("notes");
  shared->ask("SET ROLE ada");
  shared->join("notes");
  desk->call("sync_broadcast", "notes", "1");
  shared->ask("SET ROLE mallory");
  CHECK(shared->news().empty());
  CHECK(shared->call("sync_presence_leave", "notes") == "f");
  CHECK(shared->call("sync_presence_update", "notes", "1") == "OS011");
  CHECK(desk->hears(2) == Lines{"join notes shared {}", "user_online notes shared"});
}

TEST_CASE("nobody acts under another user's client id, and one session cannot flood the others") {
  World world;
  auto desk = world.device("bob", "desk"), phone = world.device("ada", "phone");
  world.server.exec(
      "INSERT INTO objectos_sync.clients (client_id, user_id) VALUES ('desk', 'bob')");
  desk->join("notes");
  const std::string as_desk = "('desk', 'notes', '1')";
  CHECK(phone->ask("SELECT sync_presence_join" + as_desk) == Lines{"42501"});
  CHECK(phone->ask("SELECT sync_presence_update" + as_desk) == Lines{"42501"});
  CHECK(phone->ask("SELECT sync_broadcast" + as_desk) == Lines{"42501"});
  CHECK(phone->ask("SELECT sync_presence_leave('desk', 'notes')") == Lines{"42501"});
  CHECK(phone->ask("SELECT * FROM sync_events('desk', 1)") == Lines{"42501"});
  const Lines flood = phone->ask(
      "SELECT sync_broadcast('phone', 'notes', to_jsonb(n)) FROM generate_series(1, 5000) AS n");
  CHECK(flood == Lines{"OS007"});
  const Lines heard = desk->hears(100);
  CHECK(heard.size() >= 100);
  CHECK(heard.size() < 5000);
  CHECK(heard.front() == "broadcast notes phone 1");
  CHECK(soon([&] { return phone->call("sync_broadcast", "notes", "1").empty(); }));
}

TEST_CASE("sessions without number come and go at once, and everybody agrees in the end") {
  World world;
  world.server.exec("ALTER DATABASE " + world.server.exec("SELECT current_database()") +
                    " SET objectos_sync.events_per_second = 0");
  auto watcher = world.device("bob", "watcher");
  watcher->join("notes");
  constexpr int threads = 6, rounds = 60;
  std::vector<std::thread> crowd;
  for (int t = 0; t < threads; ++t) {
    crowd.emplace_back([&world, t] {
      for (int i = 0; i < rounds; ++i) {
        PGconn* c = PQconnectdb((world.server.conninfo() + " user=ada").c_str());
        const std::string client = "c" + std::to_string(t);
        PQclear(PQexec(c, ("SELECT sync_presence_join('" + client + "', 'notes')").c_str()));
        if (i % 3 == 0)
          PQclear(PQexec(c, ("SELECT sync_presence_leave('" + client + "', 'notes')").c_str()));
        if (i % 3 == 1) PQclear(PQexec(c, "SELECT pg_terminate_backend(pg_backend_pid())"));
        PQfinish(c);
      }
    });
  }
  for (std::thread& thread : crowd) thread.join();
  CHECK(soon([&] { return world.members() == "1"; }));
  std::map<std::string, int> there;
  int online = 0, joins = 0;
  for (const std::string& line : watcher->news()) {
    const std::string kind = line.substr(0, line.find(' '));
    const std::string client = line.substr(line.find("notes ") + 6, 2);
    if (kind == "join") {
      ++joins;
      CHECK(++there[client] == 1);
    }
    if (kind == "leave") CHECK(--there[client] == 0);
    if (kind == "user_online") CHECK(++online == 1);
    if (kind == "user_offline") CHECK(--online == 0);
  }
  CHECK(online == 0);
  CHECK(joins > 0);
  CHECK(watcher->present("notes") == Lines{"watcher bob {}"});
}
