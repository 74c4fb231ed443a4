#include "surroundings.h"

namespace faults {

namespace {

std::string number(Dice& dice, long low = 1, long high = 25) {
  return std::to_string(dice.between(low, high));
}

}  // namespace

std::string change_of_rows(Dice& dice) {
  const std::string n = number(dice), k = number(dice, 1, 60);
  const std::vector<std::string> statements = {
      "UPDATE notes SET body = body || '.', n = " + k + " WHERE id = '" + n + "'",
      "UPDATE notes SET id = id || 'x' WHERE id = '" + n + "'",
      "INSERT INTO notes SELECT g::text, 'again', g FROM generate_series(1, " + n +
          ") g ON CONFLICT (id) DO UPDATE SET n = excluded.n",
      "DELETE FROM notes WHERE id > '" + n + "'",
      "UPDATE counts SET hits = hits + 1, tags = tags || '{q}', doc = '{\"n\": " + n + "}'",
      "UPDATE counts SET hits = hits",
      "INSERT INTO counts VALUES (" + k + ", 1) ON CONFLICT DO NOTHING",
      "DELETE FROM counts WHERE id = " + n,
      "INSERT INTO clocked SELECT ('11111111-1111-4111-8111-1111111111' || g)::uuid, 'sql' FROM "
      "generate_series(10, 40) g ON CONFLICT (id) DO UPDATE SET body = 'sql again'",
      "UPDATE cards SET front = 'sql " + k + "' WHERE id = " + n,
      "UPDATE cards SET front = 'raise' WHERE id = " + n,
      "INSERT INTO cards VALUES (" + k + ", 'skip', 'x')",
      "UPDATE pairs SET p = ROW(" + k + ", NULL), m = 'bad' WHERE a < " + n,
      "UPDATE pairs SET a = a + 100 WHERE a = " + n,
      "INSERT INTO pairs VALUES (" + n + ", 'new', 'NaN') ON CONFLICT DO NOTHING",
      "UPDATE parts SET day = day + 3000 WHERE id = " + n + " AND day < '2025-01-01'",
      "INSERT INTO parts VALUES (" + k + ", '2012-03-04', '[]', 5) ON CONFLICT DO NOTHING",
      "INSERT INTO parts_new_0 SELECT * FROM parts_new_0 LIMIT 1 ON CONFLICT DO NOTHING",
      "DELETE FROM parts WHERE id = " + n,
      "UPDATE own SET v = v || 'x'",
      "INSERT INTO own (id, v) VALUES (" + k + ", 'mine') ON CONFLICT DO NOTHING",
      "DELETE FROM children WHERE id = " + n,
      "INSERT INTO children VALUES (" + k + ", '" + n + "') ON CONFLICT DO NOTHING",
      "UPDATE \"Odd \"\"name\"\"\" SET \"select\" = " + k,
      "TRUNCATE clocked",
      "TRUNCATE notes CASCADE",
      "TRUNCATE parts_old",
      "WITH gone AS (DELETE FROM mixed WHERE id = " + n +
          " RETURNING *) INSERT INTO mixed SELECT id + 1000, v FROM gone ON CONFLICT DO NOTHING",
      "MERGE INTO mixed m USING (VALUES (" + k +
          ", 'm')) s(id, v) ON m.id = s.id "
          "WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, "
          "s.v)",
      "SET LOCAL session_replication_role = replica",
      "LOCK TABLE notes IN SHARE MODE",
  };
  return dice.of(statements);
}

std::string change_of_schema(Dice& dice) {
  const std::string n = number(dice, 1, 4);
  const std::vector<std::string> statements = {
      "ALTER TABLE notes ADD extra_" + n + " int DEFAULT 1",
      "ALTER TABLE notes DROP COLUMN IF EXISTS extra_" + n,
      "ALTER TABLE counts ALTER hits TYPE bigint",
      "ALTER TABLE counts ALTER hits TYPE int USING hits::int",
      "ALTER TABLE mixed RENAME v TO w",
      "ALTER TABLE mixed RENAME w TO v",
      "ALTER TABLE cards RENAME TO cards_renamed",
      "ALTER TABLE cards_renamed RENAME TO cards",
      "CREATE TABLE parts_more PARTITION OF parts FOR VALUES FROM ('2040-01-01') TO ('2050-01-01')",
      "DROP TABLE IF EXISTS parts_more",
      "ALTER TABLE parts DETACH PARTITION parts_old",
      "ALTER TABLE parts ATTACH PARTITION parts_old FOR VALUES FROM ('2000-01-01') TO "
      "('2020-01-01')",
      "GRANT SELECT ON clocked TO bob",
      "REVOKE SELECT ON clocked FROM bob",
      "ALTER TABLE own DISABLE ROW LEVEL SECURITY",
      "ALTER TABLE own ENABLE ROW LEVEL SECURITY",
      "DROP TABLE IF EXISTS fresh",
      "CREATE TABLE fresh (id int PRIMARY KEY); SELECT sync_enable('fresh')",
      "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'mood_" + n + "'",
      "ALTER TYPE pair ADD ATTRIBUTE z_" + n + " int CASCADE",
      "ALTER TYPE pair DROP ATTRIBUTE IF EXISTS z_" + n + " CASCADE",
      "SELECT sync_disable('mixed')",
      "SELECT sync_enable('mixed', 'function:public.joined')",
      "BEGIN; DROP EXTENSION objectos_sync; ROLLBACK",
      "BEGIN; DROP SCHEMA objectos_sync CASCADE; ROLLBACK",
      // The calls take rights away, and disable.
      "SELECT sync_grant('alice'), sync_grant('bob')",
      "SELECT sync_grant('alice'), sync_grant('bob')",
      "SELECT sync_grant('alice'), sync_grant('bob')",
      "SELECT sync_enable('notes')",
      "SELECT sync_enable('counts', 'merge', '{\"hits\": \"counter\", \"tags\": \"set\"}')",
      "SELECT sync_enable('clocked', 'lww')",
      "SELECT sync_enable('cards', 'merge', on_conflict => 'manual')",
      "SELECT sync_enable('pairs', 'server_wins')",
      "SELECT sync_enable('parts', 'client_wins')",
      "SELECT sync_enable('own')",
      "SELECT sync_enable('children', deletes => 'update_wins')",
      "SELECT sync_enable('\"Odd \"\"name\"\"\"', 'manual')",
      "ALTER TABLE children DROP CONSTRAINT children_pkey",
      "VACUUM objectos_sync.mutations",
      "ANALYZE",
  };
  return dice.of(statements);
}

std::vector<std::string> misplaced_trigger(Dice& dice, const Function& function) {
  static const std::vector<std::string> tables = {
      "notes", "parts", "plain_1", "plain_2", "seen", "own", "counts", "objectos_sync.clients"};
  static const std::vector<std::string> times = {"BEFORE", "AFTER", "INSTEAD OF"};
  static const std::vector<std::string> events = {"INSERT", "UPDATE", "DELETE", "TRUNCATE",
                                                  "INSERT OR UPDATE OR DELETE"};
  static const std::vector<std::string> transitions = {"", "REFERENCING NEW TABLE AS n ",
                                                       "REFERENCING OLD TABLE AS o NEW TABLE AS n ",
                                                       "REFERENCING OLD TABLE AS odd_name "};
  static const std::vector<std::string> moments = {"ddl_command_start", "ddl_command_end",
                                                   "sql_drop", "table_rewrite"};
  const std::string& table = dice.of(tables);
  std::vector<std::string> statements;
  statements.push_back("CREATE TRIGGER " + std::string(dice.percent(50) ? "aaa " : "zzz ") +
                       dice.of(times) + " " + dice.of(events) + " ON " + table + " " +
                       dice.of(transitions) + "FOR EACH " +
                       (dice.percent(50) ? "ROW" : "STATEMENT") + " EXECUTE FUNCTION " +
                       function.name + "(" + (dice.percent(30) ? "'an argument'" : "") + ")");
  statements.push_back("CREATE EVENT TRIGGER odd ON " + dice.of(moments) + " EXECUTE FUNCTION " +
                       function.name + "()");
  if (table == "plain_1" || table == "plain_2") {
    statements.push_back("INSERT INTO " + table + " VALUES (" + number(dice, 1, 9) + ", 'v')");
    statements.push_back("UPDATE " + table + " SET v = 'w'");
    statements.push_back("DELETE FROM " + table);
    statements.push_back("TRUNCATE " + table);
  }
  for (int i = 0; i < 3; ++i) statements.push_back(change_of_rows(dice));
  statements.push_back("ALTER TABLE plain_1 ALTER id TYPE bigint");
  statements.push_back("CREATE TABLE passing (id int PRIMARY KEY)");
  statements.push_back("DROP TABLE plain_2");
  return statements;
}

}  // namespace faults
