// A network that swallows what is sent: the connection ends in a minute, not in a quarter of an
// hour, and what the user says about it stands.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <vector>

#include "objectos/sync_engine.h"
#include "tests/e2e/faulty_network.h"
#include "tests/e2e/live_world.h"
#include "tests/e2e/replica.h"
#include "tests/e2e/server_control.h"

using namespace e2e;
using objectos::SyncEngine;

namespace {

struct World : Synced {
  FaultyNetwork network;
  World() {
    server.exec("CREATE TABLE notes (id int PRIMARY KEY, body bytea); SELECT sync_enable('notes')");
    REQUIRE(clone().code == 0);
  }
  objectos::Options through(const std::string& more) const {
    objectos::Options options;
    options.database = phone;
    options.server = network.conninfo(server.conninfo()) + " " + more;
    return options;
  }
};

int port_of(const std::string& conninfo) {
  return std::stoi(conninfo.substr(conninfo.find("port=") + 5));
}

int number_of(int socket, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  getsockopt(socket, level, option, &value, &size);
  return value;
}

// Of this process's sockets those that are connected to the port.
std::vector<int> sockets_to(int port) {
  std::vector<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int descriptor = std::stoi(entry.path().filename().string());
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        peer.sin_family == AF_INET && ntohs(peer.sin_port) == port)
      found.push_back(descriptor);
  }
  return found;
}

// alive, idle, interval, count of the keepalives; the time for what is not acknowledged.
std::string limits_of(const objectos::Options& options, bool live = false) {
  SyncEngine engine(options);
  if (live) {
    engine.start();
    REQUIRE(engine.wait_until_synced(std::chrono::seconds(20)));
  } else {
    engine.pull_now();
  }
  const std::vector<int> sockets = sockets_to(port_of(options.server));
  REQUIRE(sockets.size() == 1);
  const int socket = sockets[0];
  std::string text = std::to_string(number_of(socket, SOL_SOCKET, SO_KEEPALIVE));
  for (int option : {TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT})
    text += " " + std::to_string(number_of(socket, IPPROTO_TCP, option));
  return text;
}

}  // namespace

TEST_CASE("a connection over a network has limits for silence, and the user's own win") {
  World world;
  CHECK(limits_of(world.through("")) == "1 30 10 3 60000");
  CHECK(limits_of(world.through("tcp_user_timeout=1500 keepalives_idle=77 keepalives_count=9")) ==
        "1 77 10 9 1500");
  const std::string services = world.directory.file("services.conf");
  std::ofstream(services) << "[far]\ntcp_user_timeout=2500\nkeepalives_interval=5\n";
  setenv("PGSERVICEFILE", services.c_str(), 1);
  CHECK(limits_of(world.through("service=far")) == "1 30 5 3 2500");
  unsetenv("PGSERVICEFILE");
}

TEST_CASE("a connection that listens finds a dead peer within the silence that is set") {
  World world;
  objectos::Options options = world.through("");
  CHECK(limits_of(options, true) == "1 5 5 2 15000");
  options.timing.live_silence = std::chrono::seconds(6);
  CHECK(limits_of(options, true) == "1 2 2 2 6000");
  options.server = world.through("tcp_user_timeout=1500 keepalives_idle=77").server;
  CHECK(limits_of(options, true) == "1 77 2 2 1500");
}

namespace {

// The server of the cluster, reached over TCP as well while this lives.
class ServerOnTcp {
 public:
  explicit ServerOnTcp(Server& server) : server_(server) {
    restart("-o '-c listen_addresses=" + address_ + "'");
  }
  ~ServerOnTcp() { restart(""); }
  ServerOnTcp(const ServerOnTcp&) = delete;
  ServerOnTcp& operator=(const ServerOnTcp&) = delete;
  std::string conninfo() const {
    std::string text = server_.conninfo();
    const std::string host = std::string("host=") + std::getenv("PGHOST");
    return text.replace(text.find(host), host.size(), "host=" + address_);
  }

 private:
  void restart(const std::string& more) {
    server_control("stop");
    server_control("start", more);
    server_.reconnect();
  }

  Server& server_;
  // Nobody else's: each loopback address is a host of its own.
  const std::string address_ = "127." + std::to_string(1 + getpid() / 250 % 250) + "." +
                               std::to_string(1 + getpid() % 250) + ".1";
};

struct Present : World {
  std::string present() {
    return server.exec("SELECT string_agg(client_id, ',') FROM sync_presence('notes')");
  }
  static objectos::Options patient(objectos::Options options) {
    options.timing.live_silence = std::chrono::seconds(3);
    options.timing.backoff_first = options.timing.backoff_max = std::chrono::milliseconds(200);
    options.logger = [](objectos::LogLevel, const std::string&) {};
    return options;
  }
};

}  // namespace

TEST_CASE("a network that swallows everything is noticed by an idle live client and its channels") {
  Present world;
  SyncEngine engine(Present::patient(world.through("")));
  std::atomic<bool> offline{false};
  auto presence = engine.presence("notes", "1", [&](const objectos::PresenceEvent& event) {
    if (event.kind == objectos::PresenceKind::offline) offline = true;
  });
  engine.start();
  REQUIRE(settles(engine));
  REQUIRE(comes_true([&] { return presence.list().size() == 1; }));
  world.network.swallow(true);
  CHECK(comes_true([&] { return engine.status().live == objectos::Live::reconnecting; }));
  CHECK(comes_true([&] { return offline.load(); }));
  CHECK(presence.list().empty());
  world.server.exec("INSERT INTO notes VALUES (1, 'x')");
  world.network.drop_all();
  world.network.swallow(false);
  CHECK(settles(engine));
  CHECK(comes_true([&] { return presence.list().size() == 1; }));
  CHECK(local(world.phone, "SELECT count(*) FROM notes") == "1");
}

TEST_CASE("the server finds a client behind a cut cable in time, and its channels are without it") {
  Present world;
  ServerOnTcp tcp(world.server);
  objectos::Options options = Present::patient(world.through(""));
  // The client itself notices nothing, and says no good-bye.
  options.server = tcp.conninfo() + " keepalives=0 tcp_user_timeout=3600000";
  SyncEngine engine(options);
  auto presence = engine.presence("notes", "1", [](const objectos::PresenceEvent&) {});
  engine.start();
  REQUIRE(settles(engine));
  REQUIRE(comes_true([&] { return world.present() != ""; }));
  for (const int socket : sockets_to(5432)) lose_what_arrives(socket, true);
  CHECK(comes_true([&] { return world.present() == ""; }));
  // And it comes back when its next word meets nobody.
  for (const int socket : sockets_to(5432)) lose_what_arrives(socket, false);
  presence.broadcast("1");
  CHECK(comes_true([&] { return world.present() != ""; }));
  CHECK(settles(engine));
}

TEST_CASE("a push into a network that takes no more ends in the time that is set, or by stop()") {
  struct Case {
    const char* name;
    const char* size;  // few bytes are taken, and nobody answers; many are not even taken
    bool stopped;
  };
  for (const Case& each : {Case{"no answer", "1", false}, Case{"no room", "12000000", false},
                           Case{"stopped without room", "12000000", true}}) {
    CAPTURE(std::string(each.name));
    World world;
    objectos::Options options = world.through("tcp_user_timeout=3600000");
    options.timing.answer_timeout = each.stopped ? std::chrono::hours(1) : std::chrono::seconds(2);
    options.timing.backoff_first = std::chrono::hours(1);
    options.logger = [](objectos::LogLevel, const std::string&) {};
    {
      SyncEngine engine(options);
      engine.start();
      REQUIRE(settles(engine));
      std::atomic<bool> held{false};
      auto token = engine.on_progress([&](const objectos::Progress& progress) {
        if (progress.phase != objectos::Phase::pushing || held) return;
        world.network.hold(true);
        held = true;
      });
      local(world.phone,
            std::string("INSERT INTO notes (id, body) VALUES (1, randomblob(") + each.size + "))");
      CHECK(comes_true([&] { return held.load(); }));
      if (!each.stopped) {
        CHECK(comes_true([&] { return engine.status().last_error_code == "answer_timeout"; }));
        CHECK(engine.status().last_error ==
              "The server was silent for 2 s, where it should have answered or read on.");
        CHECK(engine.status().last_error_class == "transient");
      }
      engine.stop();
      CHECK(engine.status().phase == objectos::Phase::stopped);
      CHECK(local(world.phone, "SELECT count(*) FROM _mutations") == "1");
    }
    world.network.drop_all();
    world.network.hold(false);
    CHECK(command("sync " + world.file).code == 0);
    CHECK(world.server.exec("SELECT length(body) FROM notes") == each.size);
  }
}
