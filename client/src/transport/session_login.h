// Who the statements of a connection are for, in signed mode.
//
// Every statement brings its token along, as a setting of its own transaction: so a pooler may give
// each transaction another server connection, and leaves nothing of this user on any of them.
// Pushes need none: they are signed.
#pragma once

#include <chrono>
#include <initializer_list>
#include <memory>
#include <string>

#include "engine/signer.h"
#include "transport/pg_connection.h"

namespace objectos {

class SessionLogin {
 public:
  void sign_with(std::shared_ptr<const RequestSigner> signer);
  bool known() const noexcept { return !token_.empty(); }
  void forget() noexcept;
  // Logs in unless there is no key, or a login for the client that has half of its time left.
  void renew(PgConnection& connection, const std::string& schema, const std::string& client_id);
  bool ends_soon() const;

  // "" in role mode, or before renew(). As the first columns of a SELECT, with a comma at the end;
  std::string first() const;
  // or as the second command, with a semicolon before it.
  std::string second() const;
  // A query whose function stands in FROM, which runs before the columns of its row: the login goes
  // before it, in a transaction of the query's own.
  PgResult query(PgConnection& connection, const std::string& sql,
                 std::initializer_list<PgParameter> parameters) const;

 private:
  using Clock = std::chrono::steady_clock;
  std::shared_ptr<const RequestSigner> signer_;
  std::string token_;  // hexadecimal digits, letters, dots and dashes
  std::string client_id_;
  Clock::time_point renew_at_{};
};

}  // namespace objectos
