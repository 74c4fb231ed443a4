// The file's own groups: listed, undone, redone.
#include "group_inverter.h"
#include "undo_history.h"

namespace objectos {
namespace {

HistoryMutation mutation_at(const Statement& row) {
  return {row.text(0), row.text(1), row.text(2), row.text(3), row.text(4), row.text(5)};
}

// The newest group that is done, or the one undone last.
std::optional<int64_t> group_to_invert(sqlite3* database, bool redo) {
  Statement row(database, redo ? "SELECT min(number) FROM _history WHERE undone=1"
                               : "SELECT max(number) FROM _history WHERE undone=0");
  row.step();
  return row.integer_or_none(0);
}

std::vector<HistoryMutation> mutations_of(sqlite3* database, int64_t number) {
  Statement rows(database,
                 "SELECT mutation_id,object,record_id,operation,data,original FROM _history WHERE "
                 "number=? ORDER BY seq DESC");
  rows.bind(1, number);
  std::vector<HistoryMutation> found;
  while (rows.step()) found.push_back(mutation_at(rows));
  return found;
}

// The group is now what was written to invert it, and keeps its place and its time.
int64_t replace_group(sqlite3* database, int64_t number, int64_t after, bool undone) {
  Statement time(database, "SELECT min(written_at) FROM _history WHERE number=?");
  time.bind(1, number).step();
  const std::string written_at = time.text(0);
  time.reset();
  Statement drop(database, "DELETE FROM _history WHERE number=?");
  drop.bind(1, number).run();
  Statement put(database,
                "INSERT INTO _history(number,mutation_id,object,record_id,operation,data,original,"
                "\"group\",written_at,undone) SELECT ?1,id,object,record_id,operation,data,"
                "original,\"group\",?2,?3 FROM _mutations WHERE client_sequence>?4 ORDER BY "
                "client_sequence");
  put.bind(1, number).bind(2, std::string_view(written_at)).bind(3, static_cast<int64_t>(undone));
  put.bind(4, after).run();
  return sqlite3_changes64(database);
}

}  // namespace

UndoResult Store::invert_group(bool redo) {
  WriteTransaction transaction(database_);
  follow_schema();
  note_history(database_);
  const std::optional<int64_t> number = group_to_invert(database_, redo);
  if (!number)
    throw StoreError(redo ? StoreErrorKind::nothing_to_redo : StoreErrorKind::nothing_to_undo,
                     redo ? "there is nothing to redo" : "there is nothing to undo");
  const std::vector<HistoryMutation> mutations = mutations_of(database_, *number);
  const int64_t before = newest_write();
  UndoResult result;
  run_sql(database_, "UPDATE _history_control SET inverting=1");
  Statement begin(database_, "INSERT INTO _group DEFAULT VALUES RETURNING CAST(id AS TEXT)");
  begin.step();
  result.group = begin.text(0);
  begin.reset();
  GroupInverter inverter(*this, result);
  try {
    for (const HistoryMutation& mutation : mutations) inverter.take_back(mutation);
  } catch (const StoreError& error) {
    if (error.kind != StoreErrorKind::internal && error.kind != StoreErrorKind::constraint) throw;
    throw StoreError(StoreErrorKind::statement,
                     redo ? "the redo was refused by the file" : "the undo was refused by the file",
                     std::string(error.what()) + ": " + error.detail);
  }
  result.mutations = replace_group(database_, *number, before, !redo);
  if (result.mutations == 0) result.group.clear();
  pass_over_in_history(database_);
  run_sql(database_, "DELETE FROM _group; UPDATE _history_control SET inverting=0");
  transaction.commit();
  return result;
}

std::vector<HistoryGroup> Store::history() const {
  Statement limit(database_, "SELECT groups_max FROM _history_control");
  const int64_t groups_max = limit.step() ? limit.integer(0) : 0;
  Statement rows(database_, read_history_sql(database_));
  std::vector<HistoryGroup> groups;
  size_t newer = 0;  // mutations of newer groups
  while (rows.step()) {
    const int64_t number = rows.integer(6);
    if (groups.empty() || groups.back().number != number) {
      if (!groups.empty()) newer += groups.back().mutations.size();
      if (newer > static_cast<size_t>(history_mutations_max) ||
          (!groups.empty() && number <= groups.front().number - groups_max))
        break;
      groups.push_back({number, rows.text(7), rows.integer(8) != 0 ? "undone" : "done", {}});
    }
    groups.back().mutations.push_back(mutation_at(rows));
  }
  return groups;
}

void Store::limit_history(int64_t groups) {
  Statement present(database_, "SELECT groups_max FROM _history_control");
  if (present.step() && present.integer(0) == groups) return;
  present.reset();
  WriteTransaction transaction(database_);
  note_history(database_);
  Statement limit(database_, "UPDATE _history_control SET groups_max=?");
  limit.bind(1, groups).run();
  Statement trim(database_,
                 "DELETE FROM _history WHERE number<=(SELECT max(number) FROM _history)-?");
  trim.bind(1, groups).run();
  transaction.commit();
}

}  // namespace objectos
