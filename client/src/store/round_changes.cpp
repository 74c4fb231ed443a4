#include "round_changes.h"

#include "store.h"

namespace objectos {

namespace {

std::string place_of(std::string_view object, std::string_view record_id) {
  std::string place(object);
  place += '\x1f';
  place += record_id;
  return place;
}

}  // namespace

RoundChanges::Touched* RoundChanges::find(std::string_view object, std::string_view record_id) {
  const auto found = places_.find(place_of(object, record_id));
  return found == places_.end() ? nullptr : &touched_[found->second];
}

void RoundChanges::touch(std::string_view object, std::string_view record_id,
                         std::optional<int64_t> version) {
  if (!listing_.covers(object)) return;
  if (Touched* known = find(object, record_id)) {
    if (version) known->change.version = version;
    return;
  }
  LocalChange change;
  change.object = object, change.record_id = record_id, change.version = version;
  if (store_.knows(change.object))
    change.before = store_.row_json(change.object, change.record_id).value_or("");
  places_.emplace(place_of(object, record_id), touched_.size());
  touched_.push_back({std::move(change)});
}

void RoundChanges::leaves_view(std::string_view object, std::string_view record_id) {
  if (Touched* known = find(object, record_id)) known->removed = true;
}

void RoundChanges::truncate(std::string_view object, std::optional<int64_t> version) {
  if (!listing_.covers(object)) return;
  LocalChange change;
  change.object = object, change.operation = "truncate", change.version = version;
  touched_.push_back({std::move(change)});
}

std::vector<LocalChange> RoundChanges::settle() {
  std::vector<LocalChange> changes;
  for (Touched& touched : touched_) {
    LocalChange& change = touched.change;
    if (change.operation.empty()) {
      if (store_.knows(change.object))
        change.after = store_.row_json(change.object, change.record_id).value_or("");
      if (change.before == change.after) continue;
      if (change.before.empty())
        change.operation = "insert";
      else if (!change.after.empty())
        change.operation = "update";
      else
        change.operation = touched.removed ? "removed" : "delete";
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace objectos
