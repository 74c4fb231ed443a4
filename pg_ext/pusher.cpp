#include "pg_ext/pusher.h"

#include <algorithm>

#include "pg_ext/boundary.h"
#include "pg_ext/change_history.h"
#include "pg_ext/client_registry.h"
#include "pg_ext/conflict_store.h"
#include "pg_ext/field_clock_store.h"
#include "pg_ext/json_form.h"
#include "pg_ext/mutation_values.h"
#include "pg_ext/rejection.h"
#include "pg_ext/verdict_store.h"
#include "protocol/sha256.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// Each attempt waits for deadlock_timeout, with the caller waiting.
constexpr int lock_attempts_max = 5;

std::int64_t now_us() {
  return pg_call([] {
    return static_cast<std::int64_t>(GetCurrentTimestamp()) +
           (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * INT64CONST(86400000000);
  });
}

std::int64_t highest_number(const std::vector<PushItem>& items) {
  std::int64_t highest = 0;
  for (const PushItem& item : items) {
    if (!item.verdict || is_pull_first(*item.verdict)) continue;  // a twin, or not judged
    highest = std::max(highest, item.entry->client_sequence.value_or(0));
  }
  return highest;
}

}  // namespace

std::vector<Verdict> Pusher::push(const std::vector<PushEntry>& entries,
                                  const PushSignatures& signatures) {
  for (const PushEntry& entry : entries) {
    if (!author_.device && entry.mutation) author_.device = entry.mutation->device;
    PushItem item;
    item.entry = &entry;
    item.fingerprint = sha256(entry.canonical);
    items_.push_back(std::move(item));
  }
  author_.seal = signatures.seal();
  const ClientState client = claim_client(author_.client_id, author_.device);
  if (client.signed_from) require_signatures_from(*client.signed_from, items_);
  answer_replays(author_.client_id, client, items_);
  inject_fault("push_claimed");
  prepare();
  load();
  form_groups();
  judge_all();
  open_conflicts(author_.client_id, opened_);
  store_clocks(author_.client_id, records_, clocks_);
  inject_fault("push_store");
  store_verdicts(author_.client_id, items_);
  store_signatures(author_.client_id, client, signatures, items_);
  inject_fault("push_stored");
  const std::int64_t highest = highest_number(items_);
  if (highest > client.high_water) raise_high_water(author_.client_id, highest);
  return answers();
}

Verdict Pusher::write_over(const PushEntry& entry) {
  PushItem item;
  item.entry = &entry;
  item.takes_present_as_base = true;
  items_.push_back(std::move(item));
  prepare();
  load();
  form_groups();
  judge_all();
  store_clocks(author_.client_id, records_, clocks_);
  return *items_.front().verdict;
}

const PushObject* Pusher::find_object(const std::string& name) {
  const auto known = objects_.find(name);
  if (known != objects_.end()) return known->second.get();
  std::unique_ptr<PushObject>& object = objects_[name];
  std::optional<ObjectInfo> info = object_by_name(name);
  if (!info || !info->visible) return nullptr;
  object = std::make_unique<PushObject>();
  object->info = std::move(*info);
  const ObjectInfo& found = object->info;
  object->rules =
      parse_object_rules(found.strategy, found.on_conflict, found.deletes, found.fields_json);
  object->uses_clocks = uses_clocks(object->rules);
  return object.get();
}

std::size_t Pusher::record_of(const PushObject& object, const std::string& record_id,
                              std::vector<std::string> key_texts) {
  const auto [found, added] =
      record_index_.emplace(std::make_pair(&object, record_id), records_.size());
  if (added) {
    RecordState record;
    record.object = &object;
    record.record_id = record_id;
    records_.push_back(std::move(record));
  }
  RecordState& record = records_[found->second];
  if (record.key_texts.empty()) record.key_texts = std::move(key_texts);
  return found->second;
}

// Values of the whole push in one subtransaction; if one is refused, each mutation in its own, so
// that the bad one shows.
void Pusher::prepare() {
  try {
    subtransaction([&] { as_pinned([&] { prepare_all(false); }); });
    return;
  } catch (PgError& error) {
    if (!rejects_its_group(error.sqlstate())) throw;
    error.discard();
  }
  as_pinned([&] { prepare_all(true); });
}

void Pusher::prepare_all(bool one_by_one) {
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (i % 1000 == 999) check_interrupts();
    prepare_item(i, one_by_one);
  }
}

void Pusher::prepare_item(std::size_t index, bool one_by_one) {
  PushItem& item = items_[index];
  const PushEntry& entry = *item.entry;
  if (item.verdict) {
    if (item.verdict->duplicate) note_judged(index);
    return;
  }
  if (!entry.mutation) {
    item.verdict = rejected(entry.id, *entry.error);
    return;
  }
  const PushObject* object = find_object(entry.mutation->object);
  if (object == nullptr) {
    item.verdict =
        rejected(entry.id, ProtocolError(ErrorCode::unknown_object,
                                         "there is no object " + entry.mutation->object,
                                         "Mutation " + entry.id + ".",
                                         "Enable it with sync_enable(), or grant SELECT on it."));
    return;
  }
  item.edit = Edit{};
  item.texts.clear();
  std::vector<std::string> key_texts;
  std::string field;
  const auto work = [&] {
    inject_fault("push_values");
    prepare_mutation(*object, *entry.mutation, now_us(), item, key_texts, field);
  };
  try {
    if (one_by_one) {
      subtransaction(work);
    } else {
      work();
    }
  } catch (const SyncError& error) {
    if (ends_the_push(error.sqlstate())) throw;
    item.verdict = rejected(entry.id, error, field);
  } catch (const ProtocolError& error) {
    item.verdict = rejected(entry.id, error);
  } catch (PgError& error) {
    if (!one_by_one || !rejects_its_group(error.sqlstate())) throw;
    item.verdict = rejected(entry.id, error);
    item.verdict->reason = "invalid_mutation";
    if (!field.empty()) item.verdict->detail.set("field", Json::string(field));
    error.discard();
  }
  if (item.verdict) {  // what builds on a refused insert is refused with it
    note_judged(index);
    return;
  }
  item.object = object;
  item.record = record_of(*object, entry.mutation->record_id, std::move(key_texts));
  RecordState& record = records_[item.record];
  ++record.mutations;
  if (!item.texts.empty()) record.text_edits.push_back(index);
  record.edited = item.edit.version;
  record.lock_wanted |= entry.mutation->operation == Operation::update;
  for (const auto& [name, value] : item.edit.data) wanted_[object].insert(name);
  for (const auto& [name, value] : item.edit.original) wanted_[object].insert(name);
}

// A replayed mutation is the earlier link of a chain, too; so is one whose values were refused.
void Pusher::note_judged(std::size_t index) {
  PushItem& item = items_[index];
  const PushEntry& entry = *item.entry;
  if (!entry.mutation) return;
  const PushObject* object = find_object(entry.mutation->object);
  if (object == nullptr) return;
  std::vector<std::string> key_texts;
  try {
    key_texts = key_input_texts(object->info, entry.mutation->record_id);
  } catch (const SyncError&) {
    return;
  } catch (const ProtocolError&) {
    return;
  }
  // A refused key may be no value of its type: without texts the record is not looked for.
  const bool refused = item.verdict->status == "rejected";
  if (refused) key_texts.clear();
  RecordState& record =
      records_[record_of(*object, entry.mutation->record_id, std::move(key_texts))];
  item.texts = text_edits_of(object->info, *entry.mutation);
  if (!item.texts.empty()) record.text_edits.push_back(index);
  if (refused) {
    record.chain.insert_rejected |= entry.mutation->operation == Operation::insert;
  } else if (item.verdict->version) {
    Chain& chain = record.chain;
    const bool begins = entry.mutation->operation == Operation::insert;
    const bool knows = entry.mutation->version || chain.linked;
    const bool unmoved = item.verdict->status == "applied" && knows;
    chain.met_others = !begins && (chain.met_others || !unmoved);
    if (!chain.linked || begins) chain.sent = entry.mutation->version;
    chain.linked = true;
    chain.after = *item.verdict->version;
  }
}

void Pusher::load() {
  if (records_.empty()) return;
  // Columns the caller may not read cannot be compared: their mutations are turned away.
  for (PushItem& item : items_) {
    if (item.verdict || item.edit.operation == Operation::insert) continue;
    for (const FieldValues* values : {&item.edit.data, &item.edit.original}) {
      for (const auto& [name, value] : *values) {
        const ColumnInfo* column = item.object->info.column(name);
        if (column->selectable || item.verdict) continue;
        item.verdict = rejected(item.entry->id, "not_authorized", "42501",
                                "permission denied for column " + name,
                                "SELECT on it is needed to see conflicts.", name);
      }
    }
  }
  for (auto& [object, names] : wanted_) {
    for (auto name = names.begin(); name != names.end();) {
      name = object->info.column(*name)->selectable ? std::next(name) : names.erase(name);
    }
  }
  load_rows();
  load_changes(records_, items_);
  load_clocks(author_.client_id, records_);
}

// Locks are taken in key order, so two pushes do not deadlock; other programs lock as they like.
// The loser's subtransaction gives back what it has locked, so the other one goes on, and this one
// starts again behind it. Later on, locks of the mutations themselves stand in the way: a deadlock
// then ends the push.
void Pusher::lock_records() {
  for (int attempt = 1;; ++attempt) {
    try {
      subtransaction([&] { load_records(records_, wanted_); });
      return;
    } catch (PgError& error) {
      if (error.sqlstate() != "40P01" || attempt == lock_attempts_max) throw;
      error.discard();
    }
    // The other one has to wake up first: a free row goes to whoever comes, not to who waits.
    pg_call([&] { pg_usleep(10'000L << attempt); });
    check_interrupts();
  }
}

// A policy that raises, or a missing right, turns away the mutations of its object only.
void Pusher::load_rows() {
  try {
    lock_records();
    return;
  } catch (PgError& error) {
    if (!rejects_its_group(error.sqlstate())) throw;
    error.discard();
  }
  for (const auto& [name, object] : objects_) {
    std::vector<std::size_t> places;
    std::vector<RecordState> part;
    for (std::size_t i = 0; i < records_.size(); ++i) {
      if (records_[i].object != object.get()) continue;
      places.push_back(i);
      part.push_back(records_[i]);
    }
    if (part.empty()) continue;
    try {
      subtransaction([&] { load_records(part, wanted_); });
      for (std::size_t i = 0; i < part.size(); ++i) records_[places[i]] = std::move(part[i]);
    } catch (PgError& error) {
      if (!rejects_its_group(error.sqlstate())) throw;
      for (PushItem& item : items_) {
        if (item.object != object.get() || item.verdict) continue;
        item.verdict = rejected(item.entry->id, error);
      }
      error.discard();
    }
  }
}

std::vector<Verdict> Pusher::answers() const {
  std::vector<Verdict> verdicts(items_.size());
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const PushItem& item = items_[i];
    if (!item.verdict) continue;  // a twin: answered with its first
    verdicts[i] = *item.verdict;
    for (std::size_t twin : item.twins) {
      verdicts[twin] = *item.verdict;
      verdicts[twin].duplicate = true;
    }
  }
  return verdicts;
}

}  // namespace objectos::server
