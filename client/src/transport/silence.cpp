#include "transport/silence.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

namespace objectos {

namespace {

struct OptionsFree {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

// The value that the user gave, or nullptr.
const char* given(const PQconninfoOption* options, const char* keyword) noexcept {
  for (; options->keyword != nullptr; ++options) {
    if (std::strcmp(options->keyword, keyword) == 0) return options->val;
  }
  return nullptr;
}

bool is_tcp(int socket) noexcept {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  return address.ss_family == AF_INET || address.ss_family == AF_INET6;
}

struct Limits {
  int unacknowledged_ms, idle_s, try_s, tries;
};

void set_limits(PGconn* connection, const Limits& limits) noexcept {
  const int socket = PQsocket(connection);
  const std::unique_ptr<PQconninfoOption, OptionsFree> options(PQconninfo(connection));
  if (!options || !is_tcp(socket)) return;
  const auto set = [&](const char* keyword, int option, int value) {
    if (given(options.get(), keyword) == nullptr)
      (void)setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value);
  };
#ifdef TCP_USER_TIMEOUT
  set("tcp_user_timeout", TCP_USER_TIMEOUT, limits.unacknowledged_ms);
#endif
  // Whether they are sent at all is libpq's parameter `keepalives`: they are by default.
#if defined(TCP_KEEPIDLE)
  set("keepalives_idle", TCP_KEEPIDLE, limits.idle_s);
#elif defined(TCP_KEEPALIVE)
  set("keepalives_idle", TCP_KEEPALIVE, limits.idle_s);
#endif
#ifdef TCP_KEEPINTVL
  set("keepalives_interval", TCP_KEEPINTVL, limits.try_s);
#endif
#ifdef TCP_KEEPCNT
  set("keepalives_count", TCP_KEEPCNT, limits.tries);
#endif
}

// A third of it idle, then two tries; the system counts in whole seconds.
Limits limits_of_listener(std::chrono::milliseconds silence) noexcept {
  const auto ms = static_cast<int>(std::clamp<std::int64_t>(silence.count(), 1'000, 3'600'000));
  const int third = std::max(ms / 3'000, 1);
  return {ms, third, third, 2};
}

}  // namespace

void limit_silence(PGconn* connection) noexcept {
  set_limits(connection, {kUnacknowledgedMs, kSilentSeconds, kTrySeconds, kTries});
}

void limit_silence_of_listener(PGconn* connection, std::chrono::milliseconds silence) noexcept {
  set_limits(connection, limits_of_listener(silence));
}

std::string silence_of_server_sql(std::chrono::milliseconds silence) {
  const Limits limits = limits_of_listener(silence);
  const auto row = [](const char* name, int value) {
    return std::string("('") + name + "', '" + std::to_string(value) + "')";
  };
  return "SELECT pg_catalog.set_config(name, value, false) FROM (VALUES " +
         row("tcp_user_timeout", limits.unacknowledged_ms) + ", " +
         row("tcp_keepalives_idle", limits.idle_s) + ", " +
         row("tcp_keepalives_interval", limits.try_s) + ", " +
         row("tcp_keepalives_count", limits.tries) +
         ") AS wanted (name, value) JOIN pg_catalog.pg_settings USING (name)"
         " WHERE source = 'default'";
}

}  // namespace objectos
