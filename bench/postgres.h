// A libpq connection that throws. The bench talks to the server directly for the floors and to
// set the stage; what is measured goes through the public API or plain SQL.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

namespace bench {

struct PgResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, PgResultDeleter>;

class Postgres {
 public:
  // Host, port and user come from libpq's environment variables.
  explicit Postgres(const std::string& database);
  ~Postgres() { PQfinish(connection_); }
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  // One or more statements without rows; throws std::runtime_error with the server's message.
  void run(const std::string& sql);
  // One statement, results in text form.
  PgResult query(const std::string& sql, const std::vector<std::string>& parameters = {});
  // First column of the first row; throws if there is none.
  std::string value(const std::string& sql);
  PGconn* raw() { return connection_; }

 private:
  PGconn* connection_;
};

// Drops the database if it is there and creates it with the extension; returns its libpq string.
std::string fresh_database(const std::string& database);

}  // namespace bench
