// What writes of this device did to its records, read from the queue: row before and row after each
// mutation are its base image and the mutations before it (promise 3).
#include <map>

#include "row_text.h"
#include "store.h"

namespace objectos {

namespace {

// A read transaction, unless one of any kind is open.
class OneState {
 public:
  explicit OneState(sqlite3* database) {
    if (sqlite3_get_autocommit(database) == 0) return;
    run_sql(database, "BEGIN");
    database_ = database;
  }
  ~OneState() {
    if (database_ != nullptr) sqlite3_exec(database_, "COMMIT", nullptr, nullptr, nullptr);
  }
  OneState(const OneState&) = delete;
  OneState& operator=(const OneState&) = delete;

 private:
  sqlite3* database_ = nullptr;
};

}  // namespace

std::string row_text(const LocalObject& object, const std::optional<RawMembers>& row) {
  if (!row) return "";
  std::string text = "{";
  for (const LocalColumn& column : object.columns) {
    const std::string* value = json_find(*row, column.name);
    if (text.size() > 1) text += ',';
    append_json_string(text, column.name);
    text += ':';
    text += value != nullptr ? *value : "null";
  }
  return text + "}";
}

int64_t Store::newest_write() const {
  Statement row(database_, "SELECT seq FROM sqlite_sequence WHERE name='_mutations'");
  return row.step() ? row.integer(0) : 0;
}

WrittenObjects Store::written_since(int64_t after) const {
  OneState state(database_);
  WrittenObjects written;
  written.last = std::max(after, newest_write());
  if (written.last == after) return written;
  Statement rows(database_, "SELECT DISTINCT object FROM _mutations WHERE client_sequence>?1");
  rows.bind(1, after);
  while (rows.step()) written.objects.insert(rows.text(0));
  return written;
}

int64_t Store::data_version() const {
  Statement row(database_, "PRAGMA data_version");
  row.step();
  return row.integer(0);
}

LocalWrites Store::local_writes(int64_t after, const Listing& listing) const {
  OneState state(database_);
  LocalWrites writes;
  writes.last = std::max(after, newest_write());
  if (writes.last == after) return writes;
  std::map<int64_t, LocalChange> in_order;
  Statement records(database_,
                    "SELECT DISTINCT object,record_id FROM _mutations WHERE client_sequence>?1");
  records.bind(1, after);
  while (records.step()) {
    const std::string object = records.text(0), record_id = records.text(1);
    if (!listing.covers(object) || !knows(object)) continue;
    const LocalObject& shape = writer(object).object();
    Statement base(database_, "SELECT image FROM _base WHERE object=? AND record_id=?");
    base.bind(1, std::string_view(object)).bind(2, std::string_view(record_id));
    std::optional<RawMembers> row;
    if (base.step() && !base.is_null(0)) row = json_members(base.text(0));
    for (const QueuedMutation& mutation : queue_of(object, record_id)) {
      const bool news = mutation.client_sequence > after;
      const std::string before = news ? row_text(shape, row) : "";
      row = applied(std::move(row), mutation.operation,
                    changed_fields(mutation.operation, mutation.data, mutation.original));
      if (!news) continue;
      in_order[mutation.client_sequence] = {
          object, record_id, mutation.operation, before, row_text(shape, row), mutation.version};
    }
  }
  for (auto& [number, change] : in_order) writes.changes.push_back(std::move(change));
  return writes;
}

}  // namespace objectos
