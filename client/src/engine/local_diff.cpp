// What pending work makes of its records: the local row against its base image, field by field.
#include <set>

#include "engine/engine_impl.h"
#include "engine/record_fields.h"
#include "engine/translated.h"
#include "store/json_slices.h"

namespace objectos {

namespace {

std::string text_of(const std::string* json) {
  return json == nullptr ? "null" : *json;
}

RawMembers members_of(const ImageRow& base, const RecordDiff& diff) {
  if (const auto members = readable_row(base.json)) return *members;
  throw StoreError(StoreErrorKind::corrupt,
                   "the base image of " + diff.object + " " + diff.record_id + " cannot be read",
                   base.json, "`objectos-sync verify --repair` mends it.");
}

RecordDiff diff_of(const LocalDatabase& database, const LocalObject& object,
                   const std::string& record_id) {
  RecordDiff diff{object.name, record_id, "none", {}};
  const std::optional<ImageRow> base = database.server_image(object.name, record_id);
  const std::optional<std::string> local = database.row_json(object.name, record_id);
  if (!base && !local) return diff;
  const RawMembers before = base ? members_of(*base, diff) : RawMembers();
  const RawMembers after = local ? json_members(*local) : RawMembers();
  for (const LocalColumn& column : object.columns) {
    const std::string* theirs = json_find(before, column.name);
    const std::string* ours = json_find(after, column.name);
    if (base && local && same_stored(column, theirs, ours)) continue;
    diff.fields.push_back({column.name, base ? text_of(theirs) : "", local ? text_of(ours) : ""});
  }
  if (!base) {
    diff.operation = "insert";
  } else if (!local) {
    diff.operation = "delete";
  } else if (!diff.fields.empty()) {
    diff.operation = "update";
  }
  return diff;
}

}  // namespace

std::vector<RecordDiff> SyncEngine::Impl::diff() {
  return translated([&] {
    const auto database = open_beside();
    const auto one_snapshot = database->read_image(0);
    std::vector<RecordDiff> diffs;
    std::set<std::pair<std::string, std::string>> seen;
    for (const QueuedMutation& mutation : database->queue()) {
      if (!seen.emplace(mutation.object, mutation.record_id).second) continue;
      for (const LocalObject& object : database->objects()) {
        if (object.name == mutation.object)
          diffs.push_back(diff_of(*database, object, mutation.record_id));
      }
    }
    return diffs;
  });
}

}  // namespace objectos
