// What the queue costs a local write: one UPDATE a transaction on a cloned file, where triggers
// queue the mutation and keep the base image, against the bare UPDATE in a file without them. Both
// WAL, FULL.
#include "contacts.h"
#include "measurement.h"
#include "objectos/sync_engine.h"

namespace bench {

namespace {

constexpr std::size_t table_rows = 10'000, writes = 200;
constexpr int repetitions = 7;

std::vector<std::string> ids(Sqlite& file) {
  std::vector<std::string> found;
  SqliteStatement rows(file, "SELECT id FROM contacts ORDER BY id");
  while (rows.step()) found.emplace_back(rows.text(0));
  return found;
}

// `writes` records from `first` on; each its own transaction unless `together`.
double update(Sqlite& file, const std::vector<std::string>& keys, std::size_t first,
              bool together) {
  SqliteStatement statement(file, "UPDATE contacts SET phone = phone || '0' WHERE id = ?");
  return seconds_of([&] {
    if (together) file.run("BEGIN");
    for (std::size_t i = 0; i < writes; i++) {
      statement.bind(1, keys[(first + i) % keys.size()]);
      statement.execute();
    }
    if (together) file.run("COMMIT");
  });
}

std::vector<Measurement> measure() {
  const std::string server_string = fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  create_contacts(server, "contacts");
  server.run(insert_contacts_sql("contacts", table_rows));
  server.run("SELECT sync_enable('contacts')");
  const std::string cloned = bench_file("writing.db"), bare = bench_file("bare.db");
  remove_file(cloned);
  remove_file(bare);
  bare_load(server, "contacts", bare);
  {
    objectos::SyncEngine engine({.database = cloned, .server = server_string});
    engine.clone();
  }
  Sqlite ours(cloned), floor(bare);
  ours.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  floor.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  const std::vector<std::string> keys = ids(ours);
  Measurement result{"local_write",
                     "200 local UPDATEs with their queued mutations, a transaction each",
                     "the bare UPDATEs, same durability",
                     1.5,
                     writes,
                     {},
                     {},
                     {}};
  std::vector<double> ours_together, floor_together;
  std::size_t first = 0;
  for (int repetition = 0; repetition < repetitions; repetition++, first += writes) {
    result.floor.push_back(update(floor, keys, first, false));
    result.ours.push_back(update(ours, keys, first, false));
    first += writes;
    floor_together.push_back(update(floor, keys, first, true));
    ours_together.push_back(update(ours, keys, first, true));
  }
  result.extra = {{"one_transaction_ours_s", median(ours_together)},
                  {"one_transaction_floor_s", median(floor_together)},
                  {"one_transaction_ratio", median(ours_together) / median(floor_together)}};
  return {result};
}

}  // namespace

Suite local_write_suite() {
  return {{"local_write"}, measure};
}

}  // namespace bench
