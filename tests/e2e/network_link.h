// A network between client and server: a TCP port on the loopback interface whose bytes go to the
// server's unix socket and back, and are counted. One connection at a time.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>

namespace e2e {

class NetworkLink {
 public:
  NetworkLink() {
    listening_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listening_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listening_, 4) != 0 ||
        getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no port for the network link");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~NetworkLink() {
    done_ = true;
    thread_.join();
    close(listening_);
  }
  NetworkLink(const NetworkLink&) = delete;
  NetworkLink& operator=(const NetworkLink&) = delete;

  // The connection string of a server, led through here.
  std::string conninfo(std::string direct) const {
    const std::string host = std::string("host=") + std::getenv("PGHOST");
    direct.replace(direct.find(host), host.size(), "host=127.0.0.1 sslmode=disable");
    return direct + " port=" + std::to_string(port_);
  }
  // Bytes in both directions since it was asked last.
  long bytes() { return bytes_.exchange(0); }

 private:
  void run() {
    while (!done_) {
      pollfd waiting{listening_, POLLIN, 0};
      if (poll(&waiting, 1, 20) <= 0) continue;
      const int client = accept(listening_, nullptr, nullptr);
      const int server = connect_to_server();
      if (server >= 0) carry(client, server);
      close(client);
      if (server >= 0) close(server);
    }
  }
  static int connect_to_server() {
    const char* port = std::getenv("PGPORT");
    const std::string path =
        std::string(std::getenv("PGHOST")) + "/.s.PGSQL." + (port != nullptr ? port : "5432");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const int made = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(made, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return made;
    close(made);
    return -1;
  }
  void carry(int client, int server) {
    while (!done_) {
      pollfd ends[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
      if (poll(ends, 2, 20) <= 0) continue;
      if (ends[0].revents != 0 && !pass(client, server)) return;
      if (ends[1].revents != 0 && !pass(server, client)) return;
    }
  }
  bool pass(int from, int to) {
    char buffer[65536];
    const ssize_t got = read(from, buffer, sizeof buffer);
    if (got <= 0) return false;
    bytes_ += got;
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t part =
          send(to, buffer + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
      if (part <= 0) return false;
      sent += part;
    }
    return true;
  }

  int listening_ = -1;
  int port_ = 0;
  std::atomic<bool> done_{false};
  std::atomic<long> bytes_{0};
  std::thread thread_;
};

}  // namespace e2e
