// Edits of a text that the app gives as operations: they are queued as they are, no difference of
// two texts is made of them.
#include "protocol/operational_transform.h"
#include "protocol/timestamp.h"
#include "queue_sql.h"
#include "store.h"
#include "text_edits.h"
#include "undo_history.h"

namespace objectos {

namespace {

// What is typed within so long is one mutation.
constexpr int64_t burst_ms = 1'000;

void set_text(RowWriter& table, const std::string& record_id, const std::string& field,
              const std::string& text) {
  const RawMembers row = {{field, json_string(text)}};
  table.edit(record_id, JsonSlices(row).slices());
}

TextOperation of_present(const TextWrite& wanted, const std::string& present) {
  if (!wanted.seen || *wanted.seen == present) return wanted.operation;
  ot::apply(*wanted.seen, wanted.operation);  // it must fit the text that it was made of
  return ot::transform(wanted.operation, ot::diff(*wanted.seen, present), ot::Side::right);
}

}  // namespace

// The newest mutation of the queue, if the edit may join it: what is typed in one go.
std::optional<QueuedMutation> Store::open_burst(const std::string& object,
                                                const std::string& record_id,
                                                const std::string& field, int64_t now_ms) const {
  for (const AppTrigger& trigger : app_triggers())
    if (trigger.object == object) return std::nullopt;  // each edit fires it
  std::optional<QueuedMutation> last = queued_number(last_number());
  if (!last || last->state != "pending" || last->operation != "update" || !last->group.empty() ||
      !last->undo_of.empty() || last->object != object || last->record_id != record_id)
    return std::nullopt;
  const RawMembers data = members_of(last->data);
  if (data.size() != 1 || data[0].first != field || !is_text_edit_form(data[0].second))
    return std::nullopt;
  const auto written_us = parse_timestamp(last->timestamp);
  if (!written_us || now_ms - *written_us / 1000 >= burst_ms || now_ms < *written_us / 1000)
    return std::nullopt;
  return last;
}

void Store::join_burst(const QueuedMutation& last, const std::string& field,
                       const TextOperation& operation) {
  QueuedTextEdit edit = read_text_edit(members_of(last.data)[0].second);
  edit = {ot::compose(edit.operation, operation), false};
  const std::string data = json_object({{field, text_edit_form(edit)}});
  note_history(database_);
  Statement write(database_, queue_sql::rewrite_values);
  write.bind(1, std::string_view(data)).bind_null(2).bind(3, last.client_sequence).run();
  Statement remember(database_, "UPDATE _history SET data=? WHERE mutation_id=?");
  remember.bind(1, std::string_view(data)).bind(2, std::string_view(last.id)).run();
}

TextWritten Store::edit_text(const TextWrite& wanted, const std::function<void()>& begun) {
  WriteTransaction transaction(database_);
  follow_schema();
  if (!knows(wanted.object) || !writer(wanted.object).object().is_text(wanted.field))
    throw StoreError(StoreErrorKind::no_text, wanted.object + " has no text field " + wanted.field);
  RowWriter& table = writer(wanted.object);
  TextWritten written;
  std::optional<int64_t> version;
  const std::optional<std::string> row = table.read(wanted.record_id, &version);
  if (!row)
    throw StoreError(StoreErrorKind::record_missing,
                     wanted.object + " " + wanted.record_id + " is not there", {},
                     "Insert the record first.");
  const RawMembers before = json_members(*row);
  const std::string present = text_of(json_find(before, wanted.field));
  const TextOperation operation = of_present(wanted, present);
  written.text = ot::apply(present, operation);
  if (wanted.made) wanted.made(operation, written.text);
  if (begun) begun();
  const auto last = open_burst(wanted.object, wanted.record_id, wanted.field, wanted.now_ms);
  if (last) {
    Applying applying(*this);
    set_text(table, wanted.record_id, wanted.field, written.text);
    join_burst(*last, wanted.field, operation);
    rebase(wanted.object, wanted.record_id);
    applying.done();
    written.change = {wanted.object,
                      wanted.record_id,
                      "update",
                      *row,
                      row_json(wanted.object, wanted.record_id).value_or(""),
                      version};
  } else {
    follow_indexes();
    const int64_t newest = last_number();
    try {
      set_text(table, wanted.record_id, wanted.field, written.text);
    } catch (const StoreError& error) {
      if (error.kind != StoreErrorKind::internal) throw;
      throw StoreError(StoreErrorKind::statement, error.what(), error.detail);
    }
    // As the trigger has queued it, but exactly; an app's trigger may have queued more.
    Statement queued(database_,
                     "UPDATE _mutations SET data=?1,original=NULL WHERE client_sequence=(SELECT "
                     "min(client_sequence) FROM _mutations WHERE client_sequence>?2 AND object=?3 "
                     "AND record_id=?4) AND data=?5");
    const std::string plain = json_object({{wanted.field, json_string(written.text)}});
    const std::string exact = json_object({{wanted.field, text_edit_form({operation, false})}});
    queued.bind(1, std::string_view(exact)).bind(2, newest);
    queued.bind(3, std::string_view(wanted.object)).bind(4, std::string_view(wanted.record_id));
    queued.bind(5, std::string_view(plain)).run();
  }
  transaction.commit();
  return written;
}

std::optional<std::string> Store::text(const std::string& object, const std::string& record_id,
                                       const std::string& field) const {
  if (!knows(object) || !writer(object).object().is_text(field))
    throw StoreError(StoreErrorKind::no_text, object + " has no text field " + field);
  const std::optional<std::string> row = row_json(object, record_id);
  if (!row) return std::nullopt;
  const RawMembers members = json_members(*row);
  return text_of(json_find(members, field));
}

}  // namespace objectos
