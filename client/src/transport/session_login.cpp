#include "transport/session_login.h"

#include <cstdlib>

#include "objectos/error.h"

namespace objectos {

namespace {

std::string column(const PgResult& result, int index) {
  if (PQntuples(result.get()) == 1 && PQgetisnull(result.get(), 0, index) == 0)
    return PQgetvalue(result.get(), 0, index);
  throw Error(ErrorClass::upgrade, "unexpected_answer",
              "The server's answer to the login is none that this version knows.");
}

// It is written into statements.
std::string checked(std::string token) {
  for (const char c : token) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    if (!plain) {
      throw Error(ErrorClass::upgrade, "unexpected_answer",
                  "The server's token is none that this version knows.");
    }
  }
  return token;
}

}  // namespace

void SessionLogin::sign_with(std::shared_ptr<const RequestSigner> signer) {
  const bool same = signer && signer_ && signer->key_id() == signer_->key_id();
  signer_ = std::move(signer);
  if (!same) forget();
}

void SessionLogin::forget() noexcept {
  token_.clear();
  client_id_.clear();
}

bool SessionLogin::ends_soon() const {
  return known() && Clock::now() >= renew_at_;
}

void SessionLogin::renew(PgConnection& connection, const std::string& schema,
                         const std::string& client_id) {
  if (!signer_ || (known() && client_id == client_id_ && !ends_soon())) return;
  forget();
  const PgResult asked = connection.query(
      "SELECT challenge, epoch FROM " + schema + "sync_challenge($1::text)", {client_id});
  const std::string challenge = column(asked, 0), epoch = column(asked, 1);
  const PgResult given = connection.query(
      "SELECT token, (extract(epoch FROM expires_at - pg_catalog.clock_timestamp()) * "
      "500)::pg_catalog.int8 FROM " +
          schema + "sync_login($1::text, $2::text, $3::text, $4::text)",
      {client_id, signer_->key_id(), challenge, signer_->login_proof(challenge, epoch, client_id)});
  token_ = checked(column(given, 0));
  client_id_ = client_id;
  renew_at_ = Clock::now() + std::chrono::milliseconds(std::atoll(column(given, 1).c_str()));
}

std::string SessionLogin::first() const {
  if (!known()) return {};
  return "pg_catalog.set_config('objectos_sync.session_token', '" + token_ + "', true), ";
}

std::string SessionLogin::second() const {
  if (!known()) return {};
  return "; SET LOCAL objectos_sync.session_token = '" + token_ + "'";
}

PgResult SessionLogin::query(PgConnection& connection, const std::string& sql,
                             std::initializer_list<PgParameter> parameters) const {
  if (!known()) return connection.query(sql, parameters);
  connection.command("BEGIN" + second());
  try {
    PgResult result = connection.query(sql, parameters);
    connection.query("COMMIT");
    return result;
  } catch (...) {
    if (!connection.try_command("ROLLBACK")) connection.close();
    throw;
  }
}

}  // namespace objectos
