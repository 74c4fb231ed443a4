// How long a network, or the server behind it, may be silent before a connection counts as lost.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <string>

namespace objectos {

// How long the caller waits. `answer`: for the next byte of an answer, or for room to send the next
// byte of a question; 0: as long as the connection lives.
struct Patience {
  std::chrono::milliseconds connect{10'000}, answer{0};
};

// What was sent and is not acknowledged for so long, or waits for a peer that takes nothing, ends
// the connection; the system's own patience is a quarter of an hour and more.
inline constexpr int kUnacknowledgedMs = 60'000;
// A connection with nothing under way, or that waits for an answer, is tried after so long, and
// ends after so many tries without an answer: after a minute, too.
inline constexpr int kSilentSeconds = 30;
inline constexpr int kTrySeconds = 10;
inline constexpr int kTries = 3;

// For a connection that is made. What the user set of libpq's own parameters (tcp_user_timeout,
// keepalives and keepalives_*), in the connection string or in a service file, stays. Best effort:
// a system that knows no such limit has none. Nothing on a unix socket.
void limit_silence(PGconn* connection) noexcept;

// The same for a connection that listens: a peer that is gone is found within about so long,
// whether something is under way or not.
void limit_silence_of_listener(PGconn* connection, std::chrono::milliseconds silence) noexcept;

// A statement by which the server finds a client that is gone within about so long. What anybody
// has set of tcp_user_timeout and tcp_keepalives_* stays.
std::string silence_of_server_sql(std::chrono::milliseconds silence);

}  // namespace objectos
