// How long a local write waits while the engine catches up: another connection updates single rows
// at a steady pace while a round changes every record of the file. A write's latency counts from
// the instant it was due, so that one that waited makes those behind it late, too.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <stdexcept>
#include <thread>

#include "contacts.h"
#include "measurement.h"
#include "objectos/sync_engine.h"

namespace bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t table_rows = 1'000'000;
constexpr auto pace = std::chrono::milliseconds(8);
constexpr auto quiet_time = std::chrono::seconds(10);

// What an app does: a connection of its own, which waits for the lock, one row a transaction.
class PacedWriter {
 public:
  explicit PacedWriter(const std::string& path) : file_(path) {
    file_.run("PRAGMA busy_timeout = 60000; PRAGMA synchronous = FULL");
    SqliteStatement rows(file_, "SELECT id FROM contacts WHERE rowid % 97 = 0");
    while (rows.step()) keys_.emplace_back(rows.text(0));
  }

  // Makes all writes that are due until `done`; the latencies in milliseconds, sorted.
  std::vector<double> write_until(const std::atomic<bool>& done) {
    std::vector<double> latencies;
    SqliteStatement update(file_, "UPDATE contacts SET company = company || '*' WHERE id = ?");
    for (Clock::time_point due = Clock::now() + pace; !done || due < Clock::now(); due += pace) {
      std::this_thread::sleep_until(due);
      update.bind(1, keys_[written_++ % keys_.size()]);
      update.execute();
      latencies.push_back(std::chrono::duration<double, std::milli>(Clock::now() - due).count());
    }
    std::sort(latencies.begin(), latencies.end());
    return latencies;
  }
  std::size_t written() const { return written_; }

 private:
  Sqlite file_;
  std::vector<std::string> keys_;
  std::size_t written_ = 0;
};

double quantile(const std::vector<double>& sorted, double part) {
  const auto at = static_cast<std::size_t>(std::ceil(part * static_cast<double>(sorted.size())));
  return sorted.at(at == 0 ? 0 : at - 1);
}

// The latencies while `work` runs, and how long it ran.
template <typename Work>
std::vector<double> latencies_beside(PacedWriter& writer, double& seconds, Work&& work) {
  std::atomic<bool> done = false;
  std::vector<double> latencies;
  std::thread app([&] { latencies = writer.write_until(done); });
  try {
    seconds = seconds_of(work);
  } catch (...) {
    done = true;
    app.join();
    throw;
  }
  done = true;
  app.join();
  return latencies;
}

// Every record is the server's, and on top of it what was written here.
void check_replica(Postgres& server, Sqlite& replica, std::size_t written) {
  if (replica.number("SELECT sum(balance) FROM contacts") !=
      std::stoll(server.value("SELECT sum(balance) FROM contacts")))
    throw std::runtime_error("the replica does not hold what the server holds");
  if (replica.number("SELECT sum(length(company) - length(replace(company, '*', ''))) FROM "
                     "contacts") != static_cast<std::int64_t>(written))
    throw std::runtime_error("a local write is lost");
}

std::vector<Measurement> measure() {
  const std::string server_string = fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  create_contacts(server, "contacts");
  server.run(insert_contacts_sql("contacts", table_rows));
  server.run("SELECT sync_enable('contacts')");
  const std::string path = bench_file("busy.db");
  remove_file(path);
  objectos::SyncEngine engine({.database = path, .server = server_string});
  engine.clone();
  server.run("UPDATE contacts SET phone = phone || '0', balance = balance + 1");
  server.run("VACUUM ANALYZE contacts");
  server.run("CHECKPOINT");
  PacedWriter writer(path);
  double quiet_seconds = 0, round_seconds = 0;
  const std::vector<double> quiet =
      latencies_beside(writer, quiet_seconds, [] { std::this_thread::sleep_for(quiet_time); });
  const std::vector<double> busy =
      latencies_beside(writer, round_seconds, [&] { engine.pull_now(); });
  Sqlite replica(path);
  check_replica(server, replica, writer.written());
  remove_file(path);
  Measurement result;
  result.name = "local_write_busy_p99";
  result.what = "a local UPDATE every 8 ms while a round of 1,000,000 records is applied";
  result.unit = std::string("ms");
  result.goal = 50;
  result.rows = busy.size();
  result.ours = {quantile(busy, 0.99)};
  result.extra = {{"p50_ms", quantile(busy, 0.5)},
                  {"max_ms", busy.back()},
                  {"writes", static_cast<double>(busy.size())},
                  {"round_s", round_seconds},
                  {"without_a_round_p50_ms", quantile(quiet, 0.5)},
                  {"without_a_round_p99_ms", quantile(quiet, 0.99)},
                  {"without_a_round_max_ms", quiet.back()}};
  return {result};
}

}  // namespace

Suite local_write_busy_suite() {
  return {{"local_write_busy_p99"}, measure};
}

}  // namespace bench
