// A network that swallows what is sent: the connection ends in a minute, not in a quarter of an
// hour, and what the user says about it stands.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "objectos/sync_engine.h"
#include "tests/e2e/faulty_network.h"
#include "tests/e2e/replica.h"

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

// Of this process's sockets the one that is connected to the port; -1: none.
int socket_to(int port) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int descriptor = std::stoi(entry.path().filename().string());
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        peer.sin_family == AF_INET && ntohs(peer.sin_port) == port)
      return descriptor;
  }
  return -1;
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
  const int socket = socket_to(port_of(options.server));
  REQUIRE(socket >= 0);
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
