// Steps that follow one another on one record and were never sent become one, where the server
// would make the same of it.
//
// That is so for an insert and what is done to it next: nobody else knows the record; for an update
// and a deletion; and for two updates if the later one writes every field of the earlier one, so
// that no field gets a later timestamp than its own. A step that puts a field back to what it was
// stays two: it is an edit that wins or loses like any other. Steps with another record's mutation
// between them stay as they are: that one may need the first, or be needed by the second.
#include <algorithm>

#include "queue_sql.h"
#include "store.h"

namespace objectos {

namespace {

bool may_fold(const QueuedMutation& first, const QueuedMutation& then) {
  return first.group.empty() && then.group.empty() && first.undo_of.empty() &&
         then.undo_of.empty() && first.object == then.object && first.record_id == then.record_id &&
         (first.operation == "insert" || first.operation == "update") && then.operation != "insert";
}

RawMembers fields_of(const std::string& text) {
  return text.empty() ? RawMembers() : json_members(text);
}

RawMembers changed(const QueuedMutation& mutation) {
  return changed_fields(mutation.operation, mutation.data, mutation.original);
}

// `row` with the values of `over`, fields that it has not at its end.
RawMembers overlaid(RawMembers row, const RawMembers& over) {
  for (const auto& [name, raw] : over) {
    const auto found =
        std::find_if(row.begin(), row.end(),
                     [&wanted = name](const RawMember& field) { return field.first == wanted; });
    if (found == row.end())
      row.emplace_back(name, raw);
    else
      found->second = raw;
  }
  return row;
}

// Of what was there before `first`, the fields that it changed.
RawMembers before(const QueuedMutation& first) {
  const RawMembers fields = changed(first);
  RawMembers original = fields_of(first.original);
  std::erase_if(original,
                [&](const RawMember& field) { return json_find(fields, field.first) == nullptr; });
  return original;
}

// Both as one update; false: they stay two.
bool fold_updates(const QueuedMutation& first, QueuedMutation& then) {
  const RawMembers earlier = changed(first), later = changed(then);
  RawMembers original = fields_of(then.original);
  std::erase_if(original,
                [&](const RawMember& field) { return json_find(later, field.first) == nullptr; });
  original = overlaid(std::move(original), before(first));
  for (const auto& [name, raw] : earlier)
    if (json_find(later, name) == nullptr) return false;
  for (const auto& [name, raw] : later) {
    const std::string* was = json_find(original, name);
    if (was != nullptr && *was == raw) return false;
  }
  then.data = json_object(later);
  then.original = json_object(original);
  then.version = first.version;
  return true;
}

// Makes one of two: of `then`, which keeps its id, number and time. False: they stay two.
bool fold_into(const QueuedMutation& first, QueuedMutation& then) {
  if (first.operation == "update" && then.operation == "update") return fold_updates(first, then);
  if (then.operation == "update") {
    then.operation = "insert";
    then.data = json_object(overlaid(fields_of(first.data), changed(then)));
    then.original.clear();
  } else {
    then.original = json_object(overlaid(fields_of(then.original), before(first)));
  }
  then.version = first.version;
  return true;
}

}  // namespace

void Store::fold(std::vector<QueuedMutation>& batch) {
  std::vector<QueuedMutation> kept;
  Statement drop(database_, queue_sql::drop), write(database_, queue_sql::rewrite);
  for (QueuedMutation& mutation : batch) {
    const bool may = !kept.empty() && may_fold(kept.back(), mutation);
    if (may && kept.back().operation == "insert" && mutation.operation == "delete") {
      drop.bind(1, kept.back().client_sequence).run();
      drop.bind(1, mutation.client_sequence).run();
      kept.pop_back();
      Applying applying(*this);
      rebase(mutation.object, mutation.record_id);
      applying.done();
    } else if (may && fold_into(kept.back(), mutation)) {
      drop.bind(1, kept.back().client_sequence).run();
      write.bind(1, std::string_view(mutation.operation)).bind_text_or_null(2, mutation.data);
      write.bind_text_or_null(3, mutation.original).bind(4, mutation.version);
      write.bind(5, mutation.client_sequence).run();
      kept.back() = std::move(mutation);
    } else {
      kept.push_back(std::move(mutation));
    }
  }
  batch = std::move(kept);
}

}  // namespace objectos
