// The initial sync: rows straight into the tables, triggers afterwards, one transaction.
#include <cmath>
#include <map>

#include "../fault_point.h"
#include "conflict_rows.h"
#include "store.h"

namespace objectos {
namespace {

// Keys may come in any order: the index that they go to should stay in memory for long.
constexpr int cache_mib = 96;

class StoreLoader : public BulkLoader {
 public:
  explicit StoreLoader(Store& store) : store_(store), transaction_(store.database()) {
    store_.begin_bulk(cache_mib);
    for (const auto& object : store.objects())
      run_sql(store.database(), drop_triggers_sql(object.name));
  }
  ~StoreLoader() override { store_.end_bulk(); }
  void begin_object(const std::string& name) override {
    const auto begun = inserts_.find(name);
    insert_ = begun != inserts_.end() ? &begun->second : &prepare(name);
  }
  void bind_null() override { sqlite3_bind_null(insert_->handle(), at_++); }
  void bind_int64(int64_t value) override { sqlite3_bind_int64(insert_->handle(), at_++, value); }
  void bind_double(double value) override {
    if (std::isnan(value)) return bind_text("NaN");
    if (std::isinf(value)) return bind_text(value > 0 ? "Infinity" : "-Infinity");
    sqlite3_bind_double(insert_->handle(), at_++, value);
  }
  void bind_text(std::string_view value) override { insert_->bind_view(at_++, value); }
  void bind_blob(std::string_view value) override {
    sqlite3_bind_blob64(insert_->handle(), at_++, value.empty() ? "" : value.data(), value.size(),
                        SQLITE_STATIC);
  }
  void end_row() override {
    insert_->run();
    at_ = 1;
    rows_++;
  }
  int64_t rows() const override { return rows_; }
  void set_open_conflicts(const std::vector<std::string>& conflicts) override {
    store_open_conflicts(store_.database(), conflicts);
    store_.drop_conflicts_of_others();
  }
  void finish(const std::string& checkpoint, const std::string& synced_at, bool complete) override {
    inserts_.clear();
    for (const auto& object : store_.objects())
      run_sql(store_.database(), create_triggers_sql(object));
    Statement state(store_.database(),
                    "UPDATE _sync_state SET checkpoint=?,last_sync=?,complete=?");
    state.bind(1, std::string_view(checkpoint)).bind(2, std::string_view(synced_at));
    state.bind(3, static_cast<int64_t>(complete)).run();
    state = Statement();
    fault_point("store.load.before_commit");
    transaction_.commit();
    store_.end_bulk();
    if (complete) store_.publish();
    fault_point("store.load.after_commit");
  }

 private:
  Statement& prepare(const std::string& name) {
    const LocalObject& object = store_.writer(name).object();
    std::string names, values;
    for (const auto& column : object.columns) {
      names += quote_name(column.name) + ",";
      values += "?,";
    }
    run_sql(store_.database(), "DELETE FROM " + quote_name(name) + " WHERE _synced=1");
    Statement insert(store_.database(), "INSERT OR IGNORE INTO " + quote_name(name) + "(" + names +
                                            "_version,_synced) VALUES(" + values + "?,1)");
    return inserts_.emplace(name, std::move(insert)).first->second;
  }

  Store& store_;
  WriteTransaction transaction_;
  std::map<std::string, Statement> inserts_;  // by object, those begun
  Statement* insert_ = nullptr;
  int at_ = 1;
  int64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<BulkLoader> Store::begin_load() {
  if (!queue().empty())
    throw StoreError(StoreErrorKind::invalid_input, "a bulk load would pass over queued edits", {},
                     "Use forget_checkpoint() and a round: it keeps the queue.");
  return std::make_unique<StoreLoader>(*this);
}

}  // namespace objectos
