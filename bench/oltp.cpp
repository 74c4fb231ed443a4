// What capture costs small transactions: eight clients, each updating one random row by its key per
// transaction, on a bare and on a synced table, as pgbench would. The two take turns. Commits are
// synchronous on both. 50 sessions listen all the while; they are told by the notifier, and then,
// in a measurement of its own, by writers that notify within their transactions.
#include <atomic>
#include <exception>
#include <mutex>
#include <random>
#include <thread>

#include "contacts.h"
#include "listeners.h"
#include "measurement.h"

namespace bench {

namespace {

constexpr std::size_t rows = 100'000;
constexpr int clients = 8, repetitions = 5, listeners = 50;
constexpr std::chrono::seconds slice{3};

// One client: transactions until told to stop; returns how many it committed.
std::size_t run_client(const std::string& table, unsigned seed, const std::atomic<bool>& stop) {
  Postgres server("objectos_bench");
  server.run("PREPARE change (int) AS UPDATE " + table +
             " SET balance = balance + 1, phone = '+43 1 ' || $1 WHERE id = md5($1::text)::uuid");
  std::mt19937 random(seed);
  std::uniform_int_distribution<std::size_t> any_row(1, rows);
  std::size_t done = 0;
  for (; !stop; done++) server.run("EXECUTE change (" + std::to_string(any_row(random)) + ")");
  return done;
}

// Transactions per second of all clients together.
double throughput(const std::string& table, unsigned seed) {
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> done{0};
  std::mutex mutex;
  std::exception_ptr failure;
  std::vector<std::thread> threads;
  const auto begin = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < clients; i++)
    threads.emplace_back([&, i] {
      try {
        done += run_client(table, seed + i, stop);
      } catch (...) {
        const std::lock_guard<std::mutex> guard(mutex);
        failure = std::current_exception();
      }
    });
  std::this_thread::sleep_for(slice);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  return static_cast<double>(done) / took.count();
}

Measurement measure_told_by(Postgres& server, const std::string& name, const std::string& sender,
                            bool at_commit) {
  server.run(std::string("ALTER DATABASE objectos_bench SET objectos_sync.notify_at_commit = ") +
             (at_commit ? "on" : "off"));
  const Listeners told("objectos_bench", listeners);
  Measurement result{
      name,
      "8 clients, transactions of one UPDATE by key, synced table, 50 listeners told by " + sender,
      "the same table, unsynced",
      0.9,
      rows,
      {},
      {},
      {{"clients", clients}, {"listeners", listeners}}};
  result.unit = "tx/s";
  result.more_is_better = true;
  for (int repetition = 0; repetition <= repetitions; repetition++) {
    const unsigned seed = static_cast<unsigned>(repetition) * 100;
    const bool floor_first = repetition % 2 == 0;
    double bare = 0, synced = 0;
    for (const bool is_floor : {floor_first, !floor_first}) {
      server.run("CHECKPOINT");
      if (is_floor)
        bare = throughput("contacts_bare", seed);
      else
        synced = throughput("contacts", seed);
    }
    if (repetition == 0) continue;  // warms caches
    result.floor.push_back(bare);
    result.ours.push_back(synced);
  }
  result.extra.emplace_back("notifications_heard", static_cast<double>(told.heard()));
  return result;
}

std::vector<Measurement> measure() {
  fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  for (const char* table : {"contacts_bare", "contacts"}) {
    create_contacts(server, table);
    server.run(insert_contacts_sql(table, rows));
  }
  server.run("SELECT sync_enable('contacts')");
  server.run("VACUUM ANALYZE contacts_bare");
  server.run("VACUUM ANALYZE contacts");
  return {measure_told_by(server, "oltp", "the notifier", false),
          measure_told_by(server, "oltp_at_commit", "writers at commit", true)};
}

}  // namespace

Suite oltp_suite() {
  return {{"oltp", "oltp_at_commit"}, measure};
}

}  // namespace bench
