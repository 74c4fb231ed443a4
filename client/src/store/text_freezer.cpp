#include "text_freezer.h"

#include "queue_sql.h"
#include "store.h"
#include "text_edits.h"

namespace objectos {

TextFreezer::Record& TextFreezer::record_of(const QueuedMutation& mutation) {
  const auto [found, made] = records_.try_emplace({mutation.object, mutation.record_id});
  Record& record = found->second;
  if (!made) return record;
  Statement sent(store_.database(), queue_sql::sent_of_record);
  sent.bind(1, std::string_view(mutation.object)).bind(2, std::string_view(mutation.record_id));
  while (sent.step()) {
    if (sent.text(0) != "update") record.made_before = true;
    for (const auto& [name, raw] : members_of(sent.text(1))) record.under_way.insert(name);
  }
  Statement base(store_.database(),
                 "SELECT image IS NOT NULL,version FROM _base WHERE object=? AND record_id=?");
  base.bind(1, std::string_view(mutation.object)).bind(2, std::string_view(mutation.record_id));
  if (base.step()) {
    record.has_base = base.integer(0) != 0;
    record.version = base.integer_or_none(1);
  }
  record.is_made = record.made_before;
  return record;
}

bool TextFreezer::waits(const QueuedMutation& mutation, const LocalObject& object, Record& record) {
  if (mutation.operation != "update") {
    record.made_in = mutation.group;
    return false;
  }
  for (const auto& [name, raw] : members_of(mutation.data)) {
    if (!object.is_text(name)) continue;
    if (record.made_before || record.under_way.count(name) > 0) return true;
    const bool with_it = !mutation.group.empty() && mutation.group == record.made_in;
    if (record.made_in && !with_it) return true;
  }
  return false;
}

void TextFreezer::hold_back(std::vector<QueuedMutation>& batch) {
  for (size_t i = 0; i < batch.size(); i++) {
    const QueuedMutation& mutation = batch[i];
    if (!store_.merges_text(mutation.object)) continue;
    const LocalObject& object = store_.writer(mutation.object).object();
    if (!waits(mutation, object, record_of(mutation))) continue;
    while (i > 0 && !batch[i].group.empty() && batch[i].group == batch[i - 1].group) i--;
    batch.resize(i);
    return;
  }
}

QueuedMutation TextFreezer::as_sent(const QueuedMutation& mutation) {
  if (!store_.merges_text(mutation.object)) return mutation;
  Record& record = record_of(mutation);
  if (mutation.operation != "update") {
    record.is_made = true;
    return mutation;
  }
  const LocalObject& object = store_.writer(mutation.object).object();
  RawMembers data = members_of(mutation.data);
  std::vector<std::string> fields;
  for (const auto& [name, raw] : data)
    if (is_text_edit_form(raw) && object.is_text(name)) fields.push_back(name);
  if (fields.empty()) return mutation;
  if (record.is_made || !record.has_base || !record.version) return as_values(mutation, fields);
  const std::string revision = "{\"revision\":" + std::to_string(*record.version) + ",";
  for (auto& [name, raw] : data)
    if (is_text_edit_form(raw) && object.is_text(name)) raw = revision + raw.substr(1);
  QueuedMutation sent = mutation;
  sent.data = json_object(data);
  return sent;
}

QueuedMutation TextFreezer::as_values(const QueuedMutation& mutation,
                                      const std::vector<std::string>& fields) const {
  RowOverlay overlay(store_.base_image(mutation.object, mutation.record_id).row);
  for (const QueuedMutation& before : store_.queue_of(mutation.object, mutation.record_id)) {
    if (before.client_sequence >= mutation.client_sequence) break;
    overlay.apply(before.operation, changed_fields(before.operation, before.data, before.original));
  }
  const Image found = overlay.row();
  if (!found) return mutation;
  overlay.apply("update", changed_fields("update", mutation.data, mutation.original));
  const Image made = overlay.row();
  RawMembers data = members_of(mutation.data), original = members_of(mutation.original);
  for (const std::string& name : fields) {
    const std::string *before = json_find(*found, name), *after = json_find(*made, name);
    original.emplace_back(name, before == nullptr ? "null" : *before);
    for (RawMember& member : data)
      if (member.first == name) member.second = after == nullptr ? "null" : *after;
  }
  QueuedMutation sent = mutation;
  sent.data = json_object(data);
  sent.original = json_object(original);
  return sent;
}

}  // namespace objectos
