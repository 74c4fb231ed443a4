#include "leased_keys.h"

#include "local_schema.h"
#include "sqlite_handle.h"
#include "store.h"

namespace objectos {

namespace {

// A name of SQLite's own for the row's number that no column of the table hides.
std::string row_number_name(const LocalObject& object) {
  for (const char* name : {"_rowid_", "rowid", "oid"}) {
    bool hidden = false;
    for (const LocalColumn& column : object.columns)
      hidden = hidden || sqlite3_stricmp(column.name.c_str(), name) == 0;
    if (!hidden) return name;
  }
  throw StoreError(StoreErrorKind::invalid_input,
                   "the object " + object.name + " has columns named rowid, oid and _rowid_", {},
                   "Rename one of them on the server.");
}

// Rows of `alias` whose key is `number` and, in a composite key, NEW's other members.
std::string taken_sql(const LocalObject& object, const LocalColumn& leased,
                      const std::string& alias, const std::string& number) {
  std::string sql = alias + "." + quote_name(leased.name) + "=" + number;
  for (const std::string& name : object.key)
    if (name != leased.name)
      sql += " AND " + alias + "." + quote_name(name) + "=NEW." + quote_name(name);
  return "EXISTS(SELECT 1 FROM " + quote_name(object.name) + " " + alias + " WHERE " + sql + ")";
}

}  // namespace

const char* const random_uuid_sql =
    "lower(hex(randomblob(4))||'-'||hex(randomblob(2))||'-4'||substr(hex(randomblob(2)),2)"
    "||'-'||substr('89AB',1+(random()&3),1)||substr(hex(randomblob(2)),2)||'-'||"
    "hex(randomblob(6)))";

const LocalColumn* leased_column(const LocalObject& object) {
  for (const LocalColumn& column : object.columns)
    if (column.is_key && column.key_source == "sequence") return &column;
  return nullptr;
}

std::string key_default_sql(const LocalColumn& column) {
  const bool made = column.is_key && column.key_source == "uuid";
  return made ? std::string(" DEFAULT (") + random_uuid_sql + ")" : "";
}

std::string has_key_sql(const LocalObject& object, const std::string& row) {
  const LocalColumn* const leased = leased_column(object);
  return leased == nullptr ? "" : row + "." + quote_name(leased->name) + " IS NOT NULL";
}

// Numbers that somebody gave to a row by hand are passed over: `next` moves behind the run of taken
// ones. A block that is used up goes.
std::string give_key_sql(const LocalObject& object) {
  const LocalColumn& leased = *leased_column(object);
  const std::string mine = "object=" + quote_text(object.name), key = quote_name(leased.name);
  const std::string table = quote_name(object.name), t_key = "t." + key;
  const std::string behind = "(SELECT CASE WHEN _leases.step>0 THEN min(" + t_key + ") ELSE max(" +
                             t_key + ") END+_leases.step FROM " + table + " t WHERE (" + t_key +
                             "-_leases.next)%_leases.step=0 AND (" + t_key +
                             "-_leases.next)/_leases.step>=0 AND NOT " +
                             taken_sql(object, leased, "u", t_key + "+_leases.step") + ")";
  const std::string first = "(SELECT min(id) FROM _leases WHERE " + mine + ")";
  const std::string row_number = row_number_name(object);
  return "UPDATE _leases SET next=" + behind + " WHERE " + mine + " AND " +
         taken_sql(object, leased, "v", "_leases.next") + ";DELETE FROM _leases WHERE " + mine +
         " AND CASE WHEN step>0 THEN next>last ELSE next<last END;SELECT RAISE(ABORT," +
         quote_text("no keys are left for " + object.name + ": sync to get more keys") +
         ") WHERE " + first + " IS NULL;UPDATE " + table + " SET " + key +
         "=(SELECT next FROM _leases WHERE id=" + first + ") WHERE " + row_number + "=NEW." +
         row_number + ";UPDATE _leases SET next=next+step WHERE id=" + first + ";";
}

// --- the store's side

std::vector<Lease> Store::leases() const {
  std::vector<Lease> found;
  for (const LocalObject& object : objects_) {
    if (leased_column(object) == nullptr) continue;
    Statement left(database_,
                   "SELECT coalesce(sum(max((last-next)/step+1,0)),0) FROM _leases WHERE object=?");
    left.bind(1, std::string_view(object.name));
    left.step();
    found.push_back({object.name, left.integer(0)});
  }
  return found;
}

void Store::add_lease(const std::string& object, int64_t first, int64_t last, int64_t step) {
  if (step == 0)
    throw StoreError(StoreErrorKind::invalid_input, "a lease of keys has no step", object);
  Statement add(database_, "INSERT INTO _leases(object,next,last,step) VALUES(?,?,?,?)");
  add.bind(1, std::string_view(object)).bind(2, first).bind(3, last).bind(4, step).run();
}

void Store::drop_leases() {
  run_sql(database_, "DELETE FROM _leases");
}

}  // namespace objectos
