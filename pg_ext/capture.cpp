// AFTER triggers that write the log. INSERT, UPDATE and DELETE are captured per statement from the
// transition tables; TRUNCATE is one row. OLD and NEW rows of an update are paired by position (the
// executor fills both tables by one call); a changed key is a delete and an insert.
#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

#include "pg_ext/catalog.h"
#include "pg_ext/conflict_watch.h"
#include "pg_ext/identity.h"
#include "pg_ext/json_form.h"
#include "pg_ext/jsonb_form.h"
#include "pg_ext/log_seal.h"
#include "pg_ext/log_writer.h"
#include "pg_ext/push_origin.h"
#include "pg_ext/shape.h"
#include "pg_ext/text_capture.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// One transition table, read from its beginning.
class TransitionReader {
 public:
  TransitionReader(Relation relation, Tuplestorestate* store) : store_(store) {
    if (store_ == nullptr) return;
    pg_call([&] {
      slot_ = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsMinimalTuple);
      pointer_ = tuplestore_alloc_read_pointer(store_, EXEC_FLAG_REWIND);
      tuplestore_select_read_pointer(store_, pointer_);
      tuplestore_rescan(store_);
    });
  }
  bool present() const noexcept { return store_ != nullptr; }
  std::int64_t count() const { return tuplestore_tuple_count(store_); }
  bool next() {
    return pg_call([&] {
      tuplestore_select_read_pointer(store_, pointer_);
      if (!tuplestore_gettupleslot(store_, true, false, slot_)) return false;
      slot_getallattrs(slot_);
      return true;
    });
  }
  const ::Datum* values() const noexcept { return slot_->tts_values; }
  const bool* nulls() const noexcept { return slot_->tts_isnull; }
  void close() {
    if (store_ == nullptr) return;
    pg_call([&] { ExecDropSingleTupleTableSlot(slot_); });
    store_ = nullptr;
  }

 private:
  Tuplestorestate* store_;
  TupleTableSlot* slot_ = nullptr;
  int pointer_ = 0;
};

std::vector<const ColumnInfo*> pointers_to(const std::vector<ColumnInfo>& columns) {
  std::vector<const ColumnInfo*> pointers;
  for (const ColumnInfo& column : columns) pointers.push_back(&column);
  return pointers;
}

class Capture {
 public:
  explicit Capture(const ObjectInfo& object)
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

  void insert(const TransitionReader& after, bool replaces = false);
  void update(const TransitionReader& before, const TransitionReader& after);
  void remove(const TransitionReader& before);
  void truncate(std::int64_t version);
  void expect(std::int64_t rows) { log_.expect(rows); }
  void finish() {
    log_.finish();
    texts_.finish();
    watch_.finish(user_);
  }
  std::string record_id(const TransitionReader& row);

 private:
  std::int64_t version(const TransitionReader& row) const;
  Datum row_json(const TransitionReader& row, const std::vector<std::string>* forms = nullptr);
  Datum forms_json(const std::vector<std::string>& forms);
  bool same(std::size_t column, const TransitionReader& before,
            const TransitionReader& after) const;
  PushedMutation* pushed(const std::string& record_id) const;
  bool stored_as_sent(const PushedMutation& mutation, const TransitionReader& row,
                      bool others_null) const;
  using Texts = std::vector<std::optional<std::string>>;  // by column that merges text
  Texts texts_of(const TransitionReader& row) const;
  void note_texts(const TransitionReader& before, const TransitionReader& after,
                  PushedMutation* mutation);
  void write_links(PushedMutation& mutation, const std::string& record_id);
  void write(LogRow& row, const std::string& record_id, std::int64_t version,
             const TransitionReader* after);
  std::string seal(std::int64_t client_sequence, const LogRow& row) const;
  void tell_watch(const std::string& record_id, const PushedMutation* mutation,
                  const TransitionReader* after);

  const ObjectInfo& object_;
  const std::vector<const ColumnInfo*> columns_;
  std::vector<const ColumnInfo*> key_;
  std::vector<std::size_t> order_;  // of columns_ in a jsonb
  std::vector<char> wanted_;        // by column: in the row_json() built next
  std::vector<Datum> key_values_;
  PushScope* scope_;
  bool direct_ = false;
  std::string user_;
  LogWriter log_;
  ConflictWatch watch_;
  TextCapture texts_;
};

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

// A row that moved to another partition whose BEFORE INSERT trigger refused it is in the old table
// only, so places say nothing: new rows are logged whole, and what has no new row as deleted.
void capture_unpaired(Capture& capture, TransitionReader& before, TransitionReader& after) {
  std::unordered_set<std::string> stayed;
  while (after.next()) {
    stayed.insert(capture.record_id(after));
    capture.insert(after, true);
  }
  while (before.next()) {
    if (stayed.count(capture.record_id(before)) == 0) capture.remove(before);
  }
}

void capture_rows(Capture& capture, TransitionReader& before, TransitionReader& after) {
  capture.expect(after.present() ? after.count() : before.count());
  if (before.present() && after.present() && before.count() != after.count()) {
    capture_unpaired(capture, before, after);
    return;
  }
  for (std::uint64_t count = 1;; ++count) {
    const bool old_row = before.present() && before.next();
    const bool new_row = after.present() && after.next();
    if (!old_row && !new_row) return;
    if (before.present() && after.present() && old_row != new_row)
      throw SyncError("OS000", "the transition tables of an update differ in length");
    if (old_row && new_row)
      capture.update(before, after);
    else if (new_row)
      capture.insert(after);
    else
      capture.remove(before);
    if (count % 1000 == 0) check_interrupts();
  }
}

// Whoever may create triggers on the table may name our function with other transition tables.
void require_transition_tables(const TriggerData* trigger) {
  const bool before = trigger->tg_oldtable != nullptr, after = trigger->tg_newtable != nullptr;
  const TriggerEvent event = trigger->tg_event;
  if (before == !TRIGGER_FIRED_BY_INSERT(event) && after == !TRIGGER_FIRED_BY_DELETE(event)) return;
  throw SyncError("39P01", "objectos_sync.capture() needs the transition tables of its event",
                  std::string("Trigger ") + trigger->tg_trigger->tgname + ".",
                  "Drop the trigger: sync_enable() makes all that are needed.");
}

void capture_statement(Capture& capture, const TriggerData* trigger) {
  require_transition_tables(trigger);
  TransitionReader before(trigger->tg_relation, trigger->tg_oldtable);
  TransitionReader after(trigger->tg_relation, trigger->tg_newtable);
  capture_rows(capture, before, after);
  before.close();
  after.close();
}

// Types whose form is built without output functions need no settings pinned.
bool is_direct(const ObjectInfo& object) {
  for (const ColumnInfo& column : object.columns)
    if (!has_direct_form(column.base_type)) return false;
  return true;
}

}  // namespace

namespace {

// One row as a transition table of it.
Tuplestorestate* table_of(HeapTuple row) {
  return pg_call([&] {
    Tuplestorestate* const store = tuplestore_begin_heap(false, false, work_mem);
    tuplestore_puttuple(store, row);
    return store;
  });
}

// A version that came with a row (logical replication, COPY of all columns) may lie ahead of the
// sequence: the record's next one must be higher all the same.
void keep_sequence_ahead(std::int64_t version) {
  const Oid sequence = internal_relation("version_seq");
  if (pg_call([&] { return nextval_internal(sequence, false); }) >= version) return;
  as_owner([&] {
    pg_call([&] {
      LockRelationOid(sequence, ShareUpdateExclusiveLock);
      if (nextval_internal(sequence, false) < version)
        DirectFunctionCall2(setval_oid, ObjectIdGetDatum(sequence), Int64GetDatum(version));
    });
  });
}

// What gets a key that was there is another record: edits of the old one's texts are none of its.
void forget_texts(const ObjectInfo& object) {
  as_owner([&] {
    with_spi([&](Spi& spi) {
      spi.execute(
          "UPDATE objectos_sync.shapes SET texts_from = nextval('objectos_sync.version_seq')"
          " WHERE relid = $1::oid",
          {Param::int8(object.root)});
    });
  });
}

ObjectInfo object_of(const TriggerData* trigger) {
  auto object = object_by_relid(trigger->tg_relation->rd_id);
  if (object) return std::move(*object);
  throw objectos::ProtocolError(
      objectos::ErrorCode::unknown_object, "the table is not enabled for sync",
      RelationGetRelationName(trigger->tg_relation), "Call sync_enable, or drop the trigger.");
}

}  // namespace

// Fires in the role replica only, where statement triggers do not.
OBJECTOS_FUNCTION(capture_row) {
  const auto* const trigger = reinterpret_cast<const TriggerData*>(call->context);
  if (!CALLED_AS_TRIGGER(call) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
      !TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
    throw SyncError("39P01", "objectos_sync.capture_row() is an AFTER row trigger");
  if (SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA) return 0;  // ENABLE TRIGGER ALL
  const ObjectInfo object = object_of(trigger);
  const bool inserted = TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
  const bool updated = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
  Tuplestorestate* const before = inserted ? nullptr : table_of(trigger->tg_trigtuple);
  Tuplestorestate* const after = updated    ? table_of(trigger->tg_newtuple)
                                 : inserted ? table_of(trigger->tg_trigtuple)
                                            : nullptr;
  Capture capture(object);
  TransitionReader old_row(trigger->tg_relation, before), new_row(trigger->tg_relation, after);
  as_pinned([&] { capture_rows(capture, old_row, new_row); });
  old_row.close();
  new_row.close();
  capture.finish();
  if (inserted) {
    const AttrNumber attnum = object.version_attnum;
    keep_sequence_ahead(pg_call([&] {
      bool is_null = false;
      return DatumGetInt64(heap_getattr(trigger->tg_trigtuple, attnum,
                                        RelationGetDescr(trigger->tg_relation), &is_null));
    }));
  }
  pg_call([&] {
    if (before != nullptr) tuplestore_end(before);
    if (after != nullptr) tuplestore_end(after);
  });
  return 0;
}

OBJECTOS_FUNCTION(capture) {
  const auto* const trigger = reinterpret_cast<const TriggerData*>(call->context);
  if (!CALLED_AS_TRIGGER(call) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
      !TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event))
    throw SyncError("39P01", "objectos_sync.capture() is an AFTER statement trigger");
  inject_fault("capture");
  const ObjectInfo object = object_of(trigger);
  // A truncated partition took some records away: everybody reads the object again. One TRUNCATE of
  // the whole table fires the triggers of the partitions, too.
  if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) && object.relid != object.root) {
    with_spi([&](Spi& spi) { reshape(spi, object.root); });
    return 0;
  }
  Capture capture(object);
  if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
    const Oid sequence = internal_relation("version_seq");
    capture.truncate(pg_call([&] { return nextval_internal(sequence, false); }));
    if (object.has_texts) forget_texts(object);
  } else if (is_direct(object)) {
    capture_statement(capture, trigger);
  } else {
    as_pinned([&] { capture_statement(capture, trigger); });
  }
  capture.finish();
  return 0;  // a trigger's null pointer, not an SQL NULL
}

}  // namespace objectos::server
