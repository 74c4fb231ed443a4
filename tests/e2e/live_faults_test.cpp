// What live devices have after something broke in the middle of a burst of commits.
// Race: the break against commits, pulls and LISTEN under way, and against who comes and goes in a
// channel. Invariant: every change arrives at every device, in order, once; and everybody hears of
// everybody else exactly what happened. How long it took after the mending is printed.
//
//   CUT_SECONDS=2      how long the network is cut; the long run takes 30
//   ARRIVE_MS=20000    the longest that may take; the long run, on a machine of its own, allows a
//                      second and the longest pause between two attempts
#include <doctest/doctest.h>

#include <csignal>
#include <functional>

#include "tests/e2e/faulty_network.h"
#include "tests/e2e/live_faults_world.h"
#include "tests/e2e/random_runs.h"
#include "tests/e2e/server_control.h"

using namespace e2e;
using Clock = std::chrono::steady_clock;

namespace {

const std::set<std::string> kAll = {"ada", "bob", "mallory"};
const std::string kWentAndCame = "join bob, leave bob, user_offline bob, user_online bob";

struct World : PresenceWorld {
  FaultyNetwork network;
  // Two on the network, and a third user beside the server.
  LiveDevice ada{network.conninfo(server.conninfo()), "ada"},
      bob{network.conninfo(server.conninfo()), "bob"}, third{server.conninfo(), "mallory"};
  std::vector<LiveDevice*> devices{&ada, &bob, &third};

  World() { settle(); }
  bool all_are(const std::function<bool(LiveDevice&)>& condition) {
    return soon([&] {
      return std::all_of(devices.begin(), devices.end(),
                         [&](auto* each) { return condition(*each); });
    });
  }
  // Everybody listens, is there, and has heard of all that happened until now.
  void settle() {
    CHECK(all_are([](LiveDevice& each) { return each.is_listening(); }));
    CHECK(soon([&] { return members() == "3"; }));
    const std::string mark = std::to_string(++marks);
    CHECK(all_are([&](LiveDevice& each) {
      if (each.witness.mark() == mark) return true;
      server.exec("SELECT sync_broadcast('marks', 'notes', '" + mark + "')");
      return false;
    }));
    for (LiveDevice* each : devices) {
      CHECK(each->present() == kAll);
      CHECK(each->witness.online() == kAll);
    }
  }
  int marks = 0;
  // The server's sessions of these users.
  std::string sessions_of(const std::set<std::string>& users) {
    std::string names;
    for (const std::string& user : users) names += ",'" + user + "'";
    return server.exec(
        "SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE"
        " application_name IN ('-'" +
        names + ") AND datname = current_database()");
  }
  bool are_gone(const std::string& sessions) {
    return soon([&] {
      return server.exec("SELECT count(*) FROM pg_stat_activity WHERE pid IN (0" +
                         (sessions.empty() ? "" : "," + sessions) + ")") == "0";
    });
  }
  std::map<std::string, std::string> take_heard() {
    std::map<std::string, std::string> heard;
    for (LiveDevice* each : devices) heard[each->user()] = each->witness.take_heard();
    return heard;
  }
  // The break happens in the middle of a burst; when it returns all is mended. `lost`: whose
  // connections end.
  void survive(const std::set<std::string>& lost,
               const std::function<void(const Writer&)>& breaks) {
    take_heard();
    const std::string old = sessions_of(lost);
    Writer writer(server);
    writer.wait_for_more(100);
    breaks(writer);
    const auto mended = Clock::now();
    const int committed = writer.last();
    CHECK(all_are([&](LiveDevice& each) { return each.has(committed); }));
    const auto took = Clock::now() - mended;
    MESSAGE("all have it after ", took / 1ms, " ms");
    CHECK(took / 1ms <= static_cast<long>(number_from("ARRIVE_MS", 20'000)));
    writer.wait_for_more(100);
    const int last = writer.stop();
    CHECK(all_are([&](LiveDevice& each) { return each.has(last); }));
    CHECK(are_gone(old));
    settle();
    for (LiveDevice* each : devices) {
      each->check_once_and_in_order(server, last);
      CHECK(each->witness.wrong() == "");
    }
  }
  // What everybody but bob hears when bob really goes and comes.
  void check_a_real_change() {
    take_heard();
    bob.leave();
    const std::set<std::string> others = {"ada", "mallory"};
    CHECK(soon([&] { return ada.witness.online() == others && third.witness.online() == others; }));
    bob.join();
    settle();
    auto heard = take_heard();
    CHECK(heard["ada"] == kWentAndCame);
    CHECK(heard["mallory"] == kWentAndCame);
    CHECK(heard["bob"] == "listed");
  }
};

// The notifier killed as no worker should be: the server begins anew, with other memory.
void crash(World& world) {
  const std::string before = world.server.exec("SELECT objectos_sync.notifier() ->> 'pid'");
  REQUIRE(kill(std::stoi(before), SIGKILL) == 0);
  REQUIRE(soon([&] {
    world.server.reconnect();
    try {
      return world.server.exec("SELECT count(*) FROM pg_stat_activity WHERE pid = " + before) ==
             "0";
    } catch (const std::runtime_error&) {  // not there yet
      return false;
    }
  }));
}

// Who was away itself, and then has heard of nobody twice.
void check_came_back(const std::string& heard) {
  CHECK_MESSAGE((", " + heard + ",").find(", listed, offline,") != std::string::npos, heard);
  for (const std::string what : {"join", "leave", "user_online", "user_offline"}) {
    for (const std::string& user : kAll) {
      const std::string one = ", " + what + " " + user;
      CHECK_MESSAGE((", " + heard).find(one + one) == std::string::npos, heard);
    }
  }
}

}  // namespace

TEST_CASE("notifiers killed in a burst: every change arrives once, and nobody seems to go") {
  World world;
  world.survive({}, [&](const Writer& writer) {
    for (int i = 0; i < 10; ++i) {
      world.server.exec(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
          " current_database() AND backend_type LIKE 'objectos%'");
      writer.wait_for_more(20);
    }
  });
  for (const auto& [user, heard] : world.take_heard()) CHECK_MESSAGE(heard == "", user);
  world.check_a_real_change();
}

TEST_CASE("listeners terminated in a burst: every change arrives once, and who was gone is told") {
  World world;
  world.survive({"bob"}, [&](const Writer&) {
    world.server.exec(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bob'");
  });
  auto heard = world.take_heard();
  CHECK(heard["ada"] == kWentAndCame);
  CHECK(heard["mallory"] == kWentAndCame);
  CHECK(heard["bob"] == "listed, offline");
  world.check_a_real_change();
}

TEST_CASE("a server restarted in a burst: every change arrives once, and all who live are back") {
  for (const std::string how : {"-m fast", "-m immediate", "crashed"}) {
    CAPTURE(how);
    World world;
    world.survive(kAll, [&](const Writer&) {
      if (how == "crashed")
        crash(world);
      else
        server_control("restart", how);
      world.server.reconnect();
    });
    for (const auto& [user, heard] : world.take_heard()) {
      CAPTURE(user);
      check_came_back(heard);
    }
    CHECK(world.members() == "3");
    world.check_a_real_change();
  }
}

TEST_CASE("a network cut in a burst: every change arrives once, and who was cut off is told") {
  const auto seconds = std::chrono::seconds(number_from("CUT_SECONDS", 2));
  // What was on the way arrives late, or is lost with its connection.
  for (const bool dropped : {false, true}) {
    CAPTURE(dropped);
    const std::set<std::string> lost =
        dropped ? std::set<std::string>{"ada", "bob"} : std::set<std::string>{};
    World world;
    world.survive(lost, [&](const Writer&) {
      world.network.hold(true);
      std::this_thread::sleep_for(seconds);
      if (dropped) world.network.drop_all();
      world.network.hold(false);
    });
    auto heard = world.take_heard();
    if (dropped) {
      check_came_back(heard["ada"]);
      check_came_back(heard["bob"]);
      CHECK(heard["mallory"] ==
            "join ada, join bob, leave ada, leave bob, user_offline ada, user_offline bob,"
            " user_online ada, user_online bob");
    } else {
      for (const auto& [user, events] : heard) CHECK_MESSAGE(events == "", user);
    }
    world.check_a_real_change();
  }
}
