// One pull round of rows that changed on the server, against a SELECT of just these rows over an
// open connection plus a bare SQLite upsert in one transaction of the same durability (WAL, FULL).
#include <stdexcept>

#include "contacts.h"
#include "measurement.h"
#include "objectos/sync_engine.h"

namespace bench {

namespace {

constexpr std::size_t table_rows = 100'000;

// The rows whose keys stand in `wanted`, every column and _version, in text form.
void bare_pull(Postgres& server, Sqlite& file) {
  const PgResult rows = server.query(std::string("SELECT ") + contact_columns +
                                     ", _version FROM contacts JOIN wanted USING (id)");
  file.run("BEGIN");
  {
    SqliteStatement upsert(
        file,
        "INSERT INTO contacts VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET"
        " name = excluded.name, email = excluded.email, phone = excluded.phone,"
        " company = excluded.company, age = excluded.age, balance = excluded.balance,"
        " active = excluded.active, created = excluded.created, _version = excluded._version");
    const int count = PQntuples(rows.get());
    for (int row = 0; row < count; row++) {
      for (int column = 0; column <= contact_column_count; column++) {
        if (PQgetisnull(rows.get(), row, column) != 0)
          upsert.bind_null(column + 1);
        else if (column == 7)
          upsert.bind(8, std::int64_t{PQgetvalue(rows.get(), row, 7)[0] == 't'});
        else
          upsert.bind(column + 1, std::string_view(PQgetvalue(rows.get(), row, column),
                                                   PQgetlength(rows.get(), row, column)));
      }
      upsert.execute();
    }
  }
  file.run("COMMIT");
}

Measurement measure(const std::string& name, std::size_t rows, int repetitions) {
  const std::string server_string = fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  create_contacts(server, "contacts");
  server.run(insert_contacts_sql("contacts", table_rows));
  server.run("SELECT sync_enable('contacts')");
  server.run("CREATE TABLE wanted (id uuid PRIMARY KEY)");
  server.run("VACUUM ANALYZE contacts");
  const std::string synced = bench_file("synced.db"), bare = bench_file("bare.db");
  remove_file(synced);
  remove_file(bare);
  bare_load(server, "contacts", bare);
  Sqlite file(bare);
  file.run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  objectos::SyncEngine engine({.database = synced, .server = server_string});
  engine.clone();
  engine.pull_now();
  Measurement result{name,
                     "one pull round of " + std::to_string(rows) + " changed rows into SQLite",
                     "SELECT of the rows plus a bare SQLite upsert",
                     2.0,
                     rows,
                     {},
                     {},
                     {}};
  for (int repetition = 0; repetition < repetitions; repetition++) {
    server.run(
        "TRUNCATE wanted; INSERT INTO wanted SELECT id FROM contacts"
        " ORDER BY md5(id::text || " +
        std::to_string(repetition) + ") LIMIT " + std::to_string(rows));
    server.run(
        "UPDATE contacts SET phone = phone || '0', balance = balance + 1"
        " FROM wanted WHERE wanted.id = contacts.id");
    server.run("VACUUM ANALYZE contacts, wanted");
    result.floor.push_back(seconds_of([&] { bare_pull(server, file); }));
    result.ours.push_back(seconds_of([&] { engine.pull_now(); }));
    const std::string sum = "SELECT sum(balance) + sum(_version) FROM contacts";
    Sqlite replica(synced);
    if (replica.number(sum) != file.number(sum))
      throw std::runtime_error("the replica does not hold what the server holds");
  }
  return result;
}

}  // namespace

Suite pull_100_suite() {
  return {{"pull_100"}, [] { return std::vector{measure("pull_100", 100, 15)}; }};
}

Suite pull_100k_suite() {
  return {{"pull_100k"}, [] { return std::vector{measure("pull_100k", 100'000, 5)}; }};
}

}  // namespace bench
