// What capture costs a bulk statement: the same INSERT and UPDATE on three equal tables: bare,
// synced, and with a row trigger in PL/pgSQL that logs old and new as jsonb, as audit triggers do.
// The three take turns, in another order each time, so that a slow minute of the machine hits all
// of them. Before each statement its table is vacuumed and a checkpoint made: no sample pays for
// the pages that the one before it left to write.
#include "contacts.h"
#include "measurement.h"

namespace bench {

namespace {

constexpr std::size_t rows = 100'000;
constexpr int repetitions = 5;

const char* const audit_sql = R"(
CREATE TABLE audit_log (
  id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
  by_user text NOT NULL,
  table_name text NOT NULL, operation text NOT NULL, old_row jsonb, new_row jsonb);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit_log (by_user, table_name, operation, old_row, new_row)
  VALUES (current_user, TG_TABLE_NAME, TG_OP,
          CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
          CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
  RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON contacts_audited
  FOR EACH ROW EXECUTE FUNCTION audit();
)";

const char* const tables[] = {"contacts_bare", "contacts", "contacts_audited"};

struct Samples {
  std::vector<double> insert, update;
};

double timed(Postgres& server, const std::string& sql) {
  return seconds_of([&] { server.run(sql); });
}

Measurement measurement(const std::string& name, const std::string& statement,
                        const std::string& peer, double goal, const std::vector<double>& ours,
                        const std::vector<double>& floor) {
  return {
      name, "bulk " + statement + " of 100,000 rows, synced table", peer, goal, rows, ours, floor,
      {}};
}

std::vector<Measurement> measure() {
  fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  for (const char* table : tables) create_contacts(server, table);
  server.run(audit_sql);
  server.run("SELECT sync_enable('contacts')");
  Samples samples[3];
  for (int repetition = 0; repetition <= repetitions; repetition++) {
    for (int turn = 0; turn < 3; turn++) {
      const int i = (turn + repetition) % 3;
      const std::string table = tables[i];
      server.run("TRUNCATE " + table);
      server.run("CHECKPOINT");
      const double insert = timed(server, insert_contacts_sql(table, rows));
      server.run("VACUUM ANALYZE " + table);
      server.run("CHECKPOINT");
      const double update =
          timed(server, "UPDATE " + table + " SET phone = phone || '0', balance = balance + 1");
      if (repetition == 0) continue;  // warms caches and functions
      samples[i].insert.push_back(insert);
      samples[i].update.push_back(update);
    }
  }
  const auto& [bare, synced, audited] = samples;
  return {
      measurement("capture_insert", "INSERT", "the same table, unsynced", 1.8, synced.insert,
                  bare.insert),
      measurement("capture_update", "UPDATE", "the same table, unsynced", 1.8, synced.update,
                  bare.update),
      measurement("capture_insert_plpgsql", "INSERT", "a plpgsql audit trigger (jsonb)", 0.6,
                  synced.insert, audited.insert),
      measurement("capture_update_plpgsql", "UPDATE", "a plpgsql audit trigger (jsonb)", 0.6,
                  synced.update, audited.update),
  };
}

}  // namespace

Suite capture_suite() {
  return {{"capture_insert", "capture_update", "capture_insert_plpgsql", "capture_update_plpgsql"},
          measure};
}

}  // namespace bench
