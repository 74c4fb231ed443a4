// AFTER … FOR EACH STATEMENT: writes what a statement changed to the log, in batches.
//
// The old and the new transition table of an UPDATE are filled by the same call, so their n-th rows
// belong together; a pair whose key differs is a delete and an insert.
#include <memory>
#include <string>
#include <vector>

#include "pg_ext/catalog.h"
#include "pg_ext/identity.h"
#include "pg_ext/json_form.h"
#include "pg_ext/log_writer.h"
#include "pg_ext/push_origin.h"
#include "protocol/json.h"

#include "pg_ext/pg.h"

using namespace objectos::server;

namespace {

constexpr std::size_t rows_per_batch = 1000;

// One transition table, read forward.
class TransitionReader {
 public:
  TransitionReader(Tuplestorestate* store, TupleDesc shape) : store_(store) {
    slot_ = pg_call([&] {
      tuplestore_select_read_pointer(store, tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND));
      tuplestore_rescan(store);
      return MakeSingleTupleTableSlot(shape, &TTSOpsMinimalTuple);
    });
  }
  // Deforms the next row; values live until the one after.
  bool next() {
    return pg_call([&] {
      if (!tuplestore_gettupleslot(store_, true, false, slot_)) return false;
      slot_getallattrs(slot_);
      return true;
    });
  }
  void close() {
    pg_call([&] { ExecDropSingleTupleTableSlot(slot_); });
  }
  Datum value(int attnum) const { return slot_->tts_values[attnum - 1]; }
  bool is_null(int attnum) const { return slot_->tts_isnull[attnum - 1]; }

 private:
  Tuplestorestate* store_;
  TupleTableSlot* slot_;
};

class Capture {
 public:
  Capture(Oid relid, const ObjectInfo& object)
      : object_(object), user_id_(current_user_id()), scope_(current_push_scope()) {
    direct_ = scope_ != nullptr && push_is_direct(*scope_, relid);
    for (const ColumnInfo& column : object.columns) all_.push_back(&column);
    for (const std::size_t index : object.key) key_.push_back(&object.columns[index]);
  }

  void inserted(const TransitionReader& row) {
    LogEntry& entry = add("insert", record_id(row), row);
    entry.data = form(row, all_);
    tag(entry, row, true);
  }

  void deleted(const TransitionReader& row) {
    LogEntry& entry = add("delete", record_id(row), row);
    entry.original = form(row, all_);
    tag(entry, row, false);
  }

  void updated(const TransitionReader& before, const TransitionReader& after) {
    std::string old_id = record_id(before);
    std::string new_id = record_id(after);
    if (old_id != new_id) {
      deleted(before);
      inserted(after);
      return;
    }
    const auto columns = changed_columns(before, after);
    if (columns.empty()) return;
    LogEntry& entry = add("update", std::move(new_id), after);
    entry.data = form(after, columns);
    entry.original = form(before, columns);
    tag(entry, after, false);
  }

  void truncated(std::int64_t version) {
    LogEntry& entry = entries_.emplace_back();
    describe(entry, "truncate", "");
    entry.version = version;
    tags_.push_back(no_tag);
  }

  void flush_if_full() {
    if (entries_.size() >= rows_per_batch) flush();
  }

  void flush() {
    const std::vector<std::int64_t> sequences = write_log(entries_);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (tags_[i] == no_tag) continue;
      PushedMutation& mutation = scope_->mutations[tags_[i]];
      mutation.captured = true;
      mutation.sequence = sequences[i];
      mutation.version = entries_[i].version.value_or(0);
      mutation.exact = entries_[i].exact;
    }
    entries_.clear();
    tags_.clear();
  }

 private:
  static constexpr std::size_t no_tag = static_cast<std::size_t>(-1);

  void describe(LogEntry& entry, const char* operation, std::string record) {
    entry.user_id = user_id_;
    entry.object = object_.object;
    entry.record_id = std::move(record);
    entry.operation = operation;
    if (scope_ == nullptr) return;
    entry.client_id = scope_->client_id;
    entry.device = scope_->device;
    if (scope_->user_id) entry.user_id = *scope_->user_id;
  }

  LogEntry& add(const char* operation, std::string record, const TransitionReader& row) {
    LogEntry& entry = entries_.emplace_back();
    describe(entry, operation, std::move(record));
    entry.version = static_cast<std::int64_t>(row.value(object_.version_attnum));
    return entry;
  }

  // Whether the entry is the pushed mutation itself, and whether the row is as its client sent it.
  void tag(LogEntry& entry, const TransitionReader& row, bool whole) {
    tags_.push_back(no_tag);
    if (!direct_) return;
    const auto found = scope_->by_record.find(entry.record_id);
    if (found == scope_->by_record.end()) return;
    const PushedMutation& mutation = scope_->mutations[found->second];
    entry.mutation_id = mutation.mutation_id;
    entry.client_sequence = mutation.client_sequence;
    entry.exact = mutation.operation == entry.operation &&
                  (mutation.operation == "delete" || as_sent(mutation, entry, row, whole));
    tags_.back() = found->second;
  }

  // Every field that was sent holds what was sent, and nothing else changed.
  bool as_sent(const PushedMutation& mutation, const LogEntry& entry, const TransitionReader& row,
               bool whole) const {
    const objectos::Json sent = objectos::parse_json(mutation.sent);
    const objectos::Json logged = objectos::parse_json(entry.data);
    for (const objectos::JsonMember& member : logged.members())
      if (sent.find(member.name) == nullptr && !(whole && member.value.is_null())) return false;
    for (const objectos::JsonMember& member : sent.members()) {
      const ColumnInfo* column = object_.column(member.name);
      if (column == nullptr) return false;
      std::string value;
      append_json_form(value, column->type, row.value(column->attnum), row.is_null(column->attnum));
      if (value != objectos::write_json(member.value)) return false;
    }
    return true;
  }

  std::string record_id(const TransitionReader& row) {
    collect(row, key_);
    return record_id_of(key_, values_.data());
  }

  std::string form(const TransitionReader& row, const std::vector<const ColumnInfo*>& columns) {
    collect(row, columns);
    std::string out;
    append_row_form(out, columns, values_.data(), nulls_.get());
    return out;
  }

  void collect(const TransitionReader& row, const std::vector<const ColumnInfo*>& columns) {
    if (nulls_size_ < columns.size()) {
      nulls_ = std::make_unique<bool[]>(columns.size());
      nulls_size_ = columns.size();
    }
    values_.resize(columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      values_[i] = row.value(columns[i]->attnum);
      nulls_[i] = row.is_null(columns[i]->attnum);
    }
  }

  std::vector<const ColumnInfo*> changed_columns(const TransitionReader& before,
                                                 const TransitionReader& after) const {
    std::vector<const ColumnInfo*> changed;
    for (const ColumnInfo* column : all_) {
      const int at = column->attnum;
      if (before.is_null(at) != after.is_null(at)) {
        changed.push_back(column);
      } else if (!before.is_null(at)) {
        const bool equal = pg_call([&] {
          return datum_image_eq(before.value(at), after.value(at), column->by_value,
                                column->length);
        });
        if (!equal) changed.push_back(column);
      }
    }
    return changed;
  }

  const ObjectInfo& object_;
  std::string user_id_;
  PushScope* scope_;
  bool direct_ = false;
  std::vector<const ColumnInfo*> all_, key_;
  std::vector<LogEntry> entries_;
  std::vector<std::size_t> tags_;  // per entry: index of the pushed mutation it is
  std::vector<Datum> values_;
  std::unique_ptr<bool[]> nulls_;
  std::size_t nulls_size_ = 0;
};

void capture_update(Capture& capture, TriggerData* trigger, TupleDesc shape) {
  TransitionReader before(trigger->tg_oldtable, shape);
  TransitionReader after(trigger->tg_newtable, shape);
  while (before.next() && after.next()) {
    capture.updated(before, after);
    capture.flush_if_full();
  }
  before.close();
  after.close();
}

void capture_rows(Capture& capture, Tuplestorestate* table, TupleDesc shape, bool inserts) {
  TransitionReader row(table, shape);
  while (row.next()) {
    if (inserts)
      capture.inserted(row);
    else
      capture.deleted(row);
    capture.flush_if_full();
  }
  row.close();
}

}  // namespace

OBJECTOS_FUNCTION(capture) {
  auto* trigger = reinterpret_cast<TriggerData*>(call->context);
  if (!CALLED_AS_TRIGGER(call) || TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
    throw SyncError("39P01", "objectos_sync.capture() is an AFTER statement trigger");
  const Relation table = trigger->tg_relation;
  const Oid relid = RelationGetRelid(table);
  inject_fault("capture");
  const auto object = object_by_relid(relid);
  if (!object)
    throw objectos::ProtocolError(
        objectos::ErrorCode::unknown_object, "the table is not enabled for sync",
        RelationGetRelationName(table), "Call sync_enable, or drop the trigger.");
  Capture capture(relid, *object);
  as_pinned([&] {
    const TupleDesc shape = RelationGetDescr(table);
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
      const Oid sequence = internal_relation("version_seq");
      capture.truncated(pg_call([&] { return nextval_internal(sequence, false); }));
    } else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event)) {
      capture_update(capture, trigger, shape);
    } else if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event)) {
      capture_rows(capture, trigger->tg_newtable, shape, true);
    } else {
      capture_rows(capture, trigger->tg_oldtable, shape, false);
    }
    capture.flush();
  });
  return 0;  // a trigger's null pointer, not an SQL NULL
}
