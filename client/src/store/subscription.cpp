// What the file subscribes to: sent again where the server does not know it.
#include "store.h"
#include "subscription_table.h"

namespace objectos {

const char* const subscription_table_sql =
    "CREATE TABLE IF NOT EXISTS _subscription(state TEXT PRIMARY KEY, subscription TEXT NOT NULL);";
const char* const drop_subscription_table_sql = "DROP TABLE IF EXISTS _subscription;";

namespace {

bool table_is_there(sqlite3* database) {
  Statement there(database, "SELECT 1 FROM sqlite_master WHERE name='_subscription'");
  return there.step();
}

std::optional<std::string> stored(sqlite3* database, const char* state) {
  Statement read(database, "SELECT subscription FROM _subscription WHERE state=?");
  read.bind(1, std::string_view(state));
  if (!read.step()) return std::nullopt;
  return read.text(0);
}

void keep(sqlite3* database, const char* state, const std::string& subscription) {
  Statement write(database, "INSERT OR REPLACE INTO _subscription VALUES(?,?)");
  write.bind(1, std::string_view(state)).bind(2, std::string_view(subscription)).run();
}

}  // namespace

LocalSubscription Store::subscription() const {
  LocalSubscription local;
  if (!table_is_there(database_)) return local;  // a file of before
  local.accepted = stored(database_, "accepted").value_or("");
  local.wanted = stored(database_, "wanted");
  return local;
}

void Store::want_subscription(const std::string& subscription) {
  WriteTransaction transaction(database_);
  run_sql(database_, subscription_table_sql);
  keep(database_, "wanted", subscription);
  transaction.commit();
}

void Store::accept_subscription(const std::string& subscription) {
  WriteTransaction transaction(database_);
  run_sql(database_,
          std::string(subscription_table_sql) + "DELETE FROM _subscription WHERE state='wanted'");
  keep(database_, "accepted", subscription);
  transaction.commit();
}

void Store::forget_wanted_subscription() {
  if (!table_is_there(database_)) return;
  run_sql(database_, "DELETE FROM _subscription WHERE state='wanted'");
}

void Store::drop_conflicts_of_others() {
  Statement drop(database_, "DELETE FROM _conflicts WHERE conflict_id=?");
  for (const LocalConflict& open : conflicts(true)) {
    if (knows(open.object) && row_json(open.object, open.record_id)) continue;
    drop.bind(1, std::string_view(open.conflict_id)).run();
  }
}

}  // namespace objectos
