// The queue's part in text fields: edits as operations, and as the values that they make.
#include "queue_sql.h"
#include "record_texts.h"
#include "store.h"
#include "text_edits.h"

namespace objectos {

bool Store::merges_text(std::string_view name) const {
  for (const LocalObject& object : objects_)
    if (object.name == name) return object.merges_text();
  return false;
}

Store::BaseImage Store::base_image(const std::string& object, const std::string& record_id) const {
  BaseImage base;
  Statement row(database_, "SELECT image,version FROM _base WHERE object=? AND record_id=?");
  row.bind(1, std::string_view(object)).bind(2, std::string_view(record_id));
  if (!row.step()) return base;
  if (!row.is_null(0)) base.row = readable_row(row.text(0));
  base.version = row.integer_or_none(1);
  return base;
}

RecordTexts Store::queued_texts(const std::string& object, const std::string& record_id) const {
  const BaseImage base = base_image(object, record_id);
  return {*this, object, record_id, 0, base.row, base.version.value_or(0)};
}

bool Store::has_plain_text(const QueuedMutation& mutation) const {
  if (mutation.operation != "update" || !merges_text(mutation.object)) return false;
  const LocalObject& object = writer(mutation.object).object();
  for (const auto& [name, raw] : members_of(mutation.data))
    if (!is_text_edit_form(raw) && object.is_text(name)) return true;
  return false;
}

void Store::make_operations(const std::string& object, const std::string& record_id) {
  if (!base_image(object, record_id).row) return;  // there is no text that they would be of
  RecordTexts texts = queued_texts(object, record_id);
  if (texts.empty()) return;
  texts.keep();
  if (!texts.moved()) return;
  Statement already(database_, "SELECT 1 FROM _applying");
  if (already.step()) {
    already.reset();
    rebase(object, record_id);
    return;
  }
  already.reset();
  Applying applying(*this);
  rebase(object, record_id);
  applying.done();
}

void Store::make_plain_texts(const std::string& object, const std::string& record_id) {
  if (!merges_text(object)) return;
  RecordTexts texts = queued_texts(object, record_id);
  texts.keep_plain();
}

void Store::make_all_plain_texts(const LocalObject& object) {
  if (!object.merges_text()) return;
  Statement records(database_, "SELECT DISTINCT record_id FROM _mutations WHERE object=?");
  records.bind(1, std::string_view(object.name));
  std::vector<std::string> ids;
  while (records.step()) ids.push_back(records.text(0));
  for (const std::string& id : ids) {
    make_plain_texts(object.name, id);
    // What follows an insert is made of its text.
    for (const QueuedMutation& mutation : queue_of(object.name, id)) {
      if (mutation.operation != "insert") continue;
      RecordTexts later(*this, object.name, id, mutation.client_sequence, members_of(mutation.data),
                        0);
      later.keep_plain();
    }
  }
}

// Before a mutation leaves the queue without having taken effect: those behind it go on without it.
void Store::withdraw_texts(const QueuedMutation& mutation) {
  if (!merges_text(mutation.object)) return;
  if (mutation.operation == "insert") {
    RecordTexts later(*this, mutation.object, mutation.record_id, mutation.client_sequence,
                      members_of(mutation.data), 0);
    later.keep_plain();
    return;
  }
  RecordTexts texts = queued_texts(mutation.object, mutation.record_id);
  if (texts.numbers().count(mutation.id) == 0) return;
  for (const std::string& field : texts.fields()) texts.session(field).withdraw(mutation.id);
  if (base_image(mutation.object, mutation.record_id).row)
    texts.keep();
  else
    texts.keep_plain();
}

// What a mutation wrote, texts as values.
std::pair<std::string, std::string> Store::plain_values(const QueuedMutation& mutation) const {
  if (mutation.operation != "update" || !merges_text(mutation.object))
    return {mutation.data, mutation.original};
  RawMembers data = members_of(mutation.data), original = members_of(mutation.original);
  const RecordTexts texts = queued_texts(mutation.object, mutation.record_id);
  RecordTexts::Plain plain = texts.plain(mutation.id);
  for (auto& [name, raw] : plain.data) {
    for (RawMember& member : data)
      if (member.first == name) member.second = raw;
  }
  for (auto& [name, raw] : plain.original) {
    std::erase_if(original, [&field = name](const RawMember& each) { return each.first == field; });
    original.emplace_back(name, raw);
  }
  return {json_object(data), original.empty() ? mutation.original : json_object(original)};
}

}  // namespace objectos
