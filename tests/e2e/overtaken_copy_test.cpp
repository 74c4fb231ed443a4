// The race: a COPY draws its sequences, others commit beyond them and are pulled, then it commits.
// The invariant: its rows page like any others, each exactly once, and a page costs what it
// returns, not what the transaction wrote: the last pages are no slower than the first.
//
// OBJECTOS_COPY_ROWS sets the size of the COPY (1,000,000 is the full one).
#include <libpq-fe.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "doctest/doctest.h"
#include "tests/e2e/support.h"

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// A second connection to the server, for the transaction that is overtaken.
class Slow {
 public:
  explicit Slow(const e2e::Server& server) : connection_(PQconnectdb(server.conninfo().c_str())) {}
  ~Slow() { PQfinish(connection_); }
  Slow(const Slow&) = delete;
  Slow& operator=(const Slow&) = delete;

  bool run(const std::string& sql) {
    PGresult* result = PQexec(connection_, sql.c_str());
    const ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN;
  }
  bool copy(int rows) {
    if (!run("COPY journal (id, note) FROM STDIN")) return false;
    std::string lines;
    for (int id = 1; id <= rows; ++id) {
      lines += std::to_string(id) + "\tcopied\n";
      if (lines.size() < 60000 && id < rows) continue;
      if (PQputCopyData(connection_, lines.data(), static_cast<int>(lines.size())) != 1)
        return false;
      lines.clear();
    }
    PQputCopyEnd(connection_, nullptr);
    bool good = true;
    while (PGresult* result = PQgetResult(connection_)) {
      good = good && PQresultStatus(result) == PGRES_COMMAND_OK;
      PQclear(result);
    }
    return good;
  }

 private:
  PGconn* connection_;
};

// Pulls pages of `size` until all is there and counts how often each record came.
struct Puller {
  std::string checkpoint = "0";
  std::vector<int> met;
  std::vector<double> page_ms;
  std::size_t longest_checkpoint = 0;

  bool page(PGconn* connection, int size) {
    const std::string number = std::to_string(size);
    const char* values[] = {checkpoint.c_str(), number.c_str()};
    const Clock::time_point start = Clock::now();
    PGresult* result = PQexecParams(connection,
                                    "SELECT kind, record_id, checkpoint, has_more FROM "
                                    "sync_pull('slow phone', $1, $2::int)",
                                    2, nullptr, values, nullptr, nullptr, 0);
    page_ms.push_back(milliseconds_since(start));
    REQUIRE_MESSAGE(PQresultStatus(result) == PGRES_TUPLES_OK, PQresultErrorMessage(result));
    bool more = false;
    for (int i = 0; i < PQntuples(result); ++i) {
      const std::string kind = PQgetvalue(result, i, 0);
      if (kind == "mutation") {
        const auto id = static_cast<std::size_t>(std::atol(PQgetvalue(result, i, 1)));
        REQUIRE(id < met.size());
        ++met[id];
      } else if (kind == "checkpoint") {
        checkpoint = PQgetvalue(result, i, 2);
        more = *PQgetvalue(result, i, 3) == 't';
      }
    }
    PQclear(result);
    longest_checkpoint = std::max(longest_checkpoint, checkpoint.size());
    return more;
  }
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

// trap: overtaken-copy
TEST_CASE("a COPY overtaken by other commits is pulled page by page, each row once, at even cost") {
  const char* text = std::getenv("OBJECTOS_COPY_ROWS");
  const int rows = text ? std::atoi(text) : 100000;
  constexpr int page_rows = 100, overtakers = 50;
  e2e::Server server;
  server.exec("CREATE TABLE journal (id int PRIMARY KEY, note text)");
  server.exec("SELECT sync_enable('journal')");
  PGconn* connection = PQconnectdb(server.conninfo().c_str());
  REQUIRE(PQstatus(connection) == CONNECTION_OK);
  Puller puller;
  puller.met.resize(static_cast<std::size_t>(rows + overtakers + 1));
  while (puller.page(connection, page_rows)) {
  }

  Slow slow(server);
  REQUIRE(slow.run("BEGIN"));
  REQUIRE(slow.copy(rows));
  for (int i = 1; i <= overtakers; ++i) {
    server.exec("INSERT INTO journal VALUES (" + std::to_string(rows + i) + ", 'overtakes')");
    if (i % 10 == 0) puller.page(connection, page_rows);
  }
  REQUIRE(std::count(puller.met.begin(), puller.met.end(), 1) == overtakers);
  REQUIRE(slow.run("COMMIT"));
  server.exec("ANALYZE journal");

  puller.page_ms.clear();
  const Clock::time_point start = Clock::now();
  while (puller.page(connection, page_rows)) {
  }
  const double total_ms = milliseconds_since(start);
  PQfinish(connection);
  CHECK(std::count(puller.met.begin() + 1, puller.met.end(), 1) == rows + overtakers);

  const auto tenth = static_cast<std::ptrdiff_t>(puller.page_ms.size() / 10);
  const double first = median({puller.page_ms.begin(), puller.page_ms.begin() + tenth});
  const double last = median({puller.page_ms.end() - tenth, puller.page_ms.end()});
  MESSAGE(rows, " rows in ", puller.page_ms.size(), " pages, ", total_ms, " ms; a page ", first,
          " ms at first, ", last, " ms at last; longest checkpoint ", puller.longest_checkpoint);
  // A page that walked the whole transaction would cost hundreds of times more at one of the ends.
  CHECK(last < 3 * first + 1);
  CHECK(first < 3 * last + 1);
  CHECK(puller.longest_checkpoint < 2000);
}
