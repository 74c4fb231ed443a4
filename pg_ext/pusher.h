// One push from entries to verdicts: replays → values → load and lock → decide → apply → remember.
//
// Invariants:
//  - Every decision is protocol's decide(); nothing here knows a merge rule.
//  - Records are locked in one subtransaction, again after a deadlock: its locks are gone then.
//  - The mutations run in one subtransaction, and neighbours that do the same to different records
//    in one statement. Only an error that rejects (rejection.h) leads to a second pass, one by one,
//    with a subtransaction for each group; any other error ends the push, and nothing of it stays.
//  - What the tables of ours get is written once the mutations stand.
//  - User tables are touched as the caller, the tables of ours as the owner.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "pg_ext/mutation_applier.h"
#include "pg_ext/push_item.h"
#include "pg_ext/push_signatures.h"
#include "pg_ext/record_loader.h"

namespace objectos::server {

class Pusher {
 public:
  explicit Pusher(std::string client_id) { author_.client_id = std::move(client_id); }

  // A push: one verdict per entry, in their order. The signatures stand.
  std::vector<Verdict> push(const std::vector<PushEntry>& entries,
                            const PushSignatures& signatures);

  // sync_resolve's write: one mutation of the caller, over whatever the record holds now. Not
  // remembered as a verdict.
  Verdict write_over(const PushEntry& entry);

 private:
  void prepare();
  void prepare_all(bool one_by_one);
  void prepare_item(std::size_t index, bool one_by_one);
  void note_judged(std::size_t index);
  const PushObject* find_object(const std::string& name);
  std::size_t record_of(const PushObject& object, const std::string& record_id,
                        std::vector<std::string> key_texts);
  void load();
  void load_rows();
  void lock_records();
  void form_groups();
  void judge_all();
  void judge_open_groups();
  void judge_one_by_one();
  void begin_again();
  void stop_before(std::size_t index);
  using Group = std::vector<std::size_t>;
  void judge_group(Spi& spi, const Group& group, bool one_by_one);
  void judge_item(Spi& spi, std::size_t index, const Group& group);
  bool refuse(PushItem& item);
  bool merge(std::size_t index);
  Decision decide_item(Spi& spi, PushItem& item);
  void flush_run(Spi& spi);
  struct Link;
  struct Decided;
  bool may_join(const PushItem& item) const;
  void write_merged(PushItem& item, Decision& decision) const;
  Write write_of(Decided& decided);
  void settle_links(Decided& decided, const Applied& applied);
  void judge_again(Spi& spi, std::size_t index);
  void read_again(RecordState& record);
  void settle(std::size_t index, const Group& group);
  void take_outcome(PushItem& item, const Decision& decision, const Applied& applied);
  void reject_group(const std::vector<std::size_t>& group, const Verdict& cause);
  void remember_opened(const PushItem& item, const Decision& decision, Verdict& verdict);
  std::vector<Verdict> answers() const;

  PushAuthor author_;
  std::vector<PushItem> items_;
  std::map<std::string, std::unique_ptr<PushObject>> objects_;
  std::vector<RecordState> records_;
  std::map<std::pair<const PushObject*, std::string>, std::size_t> record_index_;
  ColumnsWanted wanted_;
  std::vector<std::vector<std::size_t>> groups_;
  std::vector<Chain> chains_;  // of the records, before anything was judged
  std::vector<OpenedConflict> opened_;
  std::vector<StoredClock> clocks_;
  std::size_t current_ = 0;  // the item being judged: the one an error is about

  // Decided, and not written yet: mutations of different records that one statement can do.
  struct Link {
    std::size_t index;
    const Group* group;
  };
  struct Decided {
    std::vector<Link> links;  // edits of one record's texts that are written at once; else one
    Decision decision;        // of the first
  };
  std::vector<Decided> run_;
  std::unordered_map<std::size_t, std::size_t> run_records_;  // record → place in the run
};

}  // namespace objectos::server
