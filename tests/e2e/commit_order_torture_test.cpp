// The race: sequences are drawn before commit, so a lower one can become visible after a higher one
// was pulled (sleeping writers, savepoints, rollbacks, prepared transactions, COPY, bulk
// statements). The invariant: a puller meets every committed log row exactly once, and whole cuts
// are never torn.
//
// `journal` is written by inserts only, each record once, so a record pulled is one log row
// examined. `accounts` is updated in pairs that keep their sum, so a torn cut shows as another sum.
// OBJECTOS_TORTURE_SECONDS, _WRITERS and SEED set the size; the seed is printed.
#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "doctest/doctest.h"

namespace {

int setting(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : otherwise;
}

class Session {
 public:
  Session() : connection_(PQconnectdb("")) {}
  ~Session() { PQfinish(connection_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Rows of text; *ok (if given) takes the failure, otherwise it is remembered.
  std::vector<std::vector<std::string>> run(const std::string& sql, bool* ok = nullptr) {
    PGresult* result = PQexec(connection_, sql.c_str());
    const ExecStatusType status = PQresultStatus(result);
    const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (ok) {
      *ok = good;
    } else if (!good && error_.empty()) {
      error_ = sql + ": " + PQresultErrorMessage(result);
    }
    std::vector<std::vector<std::string>> rows(static_cast<std::size_t>(PQntuples(result)));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (int j = 0; j < PQnfields(result); ++j) {
        rows[i].push_back(PQgetvalue(result, static_cast<int>(i), j));
      }
    }
    PQclear(result);
    return rows;
  }
  void copy_in(const std::string& sql, const std::string& data) {
    PQclear(PQexec(connection_, sql.c_str()));
    PQputCopyData(connection_, data.data(), static_cast<int>(data.size()));
    PQputCopyEnd(connection_, nullptr);
    while (PGresult* result = PQgetResult(connection_)) {
      if (PQresultStatus(result) != PGRES_COMMAND_OK && error_.empty()) {
        error_ = PQresultErrorMessage(result);
      }
      PQclear(result);
    }
  }
  const std::string& error() const { return error_; }

 private:
  PGconn* connection_;
  std::string error_;
};

constexpr int account_count = 64;
std::atomic<long> next_id{1};
std::atomic<bool> stop{false};

std::string insert_some(std::mt19937& random, int count) {
  std::string sql = "INSERT INTO journal VALUES ";
  for (int i = 0; i < count; ++i) sql += (i ? ",(" : "(") + std::to_string(next_id++) + ",'j')";
  (void)random;
  return sql;
}

void write_until_stopped(int writer, unsigned seed, std::string* error) {
  Session session;
  std::mt19937 random(seed);
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  const auto sleep = [&] {
    if (pick(3) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(pick(20)));
  };
  for (int turn = 0; !stop; ++turn) {
    session.run("BEGIN");
    session.run(insert_some(random, 1 + pick(4)));
    sleep();
    int from = pick(account_count), to = pick(account_count);
    if (from > to) std::swap(from, to);
    if (from != to) {
      session.run("UPDATE accounts SET balance = balance + CASE id WHEN " + std::to_string(from) +
                  " THEN -1 ELSE 1 END WHERE id IN (SELECT id FROM "
                  "accounts WHERE id IN (" +
                  std::to_string(from) + "," + std::to_string(to) + ") ORDER BY id FOR UPDATE)");
    }
    if (pick(3) == 0) {
      session.run("SAVEPOINT s");
      session.run(insert_some(random, 2));
      session.run(pick(2) ? "ROLLBACK TO s" : "RELEASE s");
    }
    if (pick(6) == 0) {
      std::string lines;
      for (int i = 0; i < 50; ++i) lines += std::to_string(next_id++) + "\tcopied\n";
      session.copy_in("COPY journal (id, note) FROM STDIN", lines);
    }
    sleep();
    const int end = pick(10);
    if (end == 0) {
      session.run("ROLLBACK");
    } else if (end < 3) {
      const std::string name = "'t" + std::to_string(writer) + "_" + std::to_string(turn) + "'";
      session.run("PREPARE TRANSACTION " + name);
      sleep();
      session.run((pick(4) ? "COMMIT PREPARED " : "ROLLBACK PREPARED ") + name);
    } else {
      session.run("COMMIT");
    }
  }
  *error = session.error();
}

// What a puller has met.
struct Replica {
  std::string checkpoint;
  std::map<std::string, int> journal;  // record → times pulled
  std::map<std::string, long> accounts;
  long torn = 0, rounds = 0;
  std::string error;

  // One page; whether there is more.
  bool pull(Session& session, const std::string& name, int size) {
    const auto rows = session.run(
        "SELECT kind, object, record_id, data->>'balance', checkpoint, has_more FROM sync_pull('" +
        name + "', '" + checkpoint + "', " + std::to_string(size) + ")");
    bool more = false;
    for (const auto& row : rows) {
      if (row[0] == "mutation" && row[1] == "journal") ++journal[row[2]];
      if (row[0] == "mutation" && row[1] == "accounts") accounts[row[2]] = std::stol(row[3]);
      if (row[0] == "checkpoint") {
        checkpoint = row[4];
        more = row[5] == "t";
      }
    }
    return more;
  }
};

void pull_cut(Session& session, Replica& replica) {
  session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  while (replica.pull(session, "cuts", 500) && session.error().empty()) {
  }
  session.run("COMMIT");
  long sum = 0;
  for (const auto& [id, balance] : replica.accounts) sum += balance;
  if (sum != account_count * 1000L) ++replica.torn;
  ++replica.rounds;
}

void pull_cuts(Replica& replica) {
  Session session;
  replica.checkpoint = "0";
  do pull_cut(session, replica);
  while (!stop && session.error().empty());
  replica.error = session.error();
}

void pull_pages(Replica& replica, unsigned seed) {
  Session session;
  std::mt19937 random(seed);
  replica.checkpoint = "0";
  do {
    replica.pull(session, "pages", 1 + static_cast<int>(random() % 40));
    ++replica.rounds;
  } while (!stop && session.error().empty());
  replica.error = session.error();
}

void check_exactly_once(const Replica& replica, Session& session) {
  CHECK(replica.error == "");
  long lost = 0, repeated = 0, phantom = static_cast<long>(replica.journal.size());
  for (const auto& row : session.run("SELECT id FROM journal")) {
    const auto met = replica.journal.find(row[0]);
    if (met == replica.journal.end()) {
      ++lost;
      continue;
    }
    --phantom;
    if (met->second != 1) ++repeated;
  }
  CHECK(lost == 0);
  CHECK(repeated == 0);
  CHECK(phantom == 0);
}

}  // namespace

// trap: late-lower-sequence
TEST_CASE("commits in any order: pullers lose nothing, repeat nothing and see no torn cut") {
  const int writers = setting("OBJECTOS_TORTURE_WRITERS", 12);
  const int seconds = setting("OBJECTOS_TORTURE_SECONDS", 20);
  const auto seed = static_cast<unsigned>(setting("SEED", 20240101));
  MESSAGE("seed ", seed, ", ", writers, " writers, ", seconds, " s");
  Session session;
  session.run("SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS objectos_sync");
  session.run("CREATE TABLE journal (id bigint PRIMARY KEY, note text)");
  session.run("CREATE TABLE accounts (id int PRIMARY KEY, balance bigint)");
  session.run("INSERT INTO accounts SELECT i, 1000 FROM generate_series(0, " +
              std::to_string(account_count - 1) + ") i");
  session.run("SELECT sync_enable('journal'), sync_enable('accounts')");
  REQUIRE(session.error() == "");

  Replica cuts, pages;
  // The first sync is re-reading; what follows comes by the log, each row once.
  std::vector<std::string> errors(static_cast<std::size_t>(writers));
  std::vector<std::thread> threads;
  threads.emplace_back([&] { pull_cuts(cuts); });
  threads.emplace_back([&] { pull_pages(pages, seed); });
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  for (int i = 0; i < writers; ++i) {
    threads.emplace_back([&, i] {
      write_until_stopped(i, seed + 1 + static_cast<unsigned>(i),
                          &errors[static_cast<std::size_t>(i)]);
    });
  }
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  for (const std::string& error : errors) CHECK(error == "");

  pull_cut(session, cuts);
  while (pages.pull(session, "pages", 40) && session.error().empty()) {
  }
  CHECK(session.error() == "");
  check_exactly_once(cuts, session);
  check_exactly_once(pages, session);
  CHECK(cuts.torn == 0);
  MESSAGE(cuts.rounds, " cuts, ", pages.rounds, " pages, ", pages.journal.size(), " records");
  session.run("DROP TABLE journal, accounts");
}
