// Initial sync: SyncEngine::clone() of a table into a new, durable, queryable file, against binary
// COPY out plus a bare SQLite bulk insert of the same rows into the same columns.
#include <stdexcept>

#include "contacts.h"
#include "measurement.h"
#include "objectos/sync_engine.h"

namespace bench {

namespace {

void expect_rows(const std::string& path, std::size_t rows) {
  Sqlite file(path);
  if (file.number("SELECT count(*) FROM contacts") != static_cast<std::int64_t>(rows))
    throw std::runtime_error(path + " does not hold all rows");
}

Measurement measure(const std::string& name, std::size_t rows, int repetitions) {
  const std::string server_string = fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  create_contacts(server, "contacts");
  server.run(insert_contacts_sql("contacts", rows));
  server.run("SELECT sync_enable('contacts')");
  server.run("VACUUM ANALYZE contacts");
  server.run("CHECKPOINT");
  Measurement result{name,
                     "initial sync of " + std::to_string(rows) + " rows into a durable file",
                     "binary COPY out plus a bare SQLite bulk insert",
                     1.3,
                     rows,
                     {},
                     {},
                     {}};
  const std::string cloned = bench_file("cloned.db"), bare = bench_file("bare.db");
  for (int repetition = 0; repetition < repetitions; repetition++) {
    remove_file(cloned);
    remove_file(bare);
    result.floor.push_back(seconds_of([&] { bare_load(server, "contacts", bare); }));
    expect_rows(bare, rows);
    result.ours.push_back(seconds_of([&] {
      objectos::SyncEngine engine({.database = cloned, .server = server_string});
      engine.clone();
    }));
    expect_rows(cloned, rows);
  }
  remove_file(cloned);
  remove_file(bare);
  return result;
}

// Four tables at once over connections of their own, against one after the other over one.
Measurement measure_parallel() {
  constexpr std::size_t tables = 4, rows = 250'000;
  const std::string server_string = fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  for (std::size_t i = 1; i <= tables; i++) {
    const std::string table = "contacts" + std::to_string(i);
    create_contacts(server, table);
    server.run(insert_contacts_sql(table, rows));
    server.run("SELECT sync_enable('" + table + "')");
    server.run("VACUUM ANALYZE " + table);
  }
  server.run("CHECKPOINT");
  const std::string path = bench_file("cloned.db");
  const auto seconds = [&](int connections) {
    remove_file(path);
    objectos::SyncEngine engine(
        {.database = path, .server = server_string, .initial_connections = connections});
    const double taken = seconds_of([&] {
      if (engine.clone().pulled != static_cast<std::int64_t>(tables * rows))
        throw std::runtime_error("the clone does not hold all rows");
    });
    return taken;
  };
  Measurement result{"initial_parallel",
                     "initial sync of 4 tables of 250,000 rows over 4 connections",
                     "the same over one connection",
                     1.0,
                     tables * rows,
                     {},
                     {},
                     {}};
  std::vector<double> two;
  for (int repetition = 0; repetition < 3; repetition++) {
    result.floor.push_back(seconds(1));
    two.push_back(seconds(2));
    result.ours.push_back(seconds(4));
  }
  remove_file(path);
  result.extra = {{"two_connections_s", median(two)},
                  {"two_connections_ratio", median(two) / median(result.floor)}};
  return result;
}

}  // namespace

Suite initial_10k_suite() {
  return {{"initial_10k"}, [] { return std::vector{measure("initial_10k", 10'000, 7)}; }};
}

Suite initial_1m_suite() {
  return {{"initial_1m"}, [] { return std::vector{measure("initial_1m", 1'000'000, 5)}; }};
}

Suite initial_parallel_suite() {
  return {{"initial_parallel"}, [] { return std::vector{measure_parallel()}; }};
}

}  // namespace bench
