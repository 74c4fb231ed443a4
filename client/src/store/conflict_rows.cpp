#include "conflict_rows.h"

#include "json_slices.h"

namespace objectos {

void store_conflict(sqlite3* database, std::string_view conflict) {
  const RawMembers data = json_members(conflict);
  Statement keep(database, "INSERT OR REPLACE INTO _conflicts VALUES(?,?,?,?,?,?,?,?)");
  int at = 1;
  for (const char* name :
       {"conflict_id", "mutation_id", "object", "record_id", "reason", "status", "resolution"})
    keep.bind_text_or_null(at++, json_text(data, name));
  keep.bind(at, conflict).run();
}

void store_open_conflicts(sqlite3* database, const std::vector<std::string>& conflicts) {
  run_sql(database, "DELETE FROM _conflicts WHERE status='open'");
  for (const std::string& conflict : conflicts) store_conflict(database, conflict);
}

}  // namespace objectos
