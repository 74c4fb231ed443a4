// Does a pull get slower as the log grows? A pull of 100 where the log holds 10,000,000 rows,
// against one where it holds 10,000. Two databases, filled by captured UPDATEs of another object;
// the two pulls take turns.
#include <memory>

#include "contacts.h"
#include "measurement.h"
#include "objectos/sync_engine.h"

namespace bench {

namespace {

constexpr std::size_t shallow_rows = 10'000, deep_rows = 10'000'000;
constexpr int repetitions = 15;

struct Replica {
  Replica(const std::string& database, std::size_t log_rows)
      : server_string(fresh_database(database)), server(database) {
    create_contacts(server, "contacts");
    server.run(insert_contacts_sql("contacts", 10'000));
    server.run("CREATE TABLE filler (id int PRIMARY KEY, n int NOT NULL)");
    server.run("INSERT INTO filler SELECT i, 0 FROM generate_series(1, 10000) AS i");
    server.run("SELECT sync_enable('contacts'), sync_enable('filler')");
    // Ten thousand rows a time keep the filler's own bloat in the cache.
    for (std::size_t done = 0; done < log_rows; done += 10'000) {
      server.run("UPDATE filler SET n = n + 1");
      if (done % 500'000 == 0) server.run("VACUUM filler");
    }
    server.run("VACUUM ANALYZE");
    const std::string path = bench_file(database + ".db");
    remove_file(path);
    engine = std::make_unique<objectos::SyncEngine>(
        objectos::Options{.database = path, .server = server_string});
    engine->clone();
    engine->pull_now();
  }

  double pull_100(int repetition) {
    server.run("UPDATE contacts SET phone = phone || '0' WHERE (balance / 37) % 100 = " +
               std::to_string(repetition));
    return seconds_of([&] { engine->pull_now(); });
  }

  double log_rows() {
    return std::stod(server.value("SELECT count(*) FROM objectos_sync.mutations"));
  }

  std::string server_string;
  Postgres server;
  std::unique_ptr<objectos::SyncEngine> engine;
};

std::vector<Measurement> measure() {
  Replica shallow("objectos_bench_shallow", shallow_rows);
  Replica deep("objectos_bench_deep", deep_rows);
  Measurement result{"log_depth",
                     "pull of 100 when the log holds 10,000,000",
                     "the same when it holds 10,000",
                     1.2,
                     100,
                     {},
                     {},
                     {}};
  deep.server.run("CHECKPOINT");
  for (int repetition = 0; repetition < repetitions; repetition++) {
    const double floor = shallow.pull_100(repetition), ours = deep.pull_100(repetition);
    if (repetition < 2) continue;  // warms caches
    result.floor.push_back(floor);
    result.ours.push_back(ours);
  }
  result.extra = {{"log_rows_deep", deep.log_rows()}, {"log_rows_shallow", shallow.log_rows()}};
  return {result};
}

}  // namespace

Suite log_depth_suite() {
  return {{"log_depth"}, measure};
}

}  // namespace bench
