// The server's presence functions over a connection of their own, which listens: what a client says
// and hears here does not wait for a page of a pull.
//
// Threads and errors as of a Transport. After an error is_open() says whether only the call was
// refused.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "objectos/presence.h"
#include "transport/session_login.h"

namespace objectos {

class PresenceConnection {
 public:
  PresenceConnection(const std::string& conninfo, Patience patience,
                     std::shared_ptr<const RequestSigner> signer, std::string client_id);

  // Connects, logs in and listens. A peer that is silent for so long counts as lost.
  void open(std::chrono::milliseconds silence);
  bool is_open() const noexcept { return connection_.is_open(); }
  const std::string& client_id() const noexcept { return client_id_; }
  // Somebody sends notifications; otherwise news() is to be asked for now and then.
  bool is_told() const noexcept { return told_; }

  // What the server calls the channel.
  std::string join(const std::string& channel, const std::string& state);
  void update(const std::string& channel, const std::string& state);
  void leave(const std::string& channel);
  void broadcast(const std::string& channel, const std::string& payload);
  std::vector<PresentClient> list(const std::string& channel);

  struct News {
    bool lost = false;  // some were missed: list again
    std::vector<PresenceEvent> events;
  };
  // What others did since it was asked last.
  News news();

  // Whether a notification has come. Never waits for one. Throws when the connection is lost.
  bool take_notice();
  int socket() const noexcept { return connection_.socket(); }
  void cancel() noexcept { connection_.cancel(); }

 private:
  PgResult call(const std::string& columns, const std::string& function,
                std::initializer_list<PgParameter> parameters);

  PgConnection connection_;
  SessionLogin login_;
  const std::string client_id_;
  std::string schema_;
  std::string place_;  // the sequence after which news() asks
  bool told_ = false;
};

}  // namespace objectos
