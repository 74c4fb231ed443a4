// What the app asks of its queue: take a mutation out before it is sent, queue a rejected one
// again, forget a rejection.
#include <algorithm>

#include "../fault_point.h"
#include "protocol/operational_transform.h"
#include "queue_sql.h"
#include "store.h"
#include "text_edits.h"
#include "undo_history.h"

namespace objectos {

namespace {

[[noreturn]] void refuse_unknown(const std::string& id, const char* where) {
  throw StoreError(StoreErrorKind::unknown_mutation, "no mutation " + id + where);
}

// Fields of `earlier` that `later` found as it left them: with `earlier` gone, it finds what was
// there before that. Fields are taken out of `changed` as they find their place.
std::string rewound(const std::string& original, const RawMembers& before, RawMembers& changed) {
  RawMembers fields = json_members(original);
  for (auto& [name, raw] : fields) {
    const auto found =
        std::find_if(changed.begin(), changed.end(),
                     [&wanted = name](const RawMember& field) { return field.first == wanted; });
    if (found == changed.end()) continue;
    if (const std::string* value = json_find(before, name)) raw = *value;
    changed.erase(found);
  }
  return json_object(fields);
}

}  // namespace

// The mutation and its group, in order.
std::vector<QueuedMutation> Store::queued_with_group(const std::string& id) const {
  Statement rows(database_, std::string(queue_sql::columns) +
                                "id=?1 OR \"group\"=(SELECT \"group\" FROM _mutations WHERE id=?1) "
                                "ORDER BY client_sequence");
  rows.bind(1, std::string_view(id));
  return queued(rows);
}

// Later edits of the same record go on without it: what they say was there before becomes what was
// there before `mutation`. Nothing goes on without an insert or a delete.
void Store::rewind_later(const QueuedMutation& mutation) {
  RawMembers changed = changed_fields(mutation.operation, mutation.data, mutation.original);
  const RawMembers before =
      mutation.original.empty() ? RawMembers() : json_members(mutation.original);
  Statement rewind(database_, "UPDATE _mutations SET original=? WHERE client_sequence=?");
  std::string needed_by;
  for (const QueuedMutation& later : queue_of(mutation.object, mutation.record_id)) {
    if (later.client_sequence <= mutation.client_sequence) continue;
    if (mutation.operation != "update" || later.undo_of == mutation.id)
      needed_by += (needed_by.empty() ? "" : ", ") + later.id;
    if (mutation.operation != "update" || later.original.empty()) continue;
    const std::string original = rewound(later.original, before, changed);
    rewind.bind(1, std::string_view(original)).bind(2, later.client_sequence).run();
    rewind_history(database_, later.id, original);
  }
  if (!needed_by.empty())
    throw StoreError(StoreErrorKind::mutation_needed,
                     "later edits of " + mutation.object + " " + mutation.record_id +
                         " build on this " + mutation.operation,
                     needed_by);
}

Discarded Store::discard(const std::string& id, const std::function<void()>& begun) {
  WriteTransaction transaction(database_);
  follow_schema();
  if (begun) begun();
  Applying applying(*this);
  Discarded discarded{queued_with_group(id), {}};
  const std::vector<QueuedMutation>& leaving = discarded.mutations;
  if (leaving.empty()) refuse_unknown(id, " is in the queue");
  for (const QueuedMutation& mutation : leaving)
    if (mutation.state != "pending")
      throw StoreError(StoreErrorKind::mutation_sent,
                       mutation.id == id ? "mutation " + id + " was sent already"
                                         : "mutation " + mutation.id + " of its group was sent");
  for (const QueuedMutation& mutation : leaving)
    if (has_plain_text(mutation)) make_operations(mutation.object, mutation.record_id);
  note_history(database_);
  const std::vector<HistoryRow> step = inverse_in_history(database_, leaving);
  for (auto mutation = leaving.rbegin(); mutation != leaving.rend(); ++mutation) {
    rewind_later(*mutation);
    discarded.rows.insert(discarded.rows.begin(), take_out(*mutation, StoredVerdict()));
  }
  put_into_history(database_, step);
  applying.done();
  fault_point("store.discard.before_commit");
  transaction.commit();
  fault_point("store.discard.after_commit");
  return discarded;
}

// Of texts, what was edited is edited again.
void Store::merge_texts(const Rejection& rejected, RawMembers& values) const {
  const LocalObject& object = writer(rejected.object).object();
  const RawMembers original = members_of(rejected.original);
  const RawMembers present = members_of(*row_json(rejected.object, rejected.record_id));
  for (auto& [name, raw] : values) {
    const std::string* const found = json_find(original, name);
    if (!object.is_text(name) || found == nullptr) continue;
    const std::string before = text_of(found), now = text_of(json_find(present, name));
    const TextOperation edit = ot::diff(before, text_of(&raw));
    const std::string merged =
        ot::apply(now, ot::transform(edit, ot::diff(before, now), ot::Side::right));
    raw = merged.empty() && raw == "null" ? "null" : json_string(merged);
  }
}

void Store::write_again(const Rejection& rejected) {
  RowWriter& table = writer(rejected.object);
  const bool is_there = row_json(rejected.object, rejected.record_id).has_value();
  if (rejected.operation == "delete") {
    table.remove(rejected.record_id, std::nullopt);
    return;
  }
  if (!is_there && rejected.operation == "update")
    throw StoreError(StoreErrorKind::record_missing,
                     rejected.object + " " + rejected.record_id + " is not there any more");
  RawMembers values = changed_fields(rejected.operation, rejected.data, rejected.original);
  if (is_there && rejected.operation == "update") merge_texts(rejected, values);
  const std::string fields = json_object(values);
  JsonSlices slices;
  slices.parse(fields);
  if (is_there)
    table.edit(rejected.record_id, slices.slices());
  else
    table.add(slices.slices());
}

// The triggers queue what it writes, like any other write.
std::string Store::retry(const std::string& id) {
  WriteTransaction transaction(database_);
  follow_schema();
  follow_indexes();
  const std::vector<Rejection> known = rejections();
  const auto rejected = std::find_if(known.begin(), known.end(), [&](const Rejection& rejection) {
    return rejection.mutation_id == id;
  });
  if (rejected == known.end()) refuse_unknown(id, " is among the rejections");
  if (!knows(rejected->object))
    throw StoreError(StoreErrorKind::record_missing,
                     "the file has no object " + rejected->object + " any more");
  const int64_t before = last_number();
  try {
    write_again(*rejected);
  } catch (const StoreError& error) {
    if (error.kind != StoreErrorKind::internal) throw;
    throw StoreError(StoreErrorKind::statement, error.what(), error.detail);
  }
  forget_rejection(id);
  Statement made(database_,
                 "SELECT id FROM _mutations WHERE client_sequence>? ORDER BY "
                 "client_sequence LIMIT 1");
  made.bind(1, before);
  const std::string again = made.step() ? made.text(0) : "";
  made.reset();
  fault_point("store.retry.before_commit");
  transaction.commit();
  fault_point("store.retry.after_commit");
  return again;
}

bool Store::forget_rejection(const std::string& id) {
  Statement forget(database_, "DELETE FROM _rejections WHERE mutation_id=?");
  forget.bind(1, std::string_view(id)).run();
  return sqlite3_changes(database_) > 0;
}

void Store::dismiss(const std::string& id) {
  if (!forget_rejection(id)) refuse_unknown(id, " is among the rejections");
}

}  // namespace objectos
