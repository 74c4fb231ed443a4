#include "round_texts.h"

#include <algorithm>

#include "protocol/errors.h"
#include "protocol/operational_transform.h"
#include "protocol/text_steps.h"
#include "record_texts.h"
#include "store.h"
#include "text_edits.h"

namespace objectos {

namespace {

std::vector<TextStep> steps_of(const std::string& raw) {
  try {
    return decode_text_steps(parse_json(raw));
  } catch (const ProtocolError& error) {
    throw StoreError(StoreErrorKind::invalid_input, "pulled steps of a text cannot be read",
                     error.message());
  }
}

}  // namespace

// The field's new raw value; nothing where its steps do not follow what is here.
std::optional<std::string> RoundTexts::after_steps(const Record& record, const std::string& field,
                                                   const std::string& steps,
                                                   const std::string* before, History* history) {
  if (missing_.count(record) > 0) return std::nullopt;
  Held& held = held_.at(record);
  int64_t& revision = held.texts.try_emplace(field, held.version).first->second;
  std::vector<TextOperation> operations;
  for (TextStep& step : steps_of(steps)) {
    if (step.revision <= revision) continue;
    if (!step.continues(revision)) {
      missing_.insert(record);
      return std::nullopt;
    }
    revision = step.revision;
    operations.push_back(step.operation);
    if (history != nullptr) history->events.push_back({field, std::move(step), "", 0, false});
  }
  if (operations.empty()) return before == nullptr ? "null" : *before;
  try {
    return json_string(ot::apply(text_of(before), ot::compose_all(operations)));
  } catch (const ProtocolError&) {  // the text here is not the server's
    missing_.insert(record);
    return std::nullopt;
  }
}

std::string RoundTexts::in_row(const PulledView& row) {
  RawMembers data = json_members(row.data), left;
  const bool steps = std::any_of(data.begin(), data.end(), [](const RawMember& field) {
    return is_text_edit_form(field.second);
  });
  const Record record(row.object, row.record_id);
  if (!steps && held_.count(record) > 0) return std::string(row.data);
  std::optional<int64_t> version;
  const std::optional<std::string> json = store_.writer(record.first).read(row.record_id, &version);
  if (json) held_.try_emplace(record, Held{version.value_or(0), {}});
  if (!steps) return std::string(row.data);
  const RawMembers here = members_of(json.value_or(""));
  for (auto& [name, raw] : data) {
    if (!is_text_edit_form(raw)) {
      left.emplace_back(name, std::move(raw));
      continue;
    }
    if (!json) continue;  // there is no such row: it is missing as a whole
    auto text = after_steps(record, name, raw, json_find(here, name), nullptr);
    if (text) left.emplace_back(name, std::move(*text));
  }
  return json_object(left);
}

RawMembers RoundTexts::in_base(const PulledView& row, std::string_view operation,
                               const RawMembers& data, const std::optional<RawMembers>& image,
                               std::optional<int64_t> version, bool anew) {
  const Record record(row.object, row.record_id);
  const LocalObject& object = store_.writer(record.first).object();
  const auto [found, first] = histories_.try_emplace(record);
  History& history = found->second;
  if (first) history.image = image, history.revision = version.value_or(0);
  if (operation == "insert") held_.erase(record);
  held_.try_emplace(
      record, Held{operation == "insert" ? row.version.value_or(0) : version.value_or(0), {}});
  RawMembers left;
  for (const auto& [name, raw] : data) {
    if (!object.is_text(name)) {
      left.emplace_back(name, raw);
      continue;
    }
    if (is_text_edit_form(raw)) {
      if (!image) continue;
      auto text = after_steps(record, name, raw, json_find(*image, name), &history);
      if (text) left.emplace_back(name, std::move(*text));
      continue;
    }
    history.events.push_back({name, std::nullopt, text_of(&raw), row.version.value_or(0), anew});
    held_.at(record).texts[name] = row.version.value_or(0);
    left.emplace_back(name, raw);
  }
  if (operation == "insert") missing_.erase(record);
  return left;
}

void RoundTexts::is_here(std::string_view object, std::string_view record_id) {
  if (!missing_.empty()) missing_.erase({std::string(object), std::string(record_id)});
  if (!held_.empty()) held_.erase({std::string(object), std::string(record_id)});
}

void RoundTexts::base_goes(std::string_view object, std::string_view record_id) {
  const Record record(object, record_id);
  const auto found = histories_.find(record);
  if (found != histories_.end()) replay(record, found->second, {});
  store_.make_plain_texts(record.first, record.second);
  histories_[record] = {};
  missing_.erase(record);
  held_.erase(record);
}

RoundTexts::Leaving RoundTexts::leaving(const Record& record) const {
  Leaving found;
  Statement rows(store_.database(),
                 "SELECT id,json_extract(verdict,'$.status') IN('applied','merged') FROM "
                 "_mutations WHERE object=? AND record_id=? AND +state='judged' AND synced=2");
  rows.bind(1, std::string_view(record.first)).bind(2, std::string_view(record.second));
  while (rows.step()) found.emplace(rows.text(0), rows.integer(1) != 0);
  return found;
}

void RoundTexts::mark_taken(int64_t number) {
  Statement mark(store_.database(),
                 "UPDATE _mutations SET state='judged',synced=2,verdict=coalesce(verdict,"
                 "'{\"status\":\"applied\",\"version\":null}') WHERE client_sequence=?");
  mark.bind(1, number).run();
}

namespace {

std::vector<std::string> committed(const std::map<std::string, bool>& leaving) {
  std::vector<std::string> found;
  for (const auto& [mutation, took_effect] : leaving)
    if (took_effect) found.push_back(mutation);
  return found;
}

void withdraw_others(TextSession& session, const std::map<std::string, bool>& leaving) {
  for (const auto& [mutation, took_effect] : leaving) session.withdraw(mutation);
}

void take_text(TextSession& session, const std::string& text, int64_t revision, bool anew,
               const std::map<std::string, bool>& leaving) {
  if (anew && session.state().revision > revision) {
    TextState state = session.state();
    state.revision = revision;
    session = TextSession(std::move(state));
  }
  session.take_text(text, revision, committed(leaving));
}

}  // namespace

void RoundTexts::replay(const Record& record, const History& history, const Leaving& leaving) {
  RecordTexts texts(store_, record.first, record.second, 0, history.image, history.revision);
  if (texts.empty()) return;
  std::set<std::string> taken;
  for (const std::string& field : texts.fields()) {
    TextSession& session = texts.session(field);
    for (const Event& event : history.events) {
      if (event.field != field) continue;
      if (!event.step) {
        take_text(session, event.text, event.revision, event.anew, leaving);
      } else if (event.step->continues(session.state().revision)) {
        session.take(*event.step);
        if (!event.step->own.empty()) taken.insert(event.step->own);
      }
    }
    withdraw_others(session, leaving);
  }
  if (store_.base_image(record.first, record.second).row)
    texts.keep();
  else
    texts.keep_plain();
  for (const auto& [mutation, number] : texts.numbers())
    if (taken.count(mutation) > 0 && leaving.count(mutation) == 0) mark_taken(number);
}

// Where an insert of this file's leaves the queue, what follows it was made of its text, and goes
// on over what the server made of that. False: none does.
bool RoundTexts::settle_made(const Record& record, const Leaving& leaving) {
  std::optional<QueuedMutation> insert;
  for (const QueuedMutation& mutation : store_.queue_of(record.first, record.second))
    if (mutation.operation == "insert" && leaving.count(mutation.id) > 0) insert = mutation;
  if (!insert) return false;
  const Store::BaseImage base = store_.base_image(record.first, record.second);
  RecordTexts texts(store_, record.first, record.second, insert->client_sequence,
                    members_of(insert->data), 0);
  if (texts.empty()) return true;
  if (!base.row) {
    texts.keep_plain();
    return true;
  }
  for (const std::string& field : texts.fields()) {
    TextSession& session = texts.session(field);
    const std::string text = text_of(json_find(*base.row, field));
    take_text(session, text, base.version.value_or(0), false, leaving);
    withdraw_others(session, leaving);
  }
  texts.keep();
  return true;
}

void RoundTexts::settle() {
  std::set<Record> records;
  for (const auto& [record, history] : histories_) records.insert(record);
  Statement rows(store_.database(),
                 "SELECT DISTINCT object,record_id FROM _mutations WHERE state='judged' AND "
                 "synced=2");
  while (rows.step())
    if (store_.merges_text(rows.text(0))) records.emplace(rows.text(0), rows.text(1));
  rows.reset();
  for (const Record& record : records) {
    const Leaving gone = leaving(record);
    if (settle_made(record, gone)) continue;
    const auto found = histories_.find(record);
    if (found != histories_.end()) {
      replay(record, found->second, gone);
      continue;
    }
    const Store::BaseImage base = store_.base_image(record.first, record.second);
    replay(record, {base.row, base.version.value_or(0), {}}, gone);
  }
  histories_.clear();
}

}  // namespace objectos
