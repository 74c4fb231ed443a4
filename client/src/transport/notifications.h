// How a connection hears of commits: sync_listen(), LISTEN, and what arrives then. Whoever asks
// pulls afterwards: what was committed before LISTEN is told to nobody.
#pragma once

#include <chrono>
#include <string>

#include "transport/session_login.h"
#include "transport/transport.h"

namespace objectos {

class Notifications {
 public:
  // Of Transport::listen().
  const Notifying& listen(PgConnection& connection, const SessionLogin& login,
                          const std::string& schema, const std::string& client_id,
                          std::chrono::milliseconds silence);
  Notices take(PgConnection& connection);
  // The connection is another one, or none.
  void forget();
  bool asked() const noexcept { return asked_; }
  const Notifying& notifying() const noexcept { return notifying_; }

 private:
  void ask(PgConnection& connection, const SessionLogin& login, const std::string& schema,
           const std::string& client_id, std::chrono::milliseconds silence);

  Notifying notifying_;
  bool asked_ = false;
  std::string channel_;  // that is listened to; empty: none
};

}  // namespace objectos
