#include "pg_ext/push_chain.h"

namespace objectos::server {

std::optional<std::int64_t> effective_version(const PushItem& item, const RecordState& record) {
  if (item.takes_present_as_base) return record.server.version;
  const bool follows = record.chain.linked && !record.chain.met_others;
  if (follows && record.chain.sent == item.edit.version) return record.chain.after;
  return item.edit.version;
}

void take_chain_base(const std::vector<PushItem>& items, PushItem& item) {
  for (const auto& [name, value] : item.edit.data) {
    if (item.edit.original.contains(name)) continue;
    for (const PushItem* earlier = &item; earlier != items.data();) {
      --earlier;
      if (earlier->object == nullptr || earlier->record != item.record) continue;
      const auto sent = earlier->edit.data.find(name);
      if (sent == earlier->edit.data.end() || !earlier->verdict) continue;  // judged later
      if (earlier->verdict->status == "rejected") continue;
      if (earlier->texts.contains(name)) break;  // what the client made of it is not known
      item.edit.original[name] = sent->second;
      break;
    }
  }
}

void follow_chain(const PushItem& item, const Decision& decision,
                  std::optional<std::int64_t> version, RecordState& record) {
  if (decision.status == Status::rejected || !version) return;
  if (decision.reason == Reason::deleted && decision.action == Action::none) return;
  Chain& chain = record.chain;
  const bool begins = item.edit.operation == Operation::insert;
  if (begins && decision.action == Action::none) return;  // an undo that came too late
  const bool unmoved = decision.server_version == effective_version(item, record);
  chain.met_others = !begins && (chain.met_others || !unmoved);
  if (!chain.linked || begins) chain.sent = item.edit.version;
  chain.linked = true;
  chain.after = *version;
  record.server.changed_since.reset();
  for (const FieldConflict& one : decision.conflicts) {
    const bool lost =
        one.resolution == Resolution::server_wins || one.resolution == Resolution::manual;
    if (lost) {
      record.chain.contested.insert(one.field);
    } else {
      record.chain.contested.erase(one.field);
    }
  }
}

}  // namespace objectos::server
