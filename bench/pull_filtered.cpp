// What rights and a filter cost a pull: one round of changed rows under row-level security and with
// a filter on an indexed column, against the same round of an equal table that has neither. Both as
// the same role, which owns nothing; all rows pass, so both carry the same.
#include <stdexcept>

#include "contacts.h"
#include "measurement.h"
#include "objectos/sync_engine.h"

namespace bench {

namespace {

constexpr std::size_t table_rows = 100'000;
constexpr std::size_t changed_rows = 10'000;
constexpr int repetitions = 7;

objectos::SyncEngine replica(const std::string& server, const std::string& name,
                             const std::string& subscription) {
  const std::string path = bench_file(name);
  remove_file(path);
  return objectos::SyncEngine({.database = path, .server = server, .subscription = subscription});
}

std::vector<Measurement> measure() {
  const std::string conninfo = fresh_database("objectos_bench") + " user=bench_reader";
  Postgres server("objectos_bench");
  server.run(
      "DO $$ BEGIN CREATE ROLE bench_reader LOGIN;"
      " EXCEPTION WHEN duplicate_object THEN NULL; END $$");
  server.run("SELECT sync_grant('bench_reader')");
  for (const char* name : {"open_contacts", "guarded_contacts"}) {
    const std::string table = name;
    create_contacts(server, table);
    server.run(insert_contacts_sql(table, table_rows));
    server.run("UPDATE " + table + " SET age = coalesce(age, 30), company = 'bench_reader'");
    server.run("SELECT sync_enable('" + table + "'); GRANT SELECT ON " + table +
               " TO bench_reader");
  }
  server.run(
      "CREATE INDEX ON guarded_contacts (age); CREATE INDEX ON guarded_contacts (company);"
      "ALTER TABLE guarded_contacts ENABLE ROW LEVEL SECURITY;"
      "CREATE POLICY own ON guarded_contacts USING (company = current_user)");
  objectos::SyncEngine open = replica(conninfo, "open.db", R"({"objects": ["open_contacts"]})");
  objectos::SyncEngine guarded =
      replica(conninfo, "guarded.db",
              R"({"objects": ["guarded_contacts"], "filters": {"guarded_contacts": "age >= 0"}})");
  for (objectos::SyncEngine* engine : {&open, &guarded}) {
    engine->clone();
    engine->pull_now();
  }
  Measurement result{"pull_filtered",
                     "one pull round of 10,000 changed rows under row-level security, filtered",
                     "the same round of a table with neither, as the same role",
                     1.5,
                     changed_rows,
                     {},
                     {},
                     {}};
  for (int repetition = 0; repetition < repetitions; repetition++) {
    for (const char* table : {"open_contacts", "guarded_contacts"})
      server.run(std::string("UPDATE ") + table +
                 " SET phone = phone || '0', balance = balance + 1 WHERE id IN (SELECT id FROM " +
                 table + " ORDER BY md5(id::text || '" + std::to_string(repetition) + "') LIMIT " +
                 std::to_string(changed_rows) + ")");
    server.run("VACUUM ANALYZE open_contacts, guarded_contacts");
    const auto pull = [](objectos::SyncEngine& engine) {
      return seconds_of([&] {
        if (engine.pull_now().pulled < static_cast<std::int64_t>(changed_rows))
          throw std::runtime_error("the round did not bring what was changed");
      });
    };
    // In turn: neither has the warmer caches each time.
    if (repetition % 2 == 0) result.floor.push_back(pull(open));
    result.ours.push_back(pull(guarded));
    if (repetition % 2 != 0) result.floor.push_back(pull(open));
  }
  return {result};
}

}  // namespace

Suite pull_filtered_suite() {
  return {{"pull_filtered"}, measure};
}

}  // namespace bench
