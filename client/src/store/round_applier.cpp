// One pull round, one transaction. Records without queued work go straight to their table; the
// others change their base image and are computed again at the end.
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "../fault_point.h"
#include "claimed_versions.h"
#include "conflict_rows.h"
#include "round_changes.h"
#include "round_texts.h"
#include "store.h"
#include "undo_history.h"

namespace objectos {
namespace {

constexpr int long_round_cache_mib = 32;

class StoreRound : public RoundApplier {
 public:
  StoreRound(Store& store, const Listing& listing, ReplacedTables* replaced)
      : store_(store),
        replaced_(replaced),
        listed_(listing.wanted),
        changes_(store, listing),
        transaction_(store.database()),
        applying_(store),
        texts_(store) {
    read_based();
    read_texts();
    note_history(store_.database());
    Statement(store_.database(), "UPDATE _mutations SET synced=2 WHERE state='judged'").run();
    some_judged_ = sqlite3_changes(store_.database()) > 0;
  }

  ~StoreRound() override {
    store_.end_bulk();
    if (result_.schema_changed && !committed_) store_.forget_migration();
  }

  void expect_many() override { store_.begin_bulk(long_round_cache_mib); }

  void apply(const PulledView& row) override {
    if (row.kind == "mutation") return mutation(row);
    if (row.kind == "acknowledgement") return acknowledgement(row);
    if (row.kind == "schema") {
      writer_ = nullptr;
      for (std::string& text : store_.migrate_tables(std::string(row.data)))
        result_.lost.push_back(std::move(text));
      read_based();
      read_texts();
      result_.schema_changed = true;
    } else if (row.kind == "reread") {
      reread(row);
    } else if (row.kind == "truncate") {
      truncate(row);
    } else if (row.kind == "removal") {
      removal(row);
    } else if (row.kind == "conflict") {
      conflict(row);
    } else if (row.kind == "repair") {
      repair(row);
    } else if (row.kind == "checkpoint") {
      checkpoint_ = true;
      result_.checkpoint = row.checkpoint;
      result_.has_more = row.has_more;
    } else {
      throw StoreError(StoreErrorKind::invalid_input, "a pulled row of unknown kind",
                       std::string(row.kind));
    }
  }

  void set_open_conflicts(const std::vector<std::string>& conflicts) override {
    store_open_conflicts(store_.database(), conflicts);
  }

  RoundResult commit(const std::string& synced_at) override {
    if (!checkpoint_)
      throw StoreError(StoreErrorKind::invalid_input, "the round ended without a checkpoint");
    settle_claims();
    store_.take_server_forms();
    if (merges_text_) {
      texts_.settle();
      some_judged_ = true;  // by what came as steps, perhaps
      result_.missing_rows = static_cast<int64_t>(missing_.size()) + texts_.missing();
    }
    drop_judged();
    rebase_touched();
    if (replaced_ != nullptr) {
      writer_ = nullptr;
      replaced_->complete();
      store_.take_server_forms();  // those that came into the new tables
    }
    if (listed_) result_.changes = changes_.settle();
    end_conflicts_of_absent();
    remember_checkpoint(synced_at);
    applying_.done();
    fault_point("store.round.before_commit");
    transaction_.commit();
    committed_ = true;
    tag_ = Statement();
    seen_ = Statement();
    store_.end_bulk();
    store_.publish();
    fault_point("store.round.after_commit");
    return std::move(result_);
  }

 private:
  void drop_judged() {
    if (!some_judged_) return;
    Statement gone(store_.database(),
                   "DELETE FROM _mutations WHERE state='judged' AND synced=2 RETURNING id,object,"
                   "record_id");
    while (gone.step()) {
      result_.acknowledged.push_back(gone.text(0));
      touched_.insert({gone.text(1), gone.text(2)});
    }
  }

  void rebase_touched() {
    for (const auto& [object, record_id] : touched_) {
      if (listed_) changes_.touch(object, record_id, std::nullopt);
      result_.objects.insert(object);
      if (replaced_ != nullptr && replaced_->take(object, record_id)) continue;
      if (missing_.count({object, record_id}) == 0) store_.rebase(object, record_id);
    }
  }

  void remember_checkpoint(const std::string& synced_at) {
    Statement state(store_.database(),
                    "UPDATE _sync_state SET checkpoint=?,last_sync=?,complete=1");
    state.bind(1, std::string_view(result_.checkpoint)).bind(2, std::string_view(synced_at)).run();
  }

  void read_based() {
    based_.clear();
    Statement rows(store_.database(), "SELECT object,record_id FROM _base");
    while (rows.step()) based_.insert(rows.text(0) + '\x1f' + rows.text(1));
  }

  void read_texts() {
    merges_text_ = std::any_of(store_.objects().begin(), store_.objects().end(),
                               [](const LocalObject& object) { return object.merges_text(); });
  }

  bool based(std::string_view object, std::string_view record_id) const {
    if (based_.empty()) return false;
    return based_.count(std::string(object) + '\x1f' + std::string(record_id)) > 0;
  }
  bool based(const PulledView& row) const { return based(row.object, row.record_id); }

  // Before the record is written.
  void note(std::string_view object, std::string_view record_id, std::optional<int64_t> version) {
    ++result_.change_count;
    if (object != noted_) {
      noted_ = object;
      result_.objects.insert(noted_);
    }
    if (listed_) changes_.touch(object, record_id, version);
  }

  RowWriter& writer(std::string_view object) {
    if (writer_ == nullptr || writer_->object().name != object)
      writer_ = &store_.writer(std::string(object));
    return *writer_;
  }

  void settle_claims() {
    if (some_judged_) {
      Statement leaving(store_.database(),
                        "SELECT DISTINCT object,record_id FROM _mutations WHERE state='judged' AND "
                        "synced=2");
      while (leaving.step()) carry_versions(store_.database(), leaving.text(0), leaving.text(1));
    }
    for (const auto& [record, now] : read_again_)
      forget_claims(store_.database(), record.first, record.second, now.version, now.same);
  }

  // `whole`: the row is read again from the server, whose history may not be the one that gave out
  // the version held here (a restore): it counts whatever its version.
  void set_base(const PulledView& row, std::string_view operation, std::string_view data,
                bool whole = false) {
    std::pair<std::string, std::string> record(row.object, row.record_id);
    Statement read(store_.database(),
                   "SELECT image,version FROM _base WHERE object=? AND record_id=?");
    read.bind(1, row.object).bind(2, row.record_id);
    const bool there = read.step();
    if (there && !whole && operation != "delete" && !read.is_null(0) &&
        !readable_row(read.text(0))) {
      missing_.insert(std::move(record));  // the whole record is needed
      result_.missing_rows = static_cast<int64_t>(missing_.size());
      return;
    }
    touched_.insert(std::move(record));
    if (!there) return;
    if (!whole && row.version && read.integer(1) > *row.version) return;
    Image image;
    const std::string before = read.text(0);
    if (!read.is_null(0)) image = readable_row(before);
    const std::optional<int64_t> version = read.integer_or_none(1);
    const bool same_version = version == row.version;
    read.reset();
    RawMembers members = data.empty() ? RawMembers() : json_members(data);
    if (merges_text_ && store_.merges_text(row.object)) {
      if (operation == "delete")
        texts_.base_goes(row.object, row.record_id);
      else
        members = texts_.in_base(row, operation, members, image, version, whole);
    }
    image = applied(std::move(image), std::string(operation), members);
    if (whole) {
      const bool same = same_version && image && json_object(*image) == before;
      read_again_[{std::string(row.object), std::string(row.record_id)}] = {row.version, same};
    }
    Statement write(store_.database(),
                    "UPDATE _base SET image=?,version=? WHERE object=? AND record_id=?");
    if (image)
      write.bind(1, std::string_view(json_object(*image)));
    else
      write.bind_null(1);
    write.bind(2, row.version).bind(3, row.object).bind(4, row.record_id).run();
  }

  void keep_tag(const PulledView& row) {
    if (row.tag.empty()) return;
    // A record's tag stays the same: what is there is not written again.
    Statement& tag = kept(tag_,
                          "INSERT INTO _tags VALUES(?,?,?) ON CONFLICT(object,record_id)"
                          " DO UPDATE SET tag=excluded.tag WHERE tag<>excluded.tag");
    tag.bind_view(1, row.object).bind_view(2, row.record_id).bind_view(3, row.tag).run();
  }

  void mutation(const PulledView& row) {
    keep_tag(row);
    const bool rereading = !rereading_.empty() && rereading_.count(std::string(row.object)) > 0;
    const bool whole = rereading && row.operation == "insert";
    if (rereading) seen(row);
    note(row.object, row.record_id, row.version);
    if (based(row)) return set_base(row, row.operation, row.data, whole);
    RowWriter& table = writer(row.object);
    if (row.operation == "delete") {
      table.remove(row.record_id, row.version);
      is_here(row);
    } else if (row.operation == "insert") {
      table.upsert(slices_.parse(row.data), row.version, true, whole);
      is_here(row);
    } else if (!update(table, row)) {
      missing_.insert({std::string(row.object), std::string(row.record_id)});
    }
    result_.missing_rows = static_cast<int64_t>(missing_.size());
  }

  bool update(RowWriter& table, const PulledView& row) {
    if (!table.object().merges_text())
      return table.update(row.record_id, slices_.parse(row.data), row.version);
    const std::string data = texts_.in_row(row);
    return table.update(row.record_id, slices_.parse(data), row.version);
  }

  // A nested statement is logged before the outer one, so a page may end between a record's update
  // and its insert: the whole row comes with the next page of the round.
  void is_here(const PulledView& row) {
    if (!missing_.empty()) missing_.erase({std::string(row.object), std::string(row.record_id)});
    texts_.is_here(row.object, row.record_id);
  }

  void acknowledgement(const PulledView& row) {
    if (row.operation != "delete") keep_tag(row);
    const std::optional<QueuedMutation> found = queued(row.id);
    if (!found) return;
    RawMembers data = row.data.empty() ? RawMembers() : json_members(row.data);
    const QueuedMutation& own = *found;
    if (json_true(data, "absorb"))
      set_base(row, own.operation,
               json_object(changed_fields(own.operation, own.data, own.original)));
    std::string verdict = json_object(
        {{"status", json_string(json_text(data, "status"))},
         {"version", row.version ? std::to_string(*row.version) : std::string("null")}});
    Statement judge(store_.database(),
                    "UPDATE _mutations SET state='judged',synced=2,verdict=coalesce(verdict,?) "
                    "WHERE client_sequence=?");
    judge.bind(1, std::string_view(verdict)).bind(2, own.client_sequence).run();
    some_judged_ = true;
    if (own.state == "judged") return;  // noted with its verdict
    if (!history_) history_.emplace(store_.database());
    history_->judged(own, json_text(data, "status"), row.version);
  }

  // No index on ids: every local write would pay for it. The first acknowledgement reads them all.
  std::optional<QueuedMutation> queued(std::string_view id) {
    if (!numbers_read_) {
      Statement rows(store_.database(), "SELECT id,client_sequence FROM _mutations");
      while (rows.step()) numbers_.emplace(rows.text(0), rows.integer(1));
      numbers_read_ = true;
    }
    const auto found = numbers_.find(std::string(id));
    if (found == numbers_.end()) return std::nullopt;
    return store_.queued_number(found->second);
  }

  void seen(const PulledView& row) {
    Statement& mark = kept(seen_, "INSERT OR IGNORE INTO _reread VALUES(?,?)");
    mark.bind_view(1, row.object).bind_view(2, row.record_id).run();
  }

  // What the server holds in place of what is here, whatever the versions say (operation delete:
  // nothing). A record with queued work keeps it, over the base image that it may have lost.
  void repair(const PulledView& row) {
    keep_tag(row);
    note(row.object, row.record_id, row.version);
    if (!based(row) &&
        !store_.queue_of(std::string(row.object), std::string(row.record_id)).empty())
      restore_base(row);
    if (based(row)) return set_base(row, row.operation, row.data, row.operation == "insert");
    RowWriter& table = writer(row.object);
    if (row.operation == "insert")
      table.upsert(slices_.parse(row.data), row.version, true, true);
    else if (!table.remove(row.record_id, std::nullopt))
      table.remove_keyless();
  }

  void restore_base(const PulledView& row) {
    Statement base(store_.database(), "INSERT INTO _base(object,record_id) VALUES(?,?)");
    base.bind(1, row.object).bind(2, row.record_id).run();
    based_.insert(std::string(row.object) + '\x1f' + std::string(row.record_id));
  }

  // Of the rows that come in bulk: prepared once a round.
  Statement& kept(Statement& statement, const char* sql) {
    if (statement.handle() == nullptr) statement = Statement(store_.database(), sql);
    return statement;
  }

  void drop(std::string_view object, std::string_view record_id, std::optional<int64_t> version) {
    note(object, record_id, version);
    if (!based(object, record_id)) {
      writer(object).remove(record_id, version);
      return;
    }
    PulledView row;
    row.object = object, row.record_id = record_id, row.version = version;
    set_base(row, "delete", "");
  }

  std::vector<std::string> column_of(const std::string& sql, std::string_view object) {
    Statement rows(store_.database(), sql);
    if (sqlite3_bind_parameter_count(rows.handle()) > 0) rows.bind(1, object);
    std::vector<std::string> found;
    while (rows.step()) found.push_back(rows.text(0));
    return found;
  }

  // It may live on at the server, where this client does not see it.
  void drop_from_view(std::string_view object, std::string_view record_id) {
    drop(object, record_id, std::nullopt);
    if (listed_) changes_.leaves_view(object, record_id);
  }

  void reread(const PulledView& row) {
    Statement clear(store_.database(), "DELETE FROM _reread WHERE object=?");
    if (row.operation == "begin") {
      rereading_.insert(std::string(row.object));
      clear.bind(1, row.object).run();
      return;
    }
    const LocalObject& object = writer(row.object).object();
    std::string not_sent = " NOT IN (SELECT record_id FROM _reread WHERE object=?1)";
    std::string id = record_id_sql(object, "t");
    for (const auto& gone : column_of("SELECT " + id + " FROM " + quote_name(object.name) +
                                          " t WHERE _synced=1 AND " + id + not_sent,
                                      row.object))
      drop_from_view(row.object, gone);
    for (const auto& gone : column_of(
             "SELECT record_id FROM _base WHERE object=?1 AND record_id" + not_sent, row.object))
      drop_from_view(row.object, gone);
    rereading_.erase(std::string(row.object));
    clear.bind(1, row.object).run();
  }

  void truncate(const PulledView& row) {
    if (listed_) changes_.truncate(row.object, row.version);
    writer(row.object).remove_older(row.version);
    for (const auto& id :
         column_of("SELECT record_id FROM _base WHERE object=?1 AND coalesce(version,0)<" +
                       (row.version ? std::to_string(*row.version) : "9223372036854775807"),
                   row.object))
      drop(row.object, id, row.version);
    ++result_.change_count;
    result_.objects.emplace(row.object);
  }

  void removal(const PulledView& row) {
    if (row.tag.empty()) return drop_from_view(row.object, row.record_id);
    std::string object, id;
    {
      Statement tag(store_.database(), "DELETE FROM _tags WHERE tag=? RETURNING object,record_id");
      tag.bind(1, row.tag);
      if (!tag.step()) return;
      object = tag.text(0), id = tag.text(1);
    }
    drop_from_view(object, id);
  }

  void conflict(const PulledView& row) { store_conflict(store_.database(), row.data); }

  // The server sends no conflict of a record that is gone, whoever deleted it; it has ended it. One
  // of a record that this file does not subscribe to waits for others.
  void end_conflicts_of_absent() {
    const std::vector<LocalConflict> all_open = store_.conflicts(true);
    if (all_open.empty()) return;
    Statement end(store_.database(),
                  "UPDATE _conflicts SET status='resolved',resolution='deleted' WHERE "
                  "conflict_id=?");
    for (const LocalConflict& open : all_open) {
      if (store_.knows(open.object) && on_server(open.object, open.record_id)) continue;
      end.bind(1, std::string_view(open.conflict_id)).run();
    }
  }

  // As far as the round knows, now that all of it is applied.
  bool on_server(const std::string& object, const std::string& record_id) const {
    Statement base(store_.database(),
                   "SELECT image IS NOT NULL FROM _base WHERE object=? AND record_id=?");
    base.bind(1, std::string_view(object)).bind(2, std::string_view(record_id));
    if (base.step()) return base.integer(0) != 0;
    return store_.row_json(object, record_id).has_value();
  }

  Store& store_;
  ReplacedTables* const replaced_;
  const bool listed_;  // somebody listens
  RoundChanges changes_;
  std::string noted_;  // the object noted last
  WriteTransaction transaction_;
  Applying applying_;
  RowWriter* writer_ = nullptr;  // of the last row's object
  JsonSlices slices_;
  Statement tag_, seen_;
  bool some_judged_ = false;  // mutations that leave the queue
  std::unordered_set<std::string> based_;
  std::unordered_map<std::string, int64_t> numbers_;  // mutation id → client_sequence
  bool numbers_read_ = false;
  std::optional<HistoryVersions> history_;
  std::set<std::pair<std::string, std::string>> touched_;
  std::set<std::pair<std::string, std::string>> missing_;  // named by an update, not in the file
  std::set<std::string> rereading_;
  struct ReadAgain {
    std::optional<int64_t> version;
    bool same = false;  // version and values as they were
  };
  std::map<std::pair<std::string, std::string>, ReadAgain> read_again_;
  RoundResult result_;
  bool checkpoint_ = false, committed_ = false;
  bool merges_text_ = false;  // some object does
  RoundTexts texts_;
};

}  // namespace

std::unique_ptr<RoundApplier> Store::begin_round(const Listing& listing) {
  return begin_round(listing, nullptr);
}

std::unique_ptr<RoundApplier> Store::begin_round(const Listing& listing, ReplacedTables* replaced) {
  return std::make_unique<StoreRound>(*this, listing, replaced);
}

}  // namespace objectos
