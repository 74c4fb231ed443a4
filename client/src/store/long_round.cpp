#include "long_round.h"

#include <cstdlib>
#include <map>
#include <set>

#include "../fault_point.h"
#include "staged_table.h"
#include "store.h"
#include "table_swap.h"

namespace objectos {
namespace {

constexpr std::int64_t records_min = 250'000, never = INT64_MAX;
// A table that has more rows than this times the records changed is changed in place: building it
// anew costs about half as much a row as changing one.
constexpr std::int64_t rows_a_record = 8;
const char* const forced = "OBJECTOS_LONG_ROUND";

// Rows wait in the staging file until it is known how much of a table they change. Then those of
// that object go to its staged table; all others wait for the round's transaction.
class LongRound : public RoundApplier, private ReplacedTables {
 public:
  LongRound(Store& store, LongRoundWays ways)
      : store_(store), ways_(std::move(ways)), staging_(store.path()) {}

  void expect_many() override {
    many_ = true;
    if (direct_) direct_->expect_many();
  }

  void set_open_conflicts(const std::vector<std::string>& conflicts) override {
    conflicts_ = conflicts;
  }

  void apply(const PulledView& row) override {
    if (direct_) return direct_->apply(row);
    if (row.kind == "checkpoint") {
      checkpoint_ = row.checkpoint;
      return;
    }
    const bool of_queue = row.kind == "acknowledgement" || row.kind == "conflict";
    if (!of_queue && !fits(row)) {
      begin_direct();
      return direct_->apply(row);
    }
    StagedTable* const table = of_queue ? nullptr : staged(row.object);
    if (table != nullptr) return table->apply(row);
    if (row.kind == "acknowledgement") acknowledged_.emplace_back(row.id, row.data, row.version);
    staging_.keep(row);
    if (row.kind == "mutation") count(row);
  }

  RoundResult commit(const std::string& synced_at) override {
    for (auto& [name, table] : tables_) build(*table);
    if (!direct_) begin_applying();
    if (checkpoint_) {
      PulledView last;
      last.kind = "checkpoint", last.checkpoint = *checkpoint_;
      direct_->apply(last);
    }
    if (conflicts_) direct_->set_open_conflicts(*conflicts_);
    RoundResult result = direct_->commit(synced_at);
    for (const auto& [name, table] : tables_) {
      result.change_count += table->changes();
      result.missing_rows += table->missing_rows();
      result.objects.insert(name);
    }
    if (!tables_.empty()) fault_point("long_round.committed");
    return result;
  }

 private:
  // What a table that is built anew can take: rows, by their ids. A truncate names none, so it does
  // not tell which local edits lose what they were made on.
  static bool fits(const PulledView& row) {
    if (!row.tag.empty()) return false;
    return row.kind == "mutation" || row.kind == "removal";
  }

  StagedTable* staged(std::string_view object) {
    const auto found = tables_.find(object);
    return found == tables_.end() ? nullptr : found->second.get();
  }

  void count(const PulledView& row) {
    auto found = counts_.find(row.object);
    if (found == counts_.end()) found = counts_.emplace(row.object, Count{}).first;
    Count& count = found->second;
    if (++count.records < count.asked_at) return;
    const LocalObject& object = store_.writer(found->first).object();
    const bool large = long_rounds_are_forced() ||
                       rows_of(object.name, long_round_records()) == long_round_records();
    if (!large || object.merges_text() || ways_.listing().wanted ||
        !can_be_replaced(store_.database(), object)) {
      count.asked_at = never;
      if (tables_.empty()) begin_direct();
      return;
    }
    count.asked_at = long_round_records();
    if (count.records < count.asked_at) return;
    if (!long_rounds_are_forced())
      count.asked_at = std::max(count.asked_at, rows_of(object.name, never) / rows_a_record);
    if (count.records >= count.asked_at) stage(object);
  }

  // Counts no further than `most`: the first record of every round asks.
  std::int64_t rows_of(const std::string& table, std::int64_t most) const {
    Statement rows(store_.database(),
                   "SELECT count(*) FROM (SELECT 1 FROM " + quote_name(table) + " LIMIT ?)");
    rows.bind(1, most).step();
    return rows.integer(0);
  }

  void stage(const LocalObject& object) {
    auto table = std::make_unique<StagedTable>(store_, staging_, object);
    staging_.take(object.name, [&](const PulledView& row) { table->apply(row); });
    tables_.emplace(object.name, std::move(table));
  }

  void build(StagedTable& table) {
    // The queue hears of them in the round's transaction.
    for (const Acknowledged& each : acknowledged_) {
      const auto found = numbers().find(each.id);
      if (found == numbers().end()) continue;
      const std::optional<QueuedMutation> own = store_.queued_number(found->second);
      if (!own || own->object != table.name()) continue;
      const RawMembers data = each.data.empty() ? RawMembers() : json_members(each.data);
      table.acknowledge(*own, json_true(data, "absorb"), each.version);
    }
    try {
      table.build(ways_.between);
    } catch (const StoreError& error) {
      // The way by one transaction needs less room, and passes over the app's UNIQUE indexes.
      if (error.kind != StoreErrorKind::disk_full && error.kind != StoreErrorKind::internal) throw;
      throw NotBesideTables(error.what() + (": " + error.detail));
    }
  }

  const std::map<std::string, std::int64_t>& numbers() {
    if (!numbers_.empty()) return numbers_;
    Statement rows(store_.database(), "SELECT id,client_sequence FROM _mutations");
    while (rows.step()) numbers_.emplace(rows.text(0), rows.integer(1));
    return numbers_;
  }

  // Page by page in one transaction, which begins now.
  void begin_direct() {
    if (!tables_.empty()) throw NotBesideTables("a long round changes more than rows");
    begin_applying();
  }

  // From here on the file's write lock is held.
  void begin_applying() {
    const Listing listing = ways_.begin();
    if (!tables_.empty() && listing.wanted) throw NotBesideTables("somebody listens now");
    direct_ = store_.begin_round(listing, tables_.empty() ? nullptr : this);
    ways_.begun();
    if (many_ && tables_.empty()) direct_->expect_many();
    staging_.take_all([this](const PulledView& row) { direct_->apply(row); });
  }

  bool take(const std::string& object, const std::string& record_id) override {
    if (staged(object) == nullptr) return false;
    records_[object].insert(record_id);
    return true;
  }

  void complete() override {
    for (auto& [name, table] : tables_) table->complete(records_[name]);
    stop_noting(store_.database());
    fault_point("long_round.exchanged");
  }

  Store& store_;
  const LongRoundWays ways_;
  StagingFile staging_;
  struct Count {
    std::int64_t records = 0, asked_at = 0;
  };
  std::map<std::string, Count, std::less<>> counts_;
  struct Acknowledged {
    std::string id, data;
    std::optional<std::int64_t> version;
    Acknowledged(std::string_view i, std::string_view d, std::optional<std::int64_t> v)
        : id(i), data(d), version(v) {}
  };
  std::vector<Acknowledged> acknowledged_;
  std::map<std::string, std::int64_t> numbers_;
  std::map<std::string, std::unique_ptr<StagedTable>, std::less<>> tables_;
  std::map<std::string, std::set<std::string>> records_;  // of replaced tables
  std::optional<std::string> checkpoint_;
  std::optional<std::vector<std::string>> conflicts_;
  bool many_ = false;
  std::unique_ptr<RoundApplier> direct_;  // goes first: it rolls back
};

}  // namespace

std::int64_t long_round_records() {
  const char* const given = std::getenv(forced);
  return given == nullptr ? records_min : std::atoll(given);
}

bool long_rounds_are_forced() {
  return std::getenv(forced) != nullptr;
}

std::unique_ptr<RoundApplier> Store::begin_long_round(LongRoundWays ways) {
  return std::make_unique<LongRound>(*this, std::move(ways));
}

}  // namespace objectos
