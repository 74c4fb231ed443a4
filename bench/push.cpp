// 10,000 queued updates to verdicts, against a hand-written upsert of the same rows: read from
// SQLite, 1,000 rows a statement (unnest), one transaction, into an equal table that is not synced.
#include <stdexcept>

#include "contacts.h"
#include "measurement.h"
#include "objectos/sync_engine.h"

namespace bench {

namespace {

constexpr std::size_t table_rows = 100'000, pushed_rows = 10'000, batch_rows = 1'000;
constexpr int repetitions = 5;

const char* const upsert_sql =
    "INSERT INTO contacts_bare (id, name, email, phone, company, age, balance, active, created)"
    " SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[],"
    " $7::bigint[], $8::boolean[], $9::timestamptz[]) ON CONFLICT (id) DO UPDATE SET"
    " name = excluded.name, email = excluded.email, phone = excluded.phone,"
    " company = excluded.company, age = excluded.age, balance = excluded.balance,"
    " active = excluded.active, created = excluded.created";

// The contacts hold nothing that an array literal would have to escape.
void append_element(std::string& array, std::string_view text) {
  array += array.empty() ? "{\"" : ",\"";
  array += text;
  array += '"';
}

void bare_push(Sqlite& file, Postgres& server) {
  SqliteStatement rows(file, std::string("SELECT ") + contact_columns +
                                 " FROM contacts WHERE id IN (SELECT id FROM edited)");
  server.run("BEGIN");
  bool more = true;
  while (more) {
    std::vector<std::string> arrays(contact_column_count);
    std::size_t count = 0;
    while (count < batch_rows && (more = rows.step())) {
      for (int column = 0; column < contact_column_count; column++)
        append_element(arrays[static_cast<std::size_t>(column)], rows.text(column));
      count++;
    }
    if (count == 0) break;
    for (std::string& array : arrays) array += '}';
    server.query(upsert_sql, arrays);
  }
  server.run("COMMIT");
}

// Every tenth contact, another tenth each time; a statement of its own per row, as an app writes.
void edit(Sqlite& file, int repetition) {
  file.run("BEGIN");
  file.run("DELETE FROM edited");
  file.run("INSERT INTO edited SELECT id FROM contacts WHERE age >= 0 AND (balance / 37) % 10 = " +
           std::to_string(repetition));
  file.run("UPDATE contacts SET phone = phone || '0', company = 'Company of round " +
           std::to_string(repetition) + "' WHERE id IN (SELECT id FROM edited)");
  file.run("COMMIT");
}

std::vector<Measurement> measure() {
  const std::string server_string = fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  create_contacts(server, "contacts");
  create_contacts(server, "contacts_bare");
  server.run(insert_contacts_sql("contacts", table_rows));
  server.run(insert_contacts_sql("contacts_bare", table_rows));
  server.run("SELECT sync_enable('contacts')");
  server.run("VACUUM ANALYZE contacts, contacts_bare");
  const std::string path = bench_file("pushing.db");
  remove_file(path);
  objectos::SyncEngine engine(
      {.database = path, .server = server_string, .push_mutations = static_cast<int>(batch_rows)});
  engine.clone();
  Sqlite file(path);
  file.run("CREATE TABLE edited (id TEXT PRIMARY KEY)");
  Measurement result{"push_10k",
                     "10,000 queued updates to verdicts",
                     "hand-written batched upsert of the same rows",
                     3.0,
                     pushed_rows,
                     {},
                     {},
                     {}};
  for (int repetition = 0; repetition < repetitions; repetition++) {
    edit(file, repetition);
    result.floor.push_back(seconds_of([&] { bare_push(file, server); }));
    objectos::SyncResult synced;
    result.ours.push_back(seconds_of([&] { synced = engine.push_now(); }));
    if (synced.verdicts.size() != pushed_rows) throw std::runtime_error("verdicts are missing");
    for (const objectos::Verdict& verdict : synced.verdicts)
      if (verdict.status != "applied")
        throw std::runtime_error("a mutation was " + verdict.status + ": " + verdict.detail);
    engine.pull_now();
    server.run("VACUUM ANALYZE contacts, contacts_bare");
  }
  return {result};
}

}  // namespace

Suite push_suite() {
  return {{"push_10k"}, measure};
}

}  // namespace bench
