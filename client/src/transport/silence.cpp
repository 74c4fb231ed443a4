#include "transport/silence.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

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

}  // namespace

void limit_silence(PGconn* connection) noexcept {
  const int socket = PQsocket(connection);
  const std::unique_ptr<PQconninfoOption, OptionsFree> options(PQconninfo(connection));
  if (!options || !is_tcp(socket)) return;
  const auto set = [&](const char* keyword, int option, int value) {
    if (given(options.get(), keyword) == nullptr)
      (void)setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value);
  };
#ifdef TCP_USER_TIMEOUT
  set("tcp_user_timeout", TCP_USER_TIMEOUT, kUnacknowledgedMs);
#endif
  // Whether they are sent at all is libpq's parameter `keepalives`: they are by default.
#if defined(TCP_KEEPIDLE)
  set("keepalives_idle", TCP_KEEPIDLE, kSilentSeconds);
#elif defined(TCP_KEEPALIVE)
  set("keepalives_idle", TCP_KEEPALIVE, kSilentSeconds);
#endif
#ifdef TCP_KEEPINTVL
  set("keepalives_interval", TCP_KEEPINTVL, kTrySeconds);
#endif
#ifdef TCP_KEEPCNT
  set("keepalives_count", TCP_KEEPCNT, kTries);
#endif
}

}  // namespace objectos
