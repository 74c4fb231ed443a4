#include "staged_table.h"

#include "../fault_point.h"
#include "store.h"
#include "table_swap.h"

namespace objectos {
namespace {

// After which the rest is left to the round's own transaction: some are always touched meanwhile.
constexpr int times_caught_up = 2, passes_max = 64;
constexpr std::size_t all_of_them = INT64_MAX;

LocalObject renamed(LocalObject object, std::string name) {
  object.name = std::move(name);
  return object;
}

std::string key_list(const LocalObject& object) {
  std::string names;
  for (const std::string& name : object.key) names += (names.empty() ? "" : ",") + quote_name(name);
  return names;
}

// Rows that were read ahead, so that the lock is not held while they are read.
class RowBatch {
 public:
  explicit RowBatch(int columns) : columns_(columns) {}
  ~RowBatch() { clear(); }
  RowBatch(const RowBatch&) = delete;
  RowBatch& operator=(const RowBatch&) = delete;

  // False when there are no more.
  bool read(Statement& from, std::size_t rows) {
    clear();
    for (std::size_t i = 0; i < rows; ++i) {
      if (!from.step()) return false;
      for (int column = 0; column < columns_; ++column)
        values_.push_back(sqlite3_value_dup(sqlite3_column_value(from.handle(), column)));
    }
    return true;
  }
  void write(Statement& to) const {
    for (std::size_t at = 0; at < values_.size();) {
      for (int column = 1; column <= columns_; ++column)
        sqlite3_bind_value(to.handle(), column, values_[at++]);
      to.run();
    }
  }
  bool empty() const { return values_.empty(); }

 private:
  void clear() {
    for (sqlite3_value* value : values_) sqlite3_value_free(value);
    values_.clear();
  }
  const int columns_;
  std::vector<sqlite3_value*> values_;
};

}  // namespace

StagedTable::StagedTable(Store& store, StagingFile& staging, const LocalObject& object)
    : store_(store),
      staging_(staging),
      image_object_(object),
      incoming_object_(renamed(object, incoming_name(object.name))),
      image_(staging.database(), image_object_) {
  run_sql(staging_.database(),
          "CREATE TABLE " + quote_name("deleted " + name()) +
              "(record_id TEXT PRIMARY KEY,version) WITHOUT ROWID;CREATE TABLE " +
              quote_name("base " + name()) +
              "(record_id TEXT PRIMARY KEY,image,version) WITHOUT ROWID");
  deleted_ = Statement(staging_.database(), "INSERT OR REPLACE INTO " +
                                                quote_name("deleted " + name()) + " VALUES(?,?)");
  keep_base_ = Statement(staging_.database(), "INSERT OR REPLACE INTO " +
                                                  quote_name("base " + name()) + " VALUES(?,?,?)");
  staging_.copy_table(image_object_, [this] { restore_server_image(); });
}

// Where something is queued, the copied row is the local one.
void StagedTable::restore_server_image() {
  Statement bases(staging_.database(),
                  "SELECT record_id,image,version FROM live._base WHERE object=?");
  bases.bind(1, std::string_view(name()));
  while (bases.step()) {
    const std::string record_id = bases.text(0), image = bases.text(1);
    image_.remove(record_id, std::nullopt);
    if (!bases.is_null(1))
      image_.upsert(slices_.parse(image), bases.integer_or_none(2), true, true);
  }
}

void StagedTable::change(std::string_view record_id, std::string_view operation,
                         std::string_view data, std::optional<int64_t> version) {
  if (operation == "delete") {
    image_.remove(record_id, version);
    deleted_.bind_view(1, record_id).bind(2, version).run();
  } else if (operation == "insert") {
    image_.upsert(slices_.parse(data), version, true, false);
  } else if (!image_.update(record_id, slices_.parse(data), version)) {
    missing_.insert(std::string(record_id));
    return;
  }
  if (!missing_.empty() && operation != "update") missing_.erase(std::string(record_id));
}

void StagedTable::apply(const PulledView& row) {
  ++changes_;
  const bool removal = row.kind == "removal";
  change(row.record_id, removal ? "delete" : row.operation, row.data, row.version);
}

// A record that the server has deleted since stays deleted; that its update finds nothing is no
// sign of a missing row.
void StagedTable::acknowledge(const QueuedMutation& own, bool absorbed,
                              std::optional<int64_t> version) {
  leaving_.insert(own.client_sequence);
  if (!absorbed) return;
  if (!version) throw NotBesideTables("an acknowledgement without a version");
  const std::string data = json_object(changed_fields(own.operation, own.data, own.original));
  if (own.operation == "update")
    image_.update(own.record_id, slices_.parse(data), version);
  else
    change(own.record_id, own.operation, data, version);
}

void StagedTable::build(const std::function<void()>& between) {
  sqlite3* const file = store_.database();
  {
    ShortTransactions slices(file);
    slices.run([&] {
      shape_ = shape_of(file, image_object_);
      create_incoming(file, image_object_);
    });
    incoming_ = std::make_unique<RowWriter>(file, incoming_object_);
    fault_point("long_round.begun");
    fill(slices, between);
    index_incoming(file, image_object_);
  }
  fault_point("long_round.filled");
  ShortTransactions slices(file);
  settle_queued(slices, between);
  for (int pass = 0, caught_up = 0; pass < passes_max && caught_up < times_caught_up; ++pass)
    if (settle_touched(slices, between)) ++caught_up;
  fault_point("long_round.settled");
}

// In the key's order: then each short transaction writes a few neighbouring pages of the table and
// of its key's index, and not as many as it has rows.
void StagedTable::fill(ShortTransactions& slices, const std::function<void()>& between) {
  const int columns = static_cast<int>(image_object_.columns.size()) + 2;
  std::string parameters;
  for (int i = 0; i < columns; ++i) parameters += i == 0 ? "?" : ",?";
  Statement rows(staging_.database(),
                 "SELECT * FROM " + quote_name(name()) + " ORDER BY " + key_list(image_object_));
  Statement insert(store_.database(), "INSERT INTO " + quote_name(incoming_object_.name) +
                                          " VALUES(" + parameters + ")");
  RowBatch batch(columns);
  for (bool more = true; more;) {
    more = batch.read(rows, slices.share());
    if (batch.empty()) break;
    slices.run([&] { batch.write(insert); });
    fault_point("long_round.filling");
    between();
  }
}

// All that is queued now; what is touched from now on is noted.
void StagedTable::settle_queued(ShortTransactions& slices, const std::function<void()>& between) {
  std::vector<std::string> records;
  slices.run([&] {
    Statement rows(store_.database(),
                   "SELECT record_id FROM _base WHERE object=?1 UNION SELECT record_id FROM "
                   "_mutations WHERE object=?1");
    rows.bind(1, std::string_view(name()));
    while (rows.step()) records.push_back(rows.text(0));
    Statement noted(store_.database(), "DELETE FROM _sync_touched WHERE object=?");
    noted.bind(1, std::string_view(name())).run();
  });
  for (std::size_t at = 0; at < records.size();) {
    slices.run([&] {
      for (std::size_t i = 0; i < slices.share() && at < records.size(); ++i) settle(records[at++]);
    });
    between();
  }
}

std::vector<std::string> StagedTable::touched(std::size_t max) const {
  Statement rows(store_.database(), "SELECT record_id FROM _sync_touched WHERE object=? LIMIT ?");
  rows.bind(1, std::string_view(name())).bind(2, static_cast<int64_t>(max));
  std::vector<std::string> records;
  while (rows.step()) records.push_back(rows.text(0));
  return records;
}

bool StagedTable::settle_touched(ShortTransactions& slices, const std::function<void()>& between) {
  std::size_t found = 0;
  const std::size_t share = slices.share();
  slices.run([&] {
    for (const std::string& record_id : touched(share)) {
      settle(record_id);
      forget_touched(record_id);
      ++found;
    }
  });
  between();
  return found < share;
}

void StagedTable::forget_touched(const std::string& record_id) {
  Statement row(store_.database(), "DELETE FROM _sync_touched WHERE object=? AND record_id=?");
  row.bind(1, std::string_view(name())).bind(2, std::string_view(record_id)).run();
}

// Local row = base image (+) what will be queued when the round has been applied.
void StagedTable::settle(const std::string& record_id) {
  std::optional<int64_t> version;
  const std::optional<std::string> server = image_.read(record_id, &version);
  if (server) {
    keep_base_.bind(1, std::string_view(record_id)).bind(2, std::string_view(*server));
    keep_base_.bind(3, version).run();
  } else {
    Statement deleted(
        staging_.database(),
        "SELECT version FROM " + quote_name("deleted " + name()) + " WHERE record_id=?");
    deleted.bind(1, std::string_view(record_id));
    if (deleted.step())
      keep_base_.bind(1, std::string_view(record_id))
          .bind_null(2)
          .bind(3, deleted.integer_or_none(0))
          .run();
  }
  Image row;
  if (server) row = json_members(*server);
  bool queued = false;
  for (const QueuedMutation& mutation : store_.queue_of(name(), record_id)) {
    if (mutation.state == "judged" || leaving_.count(mutation.client_sequence) != 0) continue;
    row = applied(std::move(row), mutation.operation,
                  changed_fields(mutation.operation, mutation.data, mutation.original));
    version = mutation.version;
    queued = true;
  }
  incoming_->remove(record_id, std::nullopt);
  if (row) incoming_->upsert(JsonSlices(*row).slices(), version, !queued, true);
}

void StagedTable::complete(const std::set<std::string>& records) {
  if (shape_of(store_.database(), image_object_) != shape_)
    throw NotBesideTables("the app has changed " + name());
  std::set<std::string> all = records;
  for (std::string& record_id : touched(all_of_them)) all.insert(std::move(record_id));
  Statement idle(store_.database(),
                 "DELETE FROM _base WHERE object=?1 AND record_id=?2 AND NOT EXISTS(SELECT 1 FROM "
                 "_mutations WHERE object=?1 AND record_id=?2)");
  for (const std::string& record_id : all) {
    settle(record_id);
    idle.bind(1, std::string_view(name())).bind(2, std::string_view(record_id)).run();
  }
  move_base_images();
  forget_missing_of_queue();
  exchange(store_.database(), image_object_);
}

// Of a record with queued work it is the base image that has no row to update, as it may be.
void StagedTable::forget_missing_of_queue() {
  Statement based(store_.database(), "SELECT 1 FROM _base WHERE object=? AND record_id=?");
  std::erase_if(missing_, [&](const std::string& record_id) {
    based.bind(1, std::string_view(name())).bind(2, std::string_view(record_id));
    const bool found = based.step();
    based.reset();
    return found;
  });
}

// A base image that the round did not change is left as it is. A deletion bears the version that it
// deleted.
void StagedTable::move_base_images() {
  Statement images(staging_.database(),
                   "SELECT record_id,image,version FROM " + quote_name("base " + name()));
  Statement move(store_.database(),
                 "UPDATE _base SET image=?1,version=?2 WHERE object=?3 AND record_id=?4 AND "
                 "(version IS NOT ?2 OR (?1 IS NULL AND image IS NOT NULL))");
  while (images.step()) {
    if (images.is_null(1))
      move.bind_null(1);
    else
      move.bind(1, std::string_view(images.text(1)));
    move.bind(2, images.integer_or_none(2)).bind(3, std::string_view(name()));
    move.bind(4, std::string_view(images.text(0))).run();
  }
}

}  // namespace objectos
