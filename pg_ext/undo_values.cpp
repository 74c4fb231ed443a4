#include "pg_ext/undo_values.h"

namespace objectos::server {

namespace {

// What the client's last mutation of the field before `item` wrote; nullptr: none did.
const std::string* last_sent(const std::vector<PushItem>& items, const PushItem& item,
                             const std::string& field) {
  for (const PushItem* earlier = &item; earlier != items.data();) {
    --earlier;
    if (earlier->object == nullptr || earlier->record != item.record) continue;
    if (!earlier->verdict || earlier->verdict->status == "rejected") continue;
    const auto sent = earlier->edit.data.find(field);
    if (sent != earlier->edit.data.end()) return &sent->second;
    if (earlier->edit.operation == Operation::insert) return nullptr;
  }
  return nullptr;
}

}  // namespace

void take_stored_forms(const std::vector<PushItem>& items, const RecordState& record,
                       PushItem& item) {
  const Chain& chain = record.chain;
  const bool follows = chain.linked && !chain.met_others && chain.sent == item.edit.version &&
                       chain.after == record.server.version;
  if (!follows) return;
  const bool whole = item.edit.operation == Operation::remove;  // also what nobody sent
  for (auto& [field, value] : item.edit.original) {
    if (chain.contested.contains(field)) continue;
    const std::string* const sent = last_sent(items, item, field);
    if (sent == nullptr ? !whole : *sent != value) continue;
    const auto stored = record.server.values.find(field);
    if (stored != record.server.values.end()) value = stored->second;
  }
}

bool undoes_rejected(const std::vector<PushItem>& items, const PushItem& item) {
  const std::optional<std::string>& undone = item.entry->mutation->undo_of;
  if (!undone) return false;
  for (const PushItem& other : items) {
    if (other.entry->id == *undone) return other.verdict && other.verdict->status == "rejected";
  }
  return false;
}

}  // namespace objectos::server
