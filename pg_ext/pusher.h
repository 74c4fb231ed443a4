// One push from entries to verdicts: replays → values → load and lock → decide → apply → remember.
//
// Invariants:
//  - Every decision is protocol's decide(); nothing here knows a merge rule.
//  - The mutations run in one subtransaction. Only an error that rejects (rejection.h) leads to a
//  second pass, with a
//    subtransaction for each group; any other error ends the push, and nothing of it stays.
//  - What the tables of ours get is written once the mutations stand.
//  - User tables are touched as the caller, the tables of ours as the owner.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pg_ext/mutation_applier.h"
#include "pg_ext/push_item.h"
#include "pg_ext/record_loader.h"

namespace objectos::server {

class Pusher {
 public:
  explicit Pusher(std::string client_id) { author_.client_id = std::move(client_id); }

  // A push: one verdict per entry, in their order.
  std::vector<Verdict> push(const std::vector<PushEntry>& entries);

  // sync_resolve's write: one mutation of the caller, over whatever the record holds now. Not
  // remembered as a verdict.
  Verdict write_over(const PushEntry& entry);

 private:
  void prepare();
  void prepare_all(bool one_by_one);
  void prepare_item(std::size_t index, bool one_by_one);
  void note_judged(const PushItem& item);
  const PushObject* find_object(const std::string& name);
  std::size_t record_of(const PushObject& object, const std::string& record_id,
                        std::vector<std::string> key_texts);
  void load();
  void load_rows();
  void form_groups();
  void judge_all();
  void judge_one_by_one();
  void judge_group(Spi& spi, const std::vector<std::size_t>& group);
  void judge_item(Spi& spi, PushItem& item);
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
  std::vector<OpenedConflict> opened_;
  std::vector<StoredClock> clocks_;
  std::size_t current_ = 0;  // the item being judged: the one an error is about
};

}  // namespace objectos::server
