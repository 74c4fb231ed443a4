// The mutation queue: batches to push, verdicts, rejections, conflicts.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "../fault_point.h"
#include "claimed_versions.h"
#include "protocol/limits.h"
#include "queue_sql.h"
#include "store.h"
#include "text_edits.h"
#include "text_freezer.h"
#include "undo_history.h"

namespace objectos {

namespace {

// Id, names, times and the like, beside a mutation's values.
constexpr size_t kMessageRoom = 1024;
constexpr size_t kSparedBytes = size_t{1} << 20;

// Does the group of the mutation before go on here?
bool in_group(const std::vector<QueuedMutation>& batch, size_t at) {
  return !batch[at].group.empty() && batch[at].group == batch[at - 1].group;
}

void append_text(std::string& out, std::string_view key, std::string_view value) {
  out += key;
  append_json_string(out, value);
}

template <typename Wanted>
void append_fields(std::string& out, std::string_view key, const JsonSlices& fields,
                   const Wanted& wanted) {
  out += key;
  char before = '{';
  for (const JsonSlice& field : fields.slices()) {
    if (!wanted(field)) continue;
    out += before;
    append_json_string(out, field.name);
    out += ':';
    out += field.raw;
    before = ',';
  }
  out += before == '{' ? "{}" : "}";
}

}  // namespace

QueuedMutation Store::queued_at(const Statement& row) {
  return {row.text(1),  row.integer(0), row.text(2),
          row.text(3),  row.text(4),    row.text(5),
          row.text(6),  row.text(7),    row.integer_or_none(8),
          row.text(9),  row.text(10),   row.text(11),
          row.text(12), row.text(13)};
}

std::vector<QueuedMutation> Store::queued(Statement& rows) {
  std::vector<QueuedMutation> found;
  while (rows.step()) found.push_back(queued_at(rows));
  return found;
}

size_t Store::message_bytes(const QueuedMutation& mutation) {
  const size_t bytes = mutation.data.size() + mutation.original.size() + kMessageRoom;
  return bytes > kSparedBytes ? frozen_payload(mutation).size() : bytes;
}

std::vector<QueuedMutation> Store::queue() const {
  Statement rows(database_, std::string(queue_sql::columns) + "1 ORDER BY client_sequence");
  return queued(rows);
}

std::vector<QueuedMutation> Store::queue_of(const std::string& object,
                                            const std::string& record_id) const {
  Statement rows(database_, std::string(queue_sql::columns) + queue_sql::of_record);
  rows.bind(1, std::string_view(object)).bind(2, std::string_view(record_id));
  return queued(rows);
}

std::optional<QueuedMutation> Store::queued_number(int64_t client_sequence) const {
  Statement rows(database_, std::string(queue_sql::columns) + queue_sql::numbered);
  rows.bind(1, client_sequence);
  if (!rows.step()) return std::nullopt;
  return queued_at(rows);
}

StoreCounters Store::counters() const {
  Statement row(database_,
                "SELECT count(*) FILTER(WHERE state='pending'),count(*) FILTER(WHERE "
                "state='in_flight'),count(*) FILTER(WHERE state='judged'),(SELECT count(*) FROM "
                "_conflicts WHERE status='open'),(SELECT count(*) FROM _rejections),(SELECT "
                "coalesce(max(seq),0) FROM sqlite_sequence WHERE name='_mutations') FROM "
                "_mutations");
  row.step();
  return {row.integer(0), row.integer(1), row.integer(2),
          row.integer(3), row.integer(4), row.integer(5)};
}

std::string Store::oldest_pending(int64_t after, int64_t up_to) const {
  Statement row(database_, queue_sql::oldest_pending);
  row.bind(1, after).bind(2, up_to);
  return row.step() ? row.text(0) : "";
}

int64_t Store::confirmed() const {
  Statement row(database_, queue_sql::confirmed);
  row.step();
  return row.integer(0);
}

// As changed_fields() and json_object() would write it, straight from the queue's texts. What was
// there before is left out where it is long and would make the message too large: the claimed
// version says the same, and the server's log which fields have changed since.
std::string Store::frozen_payload(const QueuedMutation& mutation) {
  const bool update = mutation.operation == "update";
  JsonSlices data, original;
  if (!mutation.data.empty()) data.parse(mutation.data);
  if (!mutation.original.empty()) original.parse(mutation.original);
  const auto changed = [&](const JsonSlice& field) {
    if (!update) return true;
    const JsonSlice* const before = original.find(field.name);
    return before == nullptr || before->raw != field.raw;
  };
  const bool spare =
      mutation.version &&
      mutation.data.size() + mutation.original.size() + kMessageRoom > limits::request_bytes_max;
  std::string text;
  text.reserve(mutation.data.size() + (spare ? 0 : mutation.original.size()) + 256);
  append_text(text, "{\"id\":", mutation.id);
  append_text(text, ",\"object\":", mutation.object);
  append_text(text, ",\"record_id\":", mutation.record_id);
  append_text(text, ",\"operation\":", mutation.operation);
  if (mutation.operation != "delete") {
    append_fields(text, ",\"data\":", data, changed);
  }
  if (!mutation.original.empty()) {
    append_fields(text, ",\"original\":", original, [&](const JsonSlice& field) {
      if (spare && field.raw.size() > kSparedBytes) return false;
      const JsonSlice* const after = data.find(field.name);
      return !update || (after != nullptr && after->raw != field.raw);
    });
  }
  append_text(text, ",\"timestamp\":", mutation.timestamp);
  if (mutation.version) text += ",\"version\":" + std::to_string(*mutation.version);
  text += ",\"client_sequence\":" + std::to_string(mutation.client_sequence);
  if (!mutation.group.empty()) append_text(text, ",\"group\":", mutation.group);
  if (!mutation.undo_of.empty()) append_text(text, ",\"undo_of\":", mutation.undo_of);
  return text + "}";
}

namespace {

// One that edits texts alone, of the record whose text the one before it edits.
bool is_chain(const QueuedMutation& first, const QueuedMutation& then) {
  if (!may_fold(first, then) || then.operation != "update") return false;
  const RawMembers data = members_of(then.data);
  return std::all_of(data.begin(), data.end(),
                     [](const RawMember& field) { return is_text_edit_form(field.second); });
}

}  // namespace

// Reads no more than what is taken: a queue may hold more blobs than fit into memory.
std::vector<QueuedMutation> Store::pending_after(int64_t after, BatchLimits limits) {
  Statement rows(database_, std::string(queue_sql::columns) + queue_sql::pending);
  rows.bind(1, after);
  std::vector<QueuedMutation> found;
  size_t whole = 0, bytes = 0;  // up to where all groups are whole; of all that was read
  size_t chained = 0;           // edits of a text that go on from the one before: to be one
  while (rows.step()) {
    found.push_back(queued_at(rows));
    if (has_plain_text(found.back())) {
      make_operations(found.back().object, found.back().record_id);
      found.back() = *queued_number(found.back().client_sequence);
    }
    if (limits.fold && found.size() > 1 && is_chain(found[found.size() - 2], found.back())) {
      bytes += found.back().data.size();
      if (bytes <= limits.bytes) {
        chained++;
        continue;
      }
    }
    if (found.size() > 1 && !in_group(found, found.size() - 1)) whole = found.size() - 1;
    bytes += message_bytes(found.back());
    const bool full = found.size() - chained > limits.mutations || bytes > limits.bytes;
    if (full && whole > 0) {  // a group larger than the batch goes alone and whole
      found.resize(whole);
      break;
    }
  }
  return found;
}

// Several batches may be in flight. They need not be sent as they were, but mutations of one record
// or group that were to be judged together are sent together: the later ones claim the version that
// the first one claims. Where two batches met is such a place, so none is larger than it was.
std::vector<QueuedMutation> Store::in_flight_after(int64_t after, BatchLimits limits) const {
  Statement rows(database_, std::string(queue_sql::columns) + queue_sql::in_flight);
  std::vector<QueuedMutation> found = queued(rows.bind(1, after));
  std::map<std::pair<std::string, std::string>, size_t> last;
  for (size_t i = 0; i < found.size(); i++) last[{found[i].object, found[i].record_id}] = i;
  size_t take = 0, open_until = 0, bytes = 0;
  for (size_t end = 1; end <= found.size(); end++) {
    const QueuedMutation& mutation = found[end - 1];
    bytes += mutation.frozen.size();
    if (take > 0 && (end > limits.mutations || bytes > limits.bytes)) break;
    open_until = std::max(open_until, last.at({mutation.object, mutation.record_id}));
    if (open_until < end && (end == found.size() || !in_group(found, end))) take = end;
  }
  found.resize(take);
  return found;
}

// Cuts the batch before the first mutation of a record that is in flight.
void Store::leave_out_in_flight(std::vector<QueuedMutation>& batch, size_t max) const {
  std::set<std::pair<std::string, std::string>> records;
  Statement rows(database_, queue_sql::records_in_flight);
  while (rows.step()) records.emplace(rows.text(0), rows.text(1));
  size_t free = 0;
  while (free < batch.size() && records.count({batch[free].object, batch[free].record_id}) == 0)
    free++;
  if (free == batch.size()) return;
  while (free > 0 && in_group(batch, free)) free--;
  batch.resize(free < max / 2 ? 0 : free);
}

// What was frozen unsigned, or under a key that was replaced: what it says stays the same.
void Store::seal_again(std::vector<QueuedMutation>& sent, const BatchLimits& limits) {
  if (!limits.seal) return;
  std::vector<QueuedMutation*> changed;
  for (QueuedMutation& mutation : sent) {
    std::string text = limits.seal(mutation.frozen);
    if (text == mutation.frozen) continue;
    mutation.frozen = std::move(text);
    changed.push_back(&mutation);
  }
  if (changed.empty()) return;
  WriteTransaction transaction(database_);
  Statement freeze(database_, queue_sql::freeze);
  for (const QueuedMutation* mutation : changed) {
    freeze.bind_view(1, mutation->frozen).bind(2, mutation->version);
    freeze.bind(3, mutation->client_sequence).run();
  }
  transaction.commit();
}

std::vector<QueuedMutation> Store::next_batch(BatchLimits limits, int64_t after,
                                              const std::function<void()>& begun) {
  std::vector<QueuedMutation> sent = in_flight_after(after, limits);
  if (!sent.empty()) {
    seal_again(sent, limits);
    return sent;
  }
  WriteTransaction transaction(database_);
  if (limits.fold && begun) begun();
  std::vector<QueuedMutation> pending;
  for (bool more = true; more;) {
    pending = pending_after(after, limits);
    if (after > 0) leave_out_in_flight(pending, limits.mutations);
    const bool some = !pending.empty();
    if (limits.fold) fold(pending);
    more = some && pending.empty();  // of these, nothing is left to be sent
  }
  TextFreezer texts(*this);
  texts.hold_back(pending);
  if (pending.empty()) {
    transaction.commit();
    return pending;
  }
  Statement freeze(database_, queue_sql::freeze);
  Statement judged(database_, queue_sql::judged_of_record);
  std::map<std::pair<std::string, std::string>, CarriedVersions> versions;
  for (QueuedMutation& mutation : pending) {
    const auto known = versions.try_emplace({mutation.object, mutation.record_id}, judged,
                                            mutation.object, mutation.record_id);
    const std::optional<int64_t> claimed = mutation.version;
    mutation.version = known.first->second.carried(claimed);
    if (!mutation.undo_of.empty() && mutation.version != claimed) mutation.original.clear();
    mutation.frozen = frozen_payload(texts.as_sent(mutation));
    if (limits.seal) mutation.frozen = limits.seal(mutation.frozen);
    mutation.state = "in_flight";
    freeze.bind_view(1, mutation.frozen).bind(2, mutation.version);
    freeze.bind(3, mutation.client_sequence).run();
  }
  fault_point("store.freeze.before_commit");
  transaction.commit();
  fault_point("store.freeze.after_commit");
  return pending;
}

void Store::thaw(const std::vector<QueuedMutation>& batch) {
  WriteTransaction transaction(database_);
  Statement thaw(database_, queue_sql::thaw);
  for (const QueuedMutation& mutation : batch) thaw.bind(1, mutation.client_sequence).run();
  transaction.commit();
}

std::string LocalDatabase::batch_json(const std::vector<QueuedMutation>& batch) {
  std::string text = "[";
  for (const auto& mutation : batch) {
    if (text.size() > 1) text += ',';
    text += mutation.frozen;
  }
  return text + "]";
}

// What was not sent yet and would take back a rejected mutation has nothing to take back. What is
// in flight the server rejects itself.
void Store::reject_undo_of(const std::string& mutation_id, std::vector<Rejection>& rejected) {
  Statement undo(database_, queue_sql::pending_undo_of);
  undo.bind(1, std::string_view(mutation_id));
  if (!undo.step()) return;
  const int64_t number = undo.integer(0);
  undo.reset();
  StoredVerdict verdict;
  verdict.reason = "depends_on_rejected";
  verdict.detail = json_object({{"message", json_string("what it would undo was rejected")}});
  rejected.push_back(reject(*queued_number(number), verdict));
  const std::string id = rejected.back().mutation_id;
  reject_undo_of(id, rejected);
}

void Store::store_verdict(Statement& judge, int64_t client_sequence, const StoredVerdict& verdict) {
  const RawMembers text = {{"status", json_string(verdict.status)},
                           {"reason", json_string(verdict.reason)},
                           {"resolution", json_string(verdict.resolution)},
                           {"version", verdict.version ? std::to_string(*verdict.version) : "null"},
                           {"detail", verdict.detail.empty() ? "null" : verdict.detail}};
  judge.bind(1, std::string_view(json_object(text))).bind(2, client_sequence).run();
}

// Verdicts are about what is in flight; one that is stored already stays.
std::vector<Rejection> Store::store_verdicts(const std::vector<StoredVerdict>& verdicts,
                                             const std::function<void()>& begun) {
  std::vector<Rejection> rejected;
  WriteTransaction transaction(database_);
  if (begun) begun();
  Applying applying(*this);
  std::unordered_map<std::string, int64_t> numbers;
  Statement sent(database_, queue_sql::numbers_in_flight);
  while (sent.step()) numbers.emplace(sent.text(0), sent.integer(1));
  sent.reset();
  Statement judge(database_, queue_sql::judge);
  HistoryVersions history(database_);
  int64_t unjudged = INT64_MAX;  // the first that the server wants a pull before
  for (const StoredVerdict& verdict : verdicts) {
    auto found = numbers.find(verdict.mutation_id);
    if (found == numbers.end()) continue;
    if (verdict.status == pull_first) {
      unjudged = std::min(unjudged, found->second);
      continue;
    }
    if (verdict.status == "rejected") {
      rejected.push_back(reject(*queued_number(found->second), verdict));
      reject_undo_of(verdict.mutation_id, rejected);
      numbers.erase(found);
      continue;
    }
    if (history.holds(verdict.mutation_id))
      history.judged(*queued_number(found->second), verdict.status, verdict.version);
    store_verdict(judge, found->second, verdict);
  }
  // All that is in flight behind it was not looked at, either.
  Statement(database_, queue_sql::unfreeze).bind(1, unjudged).run();
  applying.done();
  fault_point("store.verdicts.before_commit");
  transaction.commit();
  fault_point("store.verdicts.after_commit");
  return rejected;
}

std::vector<LocalConflict> Store::conflicts(bool open_only) const {
  Statement rows(database_,
                 std::string("SELECT conflict_id,mutation_id,object,record_id,reason,status,"
                             "resolution,data FROM _conflicts") +
                     (open_only ? " WHERE status='open'" : ""));
  std::vector<LocalConflict> found;
  while (rows.step())
    found.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3), rows.text(4),
                     rows.text(5), rows.text(6), rows.text(7)});
  return found;
}

}  // namespace objectos
