#include "undo_history.h"

#include "sqlite_handle.h"
#include "text_edits.h"

namespace objectos {

namespace {

// What the queue holds beyond `noted`, as rows of _history: its number, then the columns from
// mutation_id on. Reads no more groups than are remembered.
std::string waiting_sql() {
  const std::string waits = "client_sequence>(SELECT noted FROM _history_control)";
  return R"(
  SELECT (SELECT coalesce(max(number),0) FROM _history WHERE undone=0)
    +sum(begins) OVER (ORDER BY client_sequence) AS number,id,object,record_id,operation,data,
    original,"group",timestamp FROM (SELECT *,"group" IS NULL OR "group" IS NOT lag("group",1,
      (SELECT h."group" FROM _history h WHERE h.undone=0 ORDER BY h.number DESC,h.seq DESC LIMIT 1))
      OVER (ORDER BY client_sequence) AS begins FROM _mutations WHERE )" +
         waits + R"( AND client_sequence>=coalesce((SELECT m.client_sequence FROM _mutations m
      WHERE m.)" +
         waits + R"( AND (m."group" IS NULL OR m."group" IS NOT (SELECT p."group" FROM _mutations p
        WHERE p.client_sequence<m.client_sequence ORDER BY p.client_sequence DESC LIMIT 1))
      ORDER BY m.client_sequence DESC LIMIT 1 OFFSET (SELECT groups_max-1 FROM _history_control)),0)
    AND (SELECT groups_max>0 AND NOT inverting FROM _history_control)) ORDER BY client_sequence)";
}

const char* const note_into =
    "INSERT INTO _history(number,mutation_id,object,record_id,operation,data,original,\"group\","
    "written_at) ";
const char* const all_noted =
    "UPDATE _history_control SET noted=(SELECT max(client_sequence) FROM _mutations) WHERE noted<"
    "(SELECT max(client_sequence) FROM _mutations);";

std::string trim_sql() {
  return R"(
  DELETE FROM _history WHERE number<=(SELECT number-(SELECT groups_max FROM _history_control)
    FROM _history ORDER BY number DESC LIMIT 1);
  DELETE FROM _history WHERE number<(SELECT h.number FROM _history h
    WHERE h.seq<=(SELECT max(seq) FROM _history)-)" +
         std::to_string(history_mutations_max) + " ORDER BY h.seq DESC LIMIT 1);";
}

std::string note_sql() {
  return "DELETE FROM _history WHERE undone=1 AND EXISTS(SELECT 1 FROM _mutations WHERE "
         "client_sequence>(SELECT noted FROM _history_control));" +
         (note_into + waiting_sql()) + ";" + trim_sql() + all_noted;
}

// The same, a statement each, so that the connection keeps them. None has a semicolon within.
const std::vector<std::string>& note_steps() {
  static const std::vector<std::string> steps = [] {
    std::vector<std::string> made;
    const std::string all = note_sql();
    for (size_t at = 0, end = 0; (end = all.find(';', at)) != std::string::npos; at = end + 1) {
      const size_t begin = all.find_first_not_of(" \n", at);
      made.push_back(all.substr(begin, end - begin));
    }
    return made;
  }();
  return steps;
}

// What waits goes into the group before.
std::string note_joined_sql() {
  return std::string(note_into) +
         "SELECT coalesce((SELECT max(number) FROM _history WHERE undone=0),1),id,object,record_id,"
         "operation,data,original,\"group\",timestamp FROM _mutations WHERE "
         "client_sequence>(SELECT "
         "noted FROM _history_control) AND (SELECT groups_max>0 FROM _history_control) ORDER BY "
         "client_sequence;" +
         all_noted;
}

// Named as the queue's own, or a long round would take them for the app's.
std::string history_triggers_sql() {
  const std::string begin = " BEGIN " + note_sql() + " END;";
  const std::string waits =
      " ON _mutations WHEN (SELECT OLD.client_sequence>noted AND NOT inverting AND NOT joining "
      "FROM "
      "_history_control)";
  return "CREATE TRIGGER _queue_history_drop BEFORE DELETE" + waits + begin +
         "CREATE TRIGGER _queue_history_edit BEFORE UPDATE OF client_sequence,id,object,record_id,"
         "operation,data,original,\"group\",timestamp" +
         waits + begin +
         "CREATE TRIGGER _queue_history_join BEFORE UPDATE OF joining ON _history_control WHEN "
         "NEW.joining AND NOT OLD.joining AND NOT OLD.inverting" +
         begin +
         "CREATE TRIGGER _queue_history_part AFTER UPDATE OF joining ON _history_control WHEN "
         "OLD.joining AND NOT NEW.joining AND NOT OLD.inverting BEGIN " +
         note_joined_sql() + " END;";
}

bool any(sqlite3* database, const char* sql) {
  Statement there(database, sql);
  return there.step();
}

bool is_current(sqlite3* database) {
  return any(database, "SELECT 1 FROM sqlite_master WHERE name='_queue_history_drop'");
}

// A file of a version that looked through all of the history for one mutation has none of them.
const char* const look_up_sql =
    "CREATE INDEX _history_mutation ON _history(mutation_id);"
    "CREATE INDEX _history_record ON _history(object, record_id);";

bool is_indexed(sqlite3* database) {
  return any(database, "SELECT 1 FROM sqlite_master WHERE name='_history_record'");
}

}  // namespace

std::string history_tables_sql() {
  return R"(
CREATE TABLE _history(seq INTEGER PRIMARY KEY, number INTEGER NOT NULL, mutation_id TEXT NOT NULL,
  object TEXT NOT NULL, record_id TEXT NOT NULL, operation TEXT NOT NULL, data TEXT, original TEXT,
  "group" TEXT, written_at TEXT NOT NULL, undone INTEGER NOT NULL DEFAULT 0, version INTEGER);
CREATE INDEX _mutations_undo ON _mutations(undo_of) WHERE undo_of IS NOT NULL;
CREATE INDEX _history_number ON _history(number);
CREATE INDEX _history_undone ON _history(number) WHERE undone=1;
CREATE INDEX _history_version ON _history(object, record_id) WHERE version IS NOT NULL;
CREATE TABLE _history_control(groups_max INTEGER NOT NULL, inverting INTEGER NOT NULL DEFAULT 0,
  joining INTEGER NOT NULL DEFAULT 0, noted INTEGER NOT NULL DEFAULT 0);
INSERT INTO _history_control(groups_max) VALUES()" +
         std::to_string(history_groups_default) + ");\n" + look_up_sql + history_triggers_sql();
}

const char* const drop_history_tables_sql =
    "DROP TABLE IF EXISTS _history; DROP TABLE IF EXISTS _history_control;";

const char* const history_join_sql = "UPDATE _history_control SET joining=1";
const char* const history_part_sql = "UPDATE _history_control SET joining=0 WHERE joining;";

void add_history_tables(sqlite3* database) {
  const auto whole = [&] { return is_current(database) && is_indexed(database); };
  if (whole() || sqlite3_db_readonly(database, "main") == 1) return;
  WriteTransaction transaction(database);
  if (whole()) return;
  if (!any(database, "SELECT 1 FROM sqlite_master WHERE name='_history'"))
    run_sql(database,
            "ALTER TABLE _mutations ADD COLUMN undo_of TEXT;" + history_tables_sql() + all_noted);
  else if (!is_current(database))  // it was written along with each mutation
    run_sql(database,
            "DROP TRIGGER _history_note; ALTER TABLE _history_control ADD COLUMN noted INTEGER NOT "
            "NULL DEFAULT 0;" +
                std::string(all_noted) + history_triggers_sql());
  if (!is_indexed(database)) run_sql(database, look_up_sql);
  transaction.commit();
}

void note_history(sqlite3* database) {
  if (any(database,
          "SELECT 1 FROM _history_control WHERE noted<(SELECT max(client_sequence) FROM "
          "_mutations) "
          "AND NOT inverting AND NOT joining")) {
    for (const std::string& step : note_steps()) Statement(database, step).run();
  }
}

void pass_over_in_history(sqlite3* database) {
  run_sql(database, all_noted);
}

std::string read_history_sql(sqlite3* database) {
  const std::string columns =
      "mutation_id,object,record_id,operation,data,original,number,written_at,undone";
  if (!is_current(database)) return "SELECT " + columns + " FROM _history ORDER BY number DESC,seq";
  return "WITH waiting(number,mutation_id,object,record_id,operation,data,original,\"group\","
         "written_at) AS MATERIALIZED(" +
         waiting_sql() + ") SELECT " + columns +
         " FROM (SELECT *,0 AS waits FROM _history WHERE "
         "undone=0 OR NOT EXISTS(SELECT 1 FROM waiting) UNION ALL SELECT row_number() OVER (),*,0,"
         "NULL,1 FROM waiting) ORDER BY number DESC,waits,seq";
}

void forget_history(sqlite3* database, const std::string& mutation_id) {
  note_history(database);
  Statement drop(database,
                 "DELETE FROM _history WHERE number=(SELECT number FROM _history WHERE "
                 "mutation_id=?)");
  drop.bind(1, std::string_view(mutation_id)).run();
}

std::vector<HistoryRow> inverse_in_history(sqlite3* database,
                                           const std::vector<QueuedMutation>& mutations) {
  Statement find(database,
                 "SELECT h.number,h.object,h.record_id,h.operation,h.data,h.original,h.written_at,"
                 "h.undone,(SELECT count(*) FROM _history g WHERE g.number=h.number),"
                 "h.undone=0 AND EXISTS(SELECT 1 FROM _history g WHERE g.number>h.number AND "
                 "g.undone=0) FROM _history h WHERE h.mutation_id=?");
  std::vector<HistoryRow> rows;
  for (const QueuedMutation& mutation : mutations) {
    find.reset();
    find.bind(1, std::string_view(mutation.id));
    const bool fits = !mutation.undo_of.empty() && find.step() &&
                      (rows.empty() || rows[0].number == find.integer(0)) &&
                      find.integer(8) == static_cast<int64_t>(mutations.size()) &&
                      find.integer(9) == 0;
    if (!fits) return {};
    HistoryRow row{find.integer(0), mutation.undo_of, find.text(1),
                   find.text(2),    find.text(3),     find.text(5),
                   find.text(4),    find.text(6),     find.integer(7) == 0};
    if (row.operation != "update") row.operation = row.operation == "insert" ? "delete" : "insert";
    rows.insert(rows.begin(), std::move(row));
  }
  return rows;
}

void put_into_history(sqlite3* database, const std::vector<HistoryRow>& rows) {
  Statement put(database,
                "INSERT INTO _history(number,mutation_id,object,record_id,operation,data,original,"
                "written_at,undone) VALUES(?,?,?,?,?,?,?,?,?)");
  for (const HistoryRow& row : rows) {
    put.bind(1, row.number).bind(2, std::string_view(row.mutation_id));
    put.bind(3, std::string_view(row.object)).bind(4, std::string_view(row.record_id));
    put.bind(5, std::string_view(row.operation));
    put.bind_text_or_null(6, row.data).bind_text_or_null(7, row.original);
    put.bind(8, std::string_view(row.written_at)).bind(9, static_cast<int64_t>(row.undone)).run();
  }
}

void rewind_history(sqlite3* database, const std::string& mutation_id,
                    const std::string& original) {
  Statement read(database, "SELECT original FROM _history WHERE mutation_id=?");
  read.bind(1, std::string_view(mutation_id));
  if (!read.step()) return;
  // The queue's says nothing of texts.
  RowOverlay members(members_of(read.text(0)));
  read.reset();
  members.apply("update", json_members(original));
  Statement rewind(database, "UPDATE _history SET original=? WHERE mutation_id=?");
  rewind.bind(1, std::string_view(json_object(*members.row())));
  rewind.bind(2, std::string_view(mutation_id)).run();
}

}  // namespace objectos
