// What this file remembers of its own groups, to undo and redo them (docs/undo.md).
//
// _history has a row for each mutation, every program's among them: the engine, or a trigger on the
// queue, copies it before the queue's row is changed or goes ("notes" it), so that the write itself
// costs nothing more. Until then it waits in the queue: its number is above
// _history_control.noted. `number`: the group, upwards; done ones come before undone ones. Undoing
// a group replaces its rows by those of the inverse group, redoing it likewise: to redo is to undo
// the undo. _history_control is one row: `groups_max`, `inverting` (the engine writes an inverse
// group), `joining` (what is queued next belongs to the group before: the halves of a moved record)
// and `noted`.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "local_database.h"
#include "sqlite_handle.h"

namespace objectos {

inline constexpr int64_t history_groups_default = 100;
inline constexpr int64_t history_groups_max = 100'000;
// Groups of which all lies further back than so many mutations go too; the newest one stays whole.
inline constexpr int64_t history_mutations_max = 100'000;

std::string history_tables_sql();
extern const char* const drop_history_tables_sql;

// The statements by which a trigger puts what it queues next into the group before, and ends that.
extern const char* const history_join_sql;
extern const char* const history_part_sql;

// A file of a version that remembered nothing gets the tables; one whose queue was copied at every
// write, what it takes to wait. Takes the write lock only then.
void add_history_tables(sqlite3* database);

// Groups as they are now, noted or not, the newest first, more of them than are remembered:
// mutation_id, object, record_id, operation, data, original, number, written_at, undone.
std::string read_history_sql(sqlite3* database);

// Within a transaction:
// Notes all that waits. Whoever reads or changes _history calls it first, and whoever changes the
// queue while triggers are off.
void note_history(sqlite3* database);
// What waits is no group of its own: it replaces one, or has a new number.
void pass_over_in_history(sqlite3* database);
// The mutation was refused, or given up: its group can be neither undone nor redone any more.
void forget_history(sqlite3* database, const std::string& mutation_id);

// A row of _history.
struct HistoryRow {
  int64_t number = 0;
  std::string mutation_id, object, record_id, operation, data, original, written_at;
  bool undone = false;
};

// Mutations that leave the queue before they were sent: if they are the whole of an undo (or redo),
// the rows by which its step is what it was before; else none. A redo before which something new
// was written is over, and not to be done again. To be put back when the mutations are forgotten.
std::vector<HistoryRow> inverse_in_history(sqlite3* database,
                                           const std::vector<QueuedMutation>& mutations);
void put_into_history(sqlite3* database, const std::vector<HistoryRow>& rows);
// What a mutation found there is another value: the one that it came upon is gone.
void rewind_history(sqlite3* database, const std::string& mutation_id, const std::string& original);

// Notes what the server made of mutations.
class HistoryVersions {
 public:
  explicit HistoryVersions(sqlite3* database);
  bool holds(const std::string& mutation_id);
  void judged(const QueuedMutation& mutation, const std::string& status,
              std::optional<int64_t> version);

 private:
  Statement set_, find_;
  std::set<std::pair<std::string, std::string>> inserted_;  // records, by what was judged here
};

}  // namespace objectos
