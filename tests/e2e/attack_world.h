// What the attacks share: a database with an object under row-level security and one with column
// grants, two honest users and Mallory, who may sync and, unless a test says otherwise, has no
// right but those that are granted here. A test is named by what the attacker tries.
#pragma once

#include <libpq-fe.h>

#include <stdexcept>
#include <string>

#include "tests/e2e/support.h"

namespace e2e {

// What came of a statement: its rows, columns by '|', each row with a newline; or the error.
struct Answer {
  std::string state;    // SQLSTATE, "" for success
  std::string message;  // with detail and hint
  std::string rows;
  bool has(const std::string& text) const {
    return rows.find(text) != std::string::npos || message.find(text) != std::string::npos;
  }
};

// A connection as one role.
class Session {
 public:
  Session(const Server& server, const std::string& role) {
    const std::string target = server.conninfo() + " user=" + role;
    connection_ = PQconnectdb(target.c_str());
    if (PQstatus(connection_) != CONNECTION_OK)
      throw std::runtime_error(PQerrorMessage(connection_));
    PQsetNoticeProcessor(
        connection_, [](void*, const char*) {}, nullptr);
  }
  ~Session() { PQfinish(connection_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Answer ask(const std::string& sql) {
    PGresult* result = PQexec(connection_, sql.c_str());
    Answer answer;
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      answer.state = state != nullptr ? state : "08006";
      answer.message = PQerrorMessage(connection_);
    }
    for (int row = 0; row < PQntuples(result); ++row) {
      for (int column = 0; column < PQnfields(result); ++column)
        answer.rows += (column > 0 ? "|" : "") + std::string(PQgetvalue(result, row, column));
      answer.rows += '\n';
    }
    PQclear(result);
    return answer;
  }
  // The rows, without the last newline; an error is a failed test.
  std::string rows(const std::string& sql) {
    Answer answer = ask(sql);
    if (!answer.state.empty()) throw std::runtime_error(sql + ": " + answer.message);
    if (!answer.rows.empty()) answer.rows.pop_back();
    return answer.rows;
  }
  bool is_alive() { return ask("SELECT 1").rows == "1\n"; }

 private:
  PGconn* connection_ = nullptr;
};

// Roles are the cluster's: gone when the database is.
class AttackRoles {
 public:
  AttackRoles() { each("DROP ROLE IF EXISTS %", "CREATE ROLE % LOGIN"); }
  ~AttackRoles() { each("DROP ROLE IF EXISTS %", ""); }
  AttackRoles(const AttackRoles&) = delete;
  AttackRoles& operator=(const AttackRoles&) = delete;

 private:
  static void each(std::string first, std::string second) {
    PGconn* admin = PQconnectdb("dbname=postgres options='-c client_min_messages=error'");
    for (const char* role : {"ada", "bob", "mallory"}) {
      for (std::string statement : {first, second}) {
        const auto place = statement.find('%');
        if (place == std::string::npos) continue;
        PQclear(PQexec(admin, statement.replace(place, 1, role).c_str()));
      }
    }
    PQfinish(admin);
  }
};

struct AttackWorld {
  AttackRoles roles;
  Server server;
  Session mallory{server, "mallory"}, ada{server, "ada"}, bob{server, "bob"};

  // `rules` are further arguments of sync_enable() for diary.
  explicit AttackWorld(const std::string& rules = "") {
    server.exec(
        "CREATE TABLE diary (id text PRIMARY KEY, owner name DEFAULT current_user,"
        " body text, email text UNIQUE)");
    server.exec("CREATE TABLE staff (id int PRIMARY KEY, name text, salary int UNIQUE)");
    server.exec("ALTER TABLE diary ENABLE ROW LEVEL SECURITY");
    server.exec("CREATE POLICY own ON diary USING (owner = current_user)");
    server.exec("SELECT sync_enable('diary'" + rules + "), sync_enable('staff')");
    server.exec("GRANT SELECT, INSERT, UPDATE, DELETE ON diary TO ada, bob, mallory");
    server.exec("GRANT SELECT (id, name, _version), INSERT, UPDATE, DELETE ON staff TO mallory");
    server.exec("GRANT SELECT, INSERT, UPDATE, DELETE ON staff TO ada, bob");
    server.exec("SELECT sync_grant('ada'), sync_grant('bob'), sync_grant('mallory')");
    server.exec("GRANT CREATE ON SCHEMA public TO mallory");
    server.exec("INSERT INTO diary VALUES ('bobs-entry', 'bob', 'bob-secret', 'bob@x')");
    server.exec("INSERT INTO staff VALUES (1, 'Ada', 47114711), (2, 'Bob', 90)");
  }
  // Mallory owns tables that sync.
  void let_mallory_enable() {
    server.exec("GRANT EXECUTE ON FUNCTION sync_enable, sync_disable TO mallory");
  }
};

inline std::string mutation_id(int number) {
  const std::string digits = std::to_string(number);
  return "00000000-0000-4000-8000-" + std::string(12 - digits.size(), '0') + digits;
}

// One mutation of a push; `rest` is what follows the operation: `"data":{…},"version":3`.
inline std::string mutation(int number, const std::string& object, const std::string& record,
                            const std::string& operation, const std::string& rest = "") {
  return "{\"id\":\"" + mutation_id(number) + "\",\"object\":\"" + object + "\",\"record_id\":\"" +
         record + "\",\"operation\":\"" + operation +
         "\",\"client_sequence\":" + std::to_string(number) + (rest.empty() ? "" : "," + rest) +
         "}";
}

// What sync_push() says of one mutation: status|reason|version|server_version|detail.
inline Answer push(Session& session, const std::string& client, const std::string& mutations) {
  return session.ask("SELECT status, reason, version, server_version, detail FROM sync_push('" +
                     client + "', $json$[" + mutations + "]$json$)");
}

}  // namespace e2e
