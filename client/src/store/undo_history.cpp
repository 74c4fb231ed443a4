#include "undo_history.h"

#include "sqlite_handle.h"

namespace objectos {

std::string history_tables_sql() {
  const std::string groups = std::to_string(history_groups_default);
  const std::string mutations = std::to_string(history_mutations_max);
  return R"(
CREATE TABLE _history(seq INTEGER PRIMARY KEY, number INTEGER NOT NULL, mutation_id TEXT NOT NULL,
  object TEXT NOT NULL, record_id TEXT NOT NULL, operation TEXT NOT NULL, data TEXT, original TEXT,
  "group" TEXT, written_at TEXT NOT NULL, undone INTEGER NOT NULL DEFAULT 0, version INTEGER);
CREATE INDEX _mutations_undo ON _mutations(undo_of) WHERE undo_of IS NOT NULL;
CREATE INDEX _history_number ON _history(number);
CREATE INDEX _history_undone ON _history(number) WHERE undone=1;
CREATE INDEX _history_version ON _history(object, record_id) WHERE version IS NOT NULL;
CREATE TABLE _history_control(groups_max INTEGER NOT NULL, inverting INTEGER NOT NULL DEFAULT 0,
  joining INTEGER NOT NULL DEFAULT 0);
INSERT INTO _history_control(groups_max) VALUES()" +
         groups + R"();
CREATE TRIGGER _history_note AFTER INSERT ON _mutations
WHEN (SELECT groups_max>0 AND NOT inverting FROM _history_control) BEGIN
  DELETE FROM _history WHERE undone=1;
  INSERT INTO _history(number,mutation_id,object,record_id,operation,data,original,"group",
    written_at) SELECT coalesce((SELECT CASE WHEN (SELECT joining FROM _history_control)
      OR h."group"=NEW."group" THEN h.number ELSE h.number+1 END FROM _history h
      ORDER BY h.number DESC,h.seq DESC LIMIT 1),1),NEW.id,NEW.object,NEW.record_id,NEW.operation,
    NEW.data,NEW.original,NEW."group",NEW.timestamp;
  DELETE FROM _history WHERE number<=(SELECT number-(SELECT groups_max FROM _history_control)
    FROM _history ORDER BY number DESC LIMIT 1);
  DELETE FROM _history WHERE number<(SELECT h.number FROM _history h
    WHERE h.seq<=(SELECT max(seq) FROM _history)-)" +
         mutations + R"( ORDER BY h.seq DESC LIMIT 1);
END;
)";
}

const char* const drop_history_tables_sql =
    "DROP TABLE IF EXISTS _history; DROP TABLE IF EXISTS _history_control;";

const char* const history_join_sql = "UPDATE _history_control SET joining=1";
const char* const history_part_sql = "UPDATE _history_control SET joining=0;";

void add_history_tables(sqlite3* database) {
  const auto present = [database] {
    Statement there(database, "SELECT 1 FROM sqlite_master WHERE name='_history'");
    return there.step();
  };
  if (present() || sqlite3_db_readonly(database, "main") == 1) return;
  WriteTransaction transaction(database);
  if (present()) return;
  run_sql(database, "ALTER TABLE _mutations ADD COLUMN undo_of TEXT;" + history_tables_sql());
  transaction.commit();
}

void forget_history(sqlite3* database, const std::string& mutation_id) {
  Statement drop(database,
                 "DELETE FROM _history WHERE number=(SELECT number FROM _history WHERE "
                 "mutation_id=?)");
  drop.bind(1, std::string_view(mutation_id)).run();
}

}  // namespace objectos
