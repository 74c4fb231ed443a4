// A session with the server, as the long fault tests hold several of: errors are values with their
// SQLSTATE, and the end of the connection is told from an error of a statement.
#pragma once

#include <libpq-fe.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace faults {

struct Answer {
  std::string sqlstate;  // "" when the statement succeeded
  std::string message;   // with DETAIL and HINT
  std::vector<std::vector<std::string>> rows;
  bool ended = false;  // the connection is gone

  bool ok() const { return sqlstate.empty() && !ended; }
  // The first value of the first row, or "".
  std::string value() const { return rows.empty() || rows[0].empty() ? "" : rows[0][0]; }
};

class Session {
 public:
  explicit Session(std::string database = {}, std::string role = {})
      : database_(std::move(database)), role_(std::move(role)) {
    connect();
  }
  ~Session() { PQfinish(connection_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // A new connection instead of this one.
  void connect() {
    PQfinish(connection_);
    std::string conninfo = "connect_timeout=30";
    if (!database_.empty()) conninfo += " dbname=" + database_;
    if (!role_.empty()) conninfo += " user=" + role_;
    connection_ = PQconnectdb(conninfo.c_str());
    if (PQstatus(connection_) != CONNECTION_OK)
      throw std::runtime_error(PQerrorMessage(connection_));
    PQsetNoticeProcessor(connection_, note, this);
    pid_ = PQbackendPID(connection_);
  }

  // Of several statements in one text, the last one's rows.
  Answer run(const std::string& sql) { return take(PQexec(connection_, sql.c_str())); }

  // What must succeed.
  std::string must(const std::string& sql) {
    Answer answer = run(sql);
    if (!answer.ok())
      throw std::runtime_error(sql.substr(0, 500) + ": " + answer.sqlstate + " " + answer.message);
    return answer.value();
  }

  // WARNINGs since the last call, such as those about leaked references.
  std::vector<std::string> warnings() { return std::exchange(warnings_, {}); }

  int pid() const { return pid_; }
  bool in_transaction() const { return PQtransactionStatus(connection_) != PQTRANS_IDLE; }

 private:
  static void note(void* session, const char* message) {
    const std::string text = message;
    if (text.starts_with("WARNING")) static_cast<Session*>(session)->warnings_.push_back(text);
  }
  Answer take(PGresult* result) {
    Answer answer;
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK) {
      answer.rows.resize(static_cast<std::size_t>(PQntuples(result)));
      for (std::size_t r = 0; r < answer.rows.size(); ++r) {
        for (int c = 0; c < PQnfields(result); ++c)
          answer.rows[r].push_back(PQgetvalue(result, static_cast<int>(r), c));
      }
    } else if (status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
      const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      answer.sqlstate = state != nullptr ? state : "no SQLSTATE";
      const char* message = PQresultErrorMessage(result);
      answer.message = message != nullptr && *message ? message : PQerrorMessage(connection_);
    }
    PQclear(result);
    answer.ended = PQstatus(connection_) != CONNECTION_OK;
    return answer;
  }

  std::string database_, role_;
  PGconn* connection_ = nullptr;
  int pid_ = 0;
  std::vector<std::string> warnings_;
};

// ' and \ doubled as E'' wants them.
inline std::string quoted(const std::string& text) {
  std::string literal = "E'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') literal += c;
    literal += c;
  }
  return literal + "'";
}

inline std::string bytea_literal(const std::string& bytes) {
  static const char digits[] = "0123456789abcdef";
  std::string literal = "'\\x";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    literal += digits[byte >> 4];
    literal += digits[byte & 15];
  }
  return literal + "'::bytea";
}

// A number from the environment.
inline long setting(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text ? std::strtol(text, nullptr, 10) : otherwise;
}

}  // namespace faults
