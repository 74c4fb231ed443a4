// One libpq connection with a deadline for connecting and a cancel from any thread, which ends
// every wait within a tenth of a second, also when the network swallows everything. (Looking up a
// host's name aside: that is the system's.)
#pragma once

#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/silence.h"

namespace objectos {

struct PgResultFree {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, PgResultFree>;

// A text parameter; empty is NULL.
using PgParameter = std::optional<std::string>;

class PgConnection {
 public:
  PgConnection(std::string conninfo, Patience patience)
      : conninfo_(std::move(conninfo)), patience_(patience) {}
  ~PgConnection() { close(); }
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;

  // True when it had to open a new connection.
  bool open();
  void close() noexcept;
  PgResult query(const std::string& sql, std::initializer_list<PgParameter> parameters = {});
  // Statements without parameters, separated by semicolons, in one round trip.
  void command(const std::string& sql);
  // The two halves of query(): the server works in between. Sending anew waits for the end of
  // what was sent before and was not received.
  void send(const std::string& sql, std::initializer_list<PgParameter> parameters = {});
  PgResult receive();
  // As send(), with the answer's values in binary; `bytes` is one more parameter, a bytea.
  void send_binary(const std::string& sql, std::initializer_list<PgParameter> parameters,
                   const std::string* bytes = nullptr);
  // The answer to a COPY that was sent.
  void receive_copy(const std::function<void(std::string_view)>& on_bytes);
  // Statements in one round trip, the answer of one of them in binary if that is asked for.
  struct Step {
    std::string sql;
    std::vector<PgParameter> parameters{};
    bool binary = false;
    // Prepared once, for as long as the connection lasts: only where it has a backend of its own.
    bool kept = false;
  };
  void send_all(const std::vector<Step>& steps);
  // The answer to step number `wanted`. After an error the steps behind it were not run.
  PgResult receive_all(std::size_t wanted);
  // Reads what has come, without waiting for more, and hands out each notification: its channel and
  // its payload.
  void take_notifications(
      const std::function<void(std::string_view, std::string_view)>& on_notification);
  bool is_open() const noexcept { return connection_ != nullptr; }
  int socket() const noexcept { return connection_ != nullptr ? PQsocket(connection_) : -1; }
  // False behind a pooler, which gives a backend to one transaction and then to another client's.
  bool has_backend(int process_id) const noexcept {
    return PQbackendPID(connection_) == process_id;
  }
  // From now on this end finds a peer that is gone within about so long (silence.h).
  void limit_silence_to(std::chrono::milliseconds silence);
  // And the server does. Its session keeps that: only where it has a backend of its own.
  void limit_silence_of_server(std::chrono::milliseconds silence);
  // Best effort, for clean-up: false when it failed.
  bool try_command(const char* sql) noexcept;
  bool over_unix_socket() const noexcept;
  bool server_speaks_utf8() const noexcept;  // its own encoding, not the connection's
  void cancel() noexcept;
  void allow() noexcept { cancelled_ = false; }
  void check_not_cancelled() const;

 private:
  void prepare_to_send();
  void send_step(const Step& step, const std::string& prepared_as);
  std::string keep(const Step& step, std::size_t place);
  void forget_kept() noexcept;
  void require_open() const;
  void flush();
  // Waits for the socket, or until cancel() or the end of patience: false, and the connection is
  // closed, since what is still on its way cannot be waited for; check_not_cancelled() says which.
  bool wait_for(short events) noexcept;
  PGresult* next_result();
  void drain() noexcept;
  void wait_connected();
  [[noreturn]] void throw_connection_error(const char* doing);
  [[noreturn]] void throw_result_error(const PGresult* result);

  std::string conninfo_;
  const Patience patience_;
  PGconn* connection_ = nullptr;
  std::map<std::string, std::string> kept_;  // by SQL, the name it is prepared under
  std::size_t names_given_ = 0;
  std::vector<std::size_t> prepares_;  // places, among the answers to come, of what only prepares
  std::mutex cancel_mutex_;            // guards cancel_handle_
  PGcancel* cancel_handle_ = nullptr;
  // Set before cancelled_ is looked at, so that cancel() misses nothing that is under way; with
  // nothing under way it need not connect to the server to say so.
  std::atomic<bool> busy_{false};
  std::atomic<bool> cancel_sent_{false};  // it may yet hit a later statement
  std::atomic<bool> unanswered_{false};   // something was sent whose answer was not read
  std::atomic<bool> cancelled_{false};
  bool unanswered_too_long_ = false;
};

}  // namespace objectos
