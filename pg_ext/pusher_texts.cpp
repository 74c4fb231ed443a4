// What text fields ask of a push: edits are merged before they are decided, and one whose client
// has to pull first ends the push before its group.
#include <algorithm>
#include <limits>

#include "pg_ext/change_history.h"
#include "pg_ext/field_clock_store.h"
#include "pg_ext/push_chain.h"
#include "pg_ext/pusher.h"
#include "pg_ext/rejection.h"
#include "pg_ext/text_merge.h"

namespace objectos::server {

// What this push knows of the record is what somebody's trigger made otherwise.
void Pusher::read_again(RecordState& record) {
  reload_record(record, wanted_);
  record.texts.clear();
  record.outdated = false;
}

// False: the mutation is rejected for what it does to a text.
bool Pusher::merge(std::size_t index) {
  PushItem& item = items_[index];
  RecordState& record = records_[item.record];
  if (record.outdated) read_again(record);
  if (record.chain.linked && item.edit.operation == Operation::update)
    take_chain_base(items_, item);
  if (!edits_texts(item)) return true;
  try {
    merge_texts(author_.client_id, items_, index, effective_version(item, record), record);
    return true;
  } catch (const ProtocolError& error) {
    item.verdict = rejected(item.entry->id, error);
    return false;
  }
}

// What was judged was undone: everything is as it was before.
void Pusher::begin_again() {
  run_.clear();
  run_records_.clear();
  opened_.clear();
  clocks_.clear();
  for (const auto& group : groups_) {
    for (std::size_t i : group) items_[i].verdict.reset();
  }
  for (std::size_t i = 0; i < records_.size(); ++i) records_[i].chain = chains_[i];
  load_rows();  // as they are without what was undone
  load_clocks(author_.client_id, records_);
  for (RecordState& record : records_) {
    record.changes_from.reset();
    record.texts.clear();
    record.outdated = false;
  }
  load_changes(records_, items_);
}

// Nothing from the first member of this item's group on is judged, nor any group that goes on
// there, nor a number below one that is not: a number counts as judged with all below it.
void Pusher::stop_before(std::size_t index) {
  std::vector<char> stopped(items_.size(), 0);
  std::size_t end = index;
  std::int64_t lowest = std::numeric_limits<std::int64_t>::max();
  const auto number = [&](std::size_t i) { return items_[i].entry->client_sequence.value_or(0); };
  for (bool more = true; more;) {
    more = false;
    for (const auto& group : groups_) {
      const bool hit = std::any_of(group.begin(), group.end(),
                                   [&](std::size_t i) { return i >= end || number(i) > lowest; });
      if (!hit || stopped[group.front()] != 0) continue;
      more = true;
      for (std::size_t i : group) {
        stopped[i] = 1;
        end = std::min(end, i);
        if (number(i) > 0) lowest = std::min(lowest, number(i));
      }
    }
  }
  std::erase_if(groups_, [&](const Group& group) { return stopped[group.front()] != 0; });
  for (std::size_t i = 0; i < items_.size(); ++i) {  // also those that were refused at once
    PushItem& item = items_[i];
    const bool known = item.verdict && item.verdict->duplicate;
    const bool judged = stopped[i] == 0 && i < end && number(i) <= lowest;
    const bool answered = item.verdict || stopped[i] != 0;  // a twin is answered with its first
    if (!known && !judged && answered) item.verdict = pull_first(item.entry->id);
  }
}

// What operations made of texts, up to this one.
void Pusher::write_merged(PushItem& item, Decision& decision) const {
  const RecordState& record = records_[item.record];
  for (const auto& [field, edit] : item.texts) {
    const auto chain = record.texts.find(field);
    if (chain == record.texts.end() || !chain->second.text) continue;
    const auto written = decision.write.find(field);
    if (written == decision.write.end()) continue;
    auto text = std::make_shared<const std::string>(chain->second.text->text());
    written->second = chain->second.is_null ? "null" : json_string(*text);
    item.committed.at(field).after = std::move(text);
  }
}

// Whether its texts are those that wait to be written, so that it is made of them.
bool Pusher::may_join(const PushItem& item) const {
  const RecordState& record = records_[item.record];
  const Decided& waiting = run_[run_records_.at(item.record)];
  const PushItem& first = items_[waiting.links.front().index];
  if (!only_edits_texts(item) || !only_edits_texts(first) || record.outdated) return false;
  if (item.texts.size() != first.texts.size() || waiting.decision.action != Action::update ||
      waiting.decision.write.size() != first.texts.size())
    return false;
  for (const auto& [field, edit] : item.texts) {
    const auto chain = record.texts.find(field);
    if (chain == record.texts.end() || chain->second.revision != edit.revision) return false;
    if (!first.texts.contains(field)) return false;
    const auto stands = record.server.values.find(field);
    if (stands == record.server.values.end() || stands->second == "null") return false;
  }
  return true;
}

namespace {

bool changes_texts(const PushItem& item) {
  return std::any_of(item.merged->merged.begin(), item.merged->merged.end(),
                     [](const auto& field) { return field.second; });
}

}  // namespace

// The last link that changes something is the statement's; those before it are logged with it.
Write Pusher::write_of(Decided& decided) {
  PushItem* last = &items_[decided.links.front().index];
  Write write{last, &records_[last->record], &decided.decision, {}};
  if (decided.links.size() == 1) return write;
  for (std::size_t i = 1; i < decided.links.size(); ++i) {
    PushItem& link = items_[decided.links[i].index];
    if (!changes_texts(link)) continue;
    write.links.push_back(last);
    last = &link;
  }
  write_merged(*last, decided.decision);
  write.item = last;
  return write;
}

// Decides the links after the first one by one, now that the versions before each are known.
void Pusher::settle_links(Decided& decided, const Applied& applied) {
  PushItem& first = items_[decided.links.front().index];
  RecordState& record = records_[first.record];
  std::size_t written = 0;
  for (const Link& one : decided.links) {
    PushItem& link = items_[one.index];
    Applied outcome;
    if (&link == &first || changes_texts(link)) {
      const bool last = written == applied.links.size();
      outcome = applied;
      if (applied.captured && !last) {
        const AppliedLink& logged = applied.links[written];
        outcome.sequence = logged.sequence;
        outcome.version = logged.version;
        outcome.seal = logged.seal;
      }
      ++written;
    }
    const Decision decision = &link == &first
                                  ? decided.decision
                                  : decide(*link.merged, effective_version(link, record),
                                           record.server, record.object->rules, record.clocks);
    take_outcome(link, decision, outcome);
  }
  if (decided.links.size() == 1) return;
  for (const auto& [field, value] : decided.decision.write) record.server.values[field] = value;
}

}  // namespace objectos::server
