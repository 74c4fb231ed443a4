#include "pg_ext/row_capture.h"

#include <algorithm>

#include "pg_ext/identity.h"
#include "pg_ext/json_form.h"
#include "pg_ext/jsonb_form.h"
#include "pg_ext/log_seal.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

std::vector<const ColumnInfo*> pointers_to(const std::vector<ColumnInfo>& columns) {
  std::vector<const ColumnInfo*> pointers;
  for (const ColumnInfo& column : columns) pointers.push_back(&column);
  return pointers;
}
}  // namespace

TransitionReader::TransitionReader(RelationData* relation, Tuplestorestate* store) : store_(store) {
  if (store_ == nullptr) return;
  pg_call([&] {
    slot_ = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsMinimalTuple);
    pointer_ = tuplestore_alloc_read_pointer(store_, EXEC_FLAG_REWIND);
    tuplestore_select_read_pointer(store_, pointer_);
    tuplestore_rescan(store_);
  });
}

std::int64_t TransitionReader::count() const {
  return tuplestore_tuple_count(store_);
}

bool TransitionReader::next() {
  return pg_call([&] {
    tuplestore_select_read_pointer(store_, pointer_);
    if (!tuplestore_gettupleslot(store_, true, false, slot_)) return false;
    slot_getallattrs(slot_);
    return true;
  });
}

const Datum* TransitionReader::values() const noexcept {
  return slot_->tts_values;
}

const bool* TransitionReader::nulls() const noexcept {
  return slot_->tts_isnull;
}

void TransitionReader::close() {
  if (store_ == nullptr) return;
  pg_call([&] { ExecDropSingleTupleTableSlot(slot_); });
  store_ = nullptr;
}

Capture::Capture(const ObjectInfo& object)
    : object_(object),
      columns_(pointers_to(object.columns)),
      wanted_(object.columns.size(), 1),
      key_values_(object.key.size()),
      scope_(current_push_scope()),
      watch_(object),
      texts_(object, columns_) {
  for (const std::size_t index : object.key) key_.push_back(&object.columns[index]);
  order_ = jsonb_key_order(columns_);
  direct_ = scope_ != nullptr && push_is_direct(*scope_, object.relid);
  user_ = scope_ != nullptr && scope_->user_id ? *scope_->user_id : current_user_id();
}

std::string Capture::record_id(const TransitionReader& row) {
  for (std::size_t i = 0; i < key_.size(); ++i) key_values_[i] = row.values()[key_[i]->attnum - 1];
  return record_id_of(key_, key_values_.data());
}

std::int64_t Capture::version(const TransitionReader& row) const {
  return DatumGetInt64(row.values()[object_.version_attnum - 1]);
}

// An object of those columns that are wanted and have a form of their own.
Datum Capture::forms_json(const std::vector<std::string>& forms) {
  static const std::vector<Datum> no_values(MaxHeapAttributeNumber, 0);
  static const std::vector<char> no_nulls(MaxHeapAttributeNumber, 1);
  const auto before = MemoryContextSwitchTo(static_cast<MemoryContext>(log_.row_context()));
  const Datum json = jsonb_row(columns_, order_, wanted_, no_values.data(),
                               reinterpret_cast<const bool*>(no_nulls.data()), &forms);
  MemoryContextSwitchTo(before);
  return json;
}

Datum Capture::row_json(const TransitionReader& row, const std::vector<std::string>* forms) {
  const auto before = MemoryContextSwitchTo(static_cast<MemoryContext>(log_.row_context()));
  const Datum json = jsonb_row(columns_, order_, wanted_, row.values(), row.nulls(), forms);
  MemoryContextSwitchTo(before);
  return json;
}

bool Capture::same(std::size_t column, const TransitionReader& before,
                   const TransitionReader& after) const {
  const int at = columns_[column]->attnum - 1;
  if (before.nulls()[at] || after.nulls()[at]) return before.nulls()[at] && after.nulls()[at];
  const ::Datum one = before.values()[at], other = after.values()[at];
  if (columns_[column]->by_value) return one == other;
  const int length = columns_[column]->length;
  return pg_call([&] { return datum_image_eq(one, other, false, length); });
}

PushedMutation* Capture::pushed(const std::string& record_id) const {
  if (!direct_) return nullptr;
  const auto found = scope_->by_record.find(record_id);
  if (found == scope_->by_record.end()) return nullptr;
  PushedMutation& mutation = scope_->mutations[found->second];
  return mutation.captured ? nullptr : &mutation;
}

// Does the row hold exactly what the client sent, and did nothing else change? wanted_ says what
// did.
bool Capture::stored_as_sent(const PushedMutation& mutation, const TransitionReader& row,
                             bool others_null) const {
  std::string form;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const ColumnInfo& column = *columns_[i];
    // An edit of a text always comes back as a step.
    if (column.merges_text && wanted_[i] != 0 && !others_null) return false;
    const int at = column.attnum - 1;
    const auto value = mutation.sent->find(column.name);
    if (value == mutation.sent->end()) {
      const bool changed = others_null ? !row.nulls()[at] && !column.in_key : wanted_[i] != 0;
      if (changed) return false;
      continue;
    }
    form.clear();
    append_json_form(form, column.type, row.values()[at], row.nulls()[at]);
    if (value->second != form) return false;
  }
  return true;
}

void Capture::write(LogRow& row, const std::string& record_id, std::int64_t version,
                    const TransitionReader* after) {
  PushedMutation* const mutation = pushed(record_id);
  row.object = object_.object;
  row.record_id = record_id;
  row.user_id = &user_;
  row.version = &version;
  if (scope_ != nullptr) row.client_id = &scope_->client_id;
  if (scope_ != nullptr && scope_->device) row.device = &*scope_->device;
  if (mutation != nullptr) {
    row.id = mutation->mutation_id;
    if (mutation->client_sequence) row.client_sequence = &*mutation->client_sequence;
    row.exact =
        mutation->operation == row.operation &&
        (after == nullptr || stored_as_sent(*mutation, *after, mutation->operation == "insert"));
  }
  if (mutation != nullptr && scope_->seal != nullptr)
    mutation->seal = seal(mutation->client_sequence.value_or(0), row);
  const std::int64_t sequence = log_.add(row);
  if (texts_.has_texts())
    texts_.keep(object_.object, record_id, version, sequence,
                mutation != nullptr ? &mutation->mutation_id : nullptr,
                scope_ != nullptr ? scope_->client_id : std::string());
  if (watch_.watches(record_id)) tell_watch(record_id, mutation, after);
  if (mutation == nullptr) return;
  mutation->captured = true;
  mutation->sequence = sequence;
  mutation->version = version;
  mutation->exact = row.exact;
}

std::string Capture::seal(std::int64_t client_sequence, const LogRow& row) const {
  SealedRow sealed;
  sealed.mutation_id = row.id;
  sealed.client_id = *row.client_id;
  sealed.client_sequence = client_sequence;
  sealed.user_id = *row.user_id;
  sealed.object = row.object;
  sealed.record_id = row.record_id;
  sealed.operation = row.operation;
  sealed.version = *row.version;
  sealed.exact = row.exact;
  sealed.data = row.data;
  sealed.original = row.original;
  return seal_of(*scope_->seal, sealed);
}

void Capture::tell_watch(const std::string& record_id, const PushedMutation* mutation,
                         const TransitionReader* after) {
  if (after == nullptr) {
    watch_.deleted(record_id);
    return;
  }
  std::vector<std::string> sent;
  if (mutation != nullptr) {
    for (const auto& [name, value] : *mutation->sent) sent.push_back(name);
  }
  watch_.written(record_id, after->values(), after->nulls(), mutation != nullptr ? &sent : nullptr,
                 mutation != nullptr ? std::string_view(scope_->client_id) : std::string_view());
}

Capture::Texts Capture::texts_of(const TransitionReader& row) const {
  Texts texts;
  const auto outer = MemoryContextSwitchTo(static_cast<MemoryContext>(log_.row_context()));
  for (const std::size_t column : texts_.texts()) {
    const int at = columns_[column]->attnum - 1;
    const bool none = wanted_[column] == 0 || row.nulls()[at];
    texts.push_back(none ? std::nullopt : std::optional(text_value(row.values()[at])));
  }
  MemoryContextSwitchTo(outer);
  return texts;
}

// Of changed texts the log holds operations.
void Capture::note_texts(const TransitionReader& old_row, const TransitionReader& after,
                         PushedMutation* mutation) {
  const Texts before = texts_of(old_row), now = texts_of(after);
  for (std::size_t i = 0; i < now.size(); ++i) {
    const std::size_t column = texts_.texts()[i];
    if (wanted_[column] == 0) continue;
    wanted_[column] = !texts_.left_alone(column, now[i], mutation);
    if (wanted_[column] != 0) texts_.change(column, before[i], now[i], mutation);
  }
}

// Edits of texts that came before the mutation: each has its own row of the log.
void Capture::write_links(PushedMutation& mutation, const std::string& record_id) {
  const std::vector<char> wanted = wanted_;
  for (PushedLink& link : mutation.links) {
    log_.make_room();
    std::fill(wanted_.begin(), wanted_.end(), char{0});
    for (const std::size_t column : texts_.texts()) {
      const auto edit = link.texts->find(columns_[column]->name);
      if (edit == link.texts->end() || edit->second.operation.changes_nothing()) continue;
      texts_.change(column, edit->second);
      wanted_[column] = 1;
    }
    LogRow row;
    row.id = link.mutation_id;
    row.client_id = &scope_->client_id;
    if (link.client_sequence) row.client_sequence = &*link.client_sequence;
    row.user_id = &user_;
    if (scope_->device) row.device = &*scope_->device;
    row.object = object_.object;
    row.record_id = record_id;
    row.operation = "update";
    row.version = &link.version;
    row.data = forms_json(*texts_.data());
    row.original = forms_json(*texts_.original());
    if (scope_->seal != nullptr) link.seal = seal(link.client_sequence.value_or(0), row);
    link.sequence = log_.add(row);
    texts_.keep(object_.object, record_id, link.version, link.sequence, &link.mutation_id,
                scope_->client_id);
  }
  wanted_ = wanted;
  // What they and the mutation did may come to nothing in the row; its operation counts all the
  // same.
  for (const std::size_t column : texts_.texts()) {
    if (mutation.texts->contains(columns_[column]->name)) wanted_[column] = 1;
  }
}

// `replaces`: the row was there before, as nobody knows.
void Capture::insert(const TransitionReader& after, bool replaces) {
  if (replaces) texts_.replace_all();
  log_.make_room();
  std::fill(wanted_.begin(), wanted_.end(), char{1});
  LogRow row;
  row.operation = "insert";
  row.data = row_json(after);
  write(row, record_id(after), version(after), &after);
}

void Capture::remove(const TransitionReader& before) {
  log_.make_room();
  std::fill(wanted_.begin(), wanted_.end(), char{1});
  LogRow row;
  row.operation = "delete";
  row.original = row_json(before);
  write(row, record_id(before), version(before), nullptr);
}

void Capture::update(const TransitionReader& before, const TransitionReader& after) {
  bool changed = false, key_changed = false;
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    wanted_[i] = !same(i, before, after);
    changed |= wanted_[i] != 0;
    key_changed |= wanted_[i] != 0 && columns_[i]->in_key;
  }
  if (key_changed) {
    remove(before);
    insert(after);
    return;
  }
  if (!changed && version(before) == version(after)) return;
  log_.make_room();
  const std::string id = record_id(after);
  if (texts_.has_texts()) {
    PushedMutation* const mutation = pushed(id);
    if (mutation != nullptr && !mutation->links.empty()) write_links(*mutation, id);
    log_.make_room();
    note_texts(before, after, mutation);
  }
  LogRow row;
  row.operation = "update";
  row.data = row_json(after, texts_.data());
  row.original = row_json(before, texts_.original());
  write(row, id, version(after), &after);
}

void Capture::truncate(std::int64_t version) {
  log_.make_room();
  LogRow row;
  row.operation = "truncate";
  row.object = object_.object;
  row.user_id = &user_;
  if (scope_ != nullptr) row.client_id = &scope_->client_id;
  row.version = &version;
  log_.add(row);
  watch_.truncated();
}

}  // namespace objectos::server
