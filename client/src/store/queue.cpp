// The mutation queue: batches to push, verdicts, rejections, conflicts.
#include "../fault_point.h"
#include "store.h"

namespace objectos {

std::vector<QueuedMutation> Store::select_queue(const std::string& where, std::string_view first,
                                                std::string_view second) const {
  Statement rows(database_,
                 "SELECT id,client_sequence,object,record_id,operation,data,original,timestamp,"
                 "version,\"group\",state,verdict,frozen FROM _mutations WHERE " +
                     where + " ORDER BY client_sequence");
  int parameters = sqlite3_bind_parameter_count(rows.handle());
  if (parameters > 0) rows.bind(1, first);
  if (parameters > 1) rows.bind(2, second);
  std::vector<QueuedMutation> found;
  while (rows.step())
    found.push_back({rows.text(0), rows.integer(1), rows.text(2), rows.text(3), rows.text(4),
                     rows.text(5), rows.text(6), rows.text(7), rows.integer_or_none(8),
                     rows.text(9), rows.text(10), rows.text(11), rows.text(12)});
  return found;
}

std::vector<QueuedMutation> Store::queue() const {
  return select_queue("1");
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

int64_t Store::confirmed() const {
  Statement row(
      database_,
      "SELECT coalesce((SELECT min(client_sequence)-1 FROM _mutations WHERE "
      "state<>'judged'),(SELECT max(seq) FROM sqlite_sequence WHERE name='_mutations'),0)");
  row.step();
  return row.integer(0);
}

// The version to claim: of the base image, or of an earlier mutation of ours that was applied with
// nothing concurrent (its verdict says what the record's version was after it).
std::string Store::frozen_payload(const QueuedMutation& mutation) {
  Statement known(database_,
                  "SELECT max(v) FROM (SELECT version AS v FROM _base WHERE object=?1 AND "
                  "record_id=?2 UNION ALL SELECT json_extract(verdict,'$.version') FROM _mutations "
                  "WHERE object=?1 AND record_id=?2 AND state='judged' AND "
                  "json_extract(verdict,'$.status')='applied')");
  known.bind(1, std::string_view(mutation.object)).bind(2, std::string_view(mutation.record_id));
  std::optional<int64_t> version = known.step() ? known.integer_or_none(0) : std::nullopt;
  JsonMembers message = {{"id", json_quote(mutation.id)},
                         {"object", json_quote(mutation.object)},
                         {"record_id", json_quote(mutation.record_id)},
                         {"operation", json_quote(mutation.operation)}};
  JsonMembers data = changed_fields(mutation.operation, mutation.data, mutation.original);
  if (mutation.operation != "delete") message.emplace_back("data", json_object(data));
  if (!mutation.original.empty()) {
    JsonMembers original = json_members(mutation.original);
    if (mutation.operation == "update")
      std::erase_if(original, [&](const JsonMember& field) {
        return json_find(data, field.first) == nullptr;
      });
    message.emplace_back("original", json_object(original));
  }
  message.emplace_back("timestamp", json_quote(mutation.timestamp));
  if (version) message.emplace_back("version", std::to_string(*version));
  message.emplace_back("client_sequence", std::to_string(mutation.client_sequence));
  if (!mutation.group.empty()) message.emplace_back("group", json_quote(mutation.group));
  return json_object(message);
}

std::vector<QueuedMutation> Store::next_batch(size_t max) {
  std::vector<QueuedMutation> batch = select_queue("state='in_flight'");
  if (!batch.empty()) return batch;
  WriteTransaction transaction(database_);
  std::vector<QueuedMutation> pending = select_queue("state='pending'");
  size_t take = std::min(max, pending.size());
  auto grouped = [&](size_t at) {
    return !pending[at].group.empty() && pending[at].group == pending[at - 1].group;
  };
  size_t whole = take;
  while (whole > 0 && whole < pending.size() && grouped(whole)) whole--;
  if (whole == 0)
    for (whole = take; whole > 0 && whole < pending.size() && grouped(whole);) whole++;
  Statement freeze(database_,
                   "UPDATE _mutations SET state='in_flight',frozen=? WHERE client_sequence=?");
  for (size_t i = 0; i < whole; i++) {
    pending[i].frozen = frozen_payload(pending[i]);
    pending[i].state = "in_flight";
    freeze.bind(1, std::string_view(pending[i].frozen)).bind(2, pending[i].client_sequence).run();
  }
  pending.resize(whole);
  fault_point("store.freeze.before_commit");
  transaction.commit();
  fault_point("store.freeze.after_commit");
  return pending;
}

std::string LocalDatabase::batch_json(const std::vector<QueuedMutation>& batch) {
  std::string text = "[";
  for (const auto& mutation : batch) text += (text.size() > 1 ? "," : "") + mutation.frozen;
  return text + "]";
}

Rejection Store::reject(const QueuedMutation& mutation, const StoredVerdict& verdict) {
  Rejection event{mutation.id,
                  mutation.client_sequence,
                  mutation.object,
                  mutation.record_id,
                  mutation.operation,
                  verdict.reason,
                  verdict.detail,
                  mutation.data,
                  mutation.original,
                  {},
                  {},
                  {}};
  bool known = knows(mutation.object);
  if (known) event.before = row_json(mutation.object, mutation.record_id).value_or("");
  Statement drop(database_, "DELETE FROM _mutations WHERE client_sequence=?");
  drop.bind(1, mutation.client_sequence).run();
  rebase(mutation.object, mutation.record_id);
  if (known) event.after = row_json(mutation.object, mutation.record_id).value_or("");
  Statement keep(database_,
                 "INSERT OR REPLACE INTO _rejections(mutation_id,client_sequence,object,record_id,"
                 "operation,data,original,reason,detail,before,after) VALUES(?,?,?,?,?,?,?,?,?,?,?)"
                 " RETURNING rejected_at");
  keep.bind(1, std::string_view(event.mutation_id)).bind(2, event.client_sequence);
  int at = 3;
  for (const std::string* text :
       {&event.object, &event.record_id, &event.operation, &event.data, &event.original,
        &event.reason, &event.detail, &event.before, &event.after})
    keep.bind_text_or_null(at++, *text);
  if (keep.step()) event.rejected_at = keep.text(0);
  return event;
}

std::vector<Rejection> Store::store_verdicts(const std::vector<StoredVerdict>& verdicts) {
  std::vector<Rejection> rejected;
  WriteTransaction transaction(database_);
  Applying applying(*this);
  for (const StoredVerdict& verdict : verdicts) {
    auto found = select_queue("id=?1", verdict.mutation_id);
    if (found.empty()) continue;
    if (verdict.status == "rejected") {
      rejected.push_back(reject(found[0], verdict));
      continue;
    }
    JsonMembers text = {{"status", json_quote(verdict.status)},
                        {"reason", json_quote(verdict.reason)},
                        {"resolution", json_quote(verdict.resolution)},
                        {"version", verdict.version ? std::to_string(*verdict.version) : "null"},
                        {"detail", verdict.detail.empty() ? "null" : verdict.detail}};
    Statement judge(database_,
                    "UPDATE _mutations SET state='judged',synced=1,verdict=? WHERE "
                    "client_sequence=?");
    judge.bind(1, std::string_view(json_object(text))).bind(2, found[0].client_sequence).run();
  }
  applying.done();
  fault_point("store.verdicts.before_commit");
  transaction.commit();
  fault_point("store.verdicts.after_commit");
  return rejected;
}

void Store::renumber_queue(const std::string& client_id) {
  WriteTransaction transaction(database_);
  Statement highest(database_, "SELECT coalesce(max(client_sequence),0) FROM _mutations");
  highest.step();
  std::string last = std::to_string(highest.integer(0));
  highest.reset();
  run_sql(database_,
          "INSERT INTO _mutations(id,object,record_id,operation,data,original,timestamp,version,"
          "\"group\") SELECT lower(hex(randomblob(4))||'-'||hex(randomblob(2))||'-4'||substr(hex("
          "randomblob(2)),2)||'-a'||substr(hex(randomblob(2)),2)||'-'||hex(randomblob(6))),object,"
          "record_id,operation,data,original,timestamp,version,\"group\" FROM _mutations WHERE "
          "state<>'judged' ORDER BY client_sequence; DELETE FROM _mutations WHERE state<>'judged' "
          "AND client_sequence<=" +
              last);
  Statement name(database_, "UPDATE _sync_state SET client_id=?");
  name.bind(1, std::string_view(client_id)).run();
  transaction.commit();
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

void Store::store_conflict_resolved(const std::string& id, const std::string& resolution) {
  Statement end(database_,
                "UPDATE _conflicts SET status='resolved',resolution=? WHERE conflict_id=?");
  end.bind(1, std::string_view(resolution)).bind(2, std::string_view(id)).run();
}

std::vector<Rejection> Store::rejections() const {
  Statement rows(database_,
                 "SELECT mutation_id,client_sequence,object,record_id,operation,reason,detail,data,"
                 "original,before,after,rejected_at FROM _rejections ORDER BY client_sequence");
  std::vector<Rejection> found;
  while (rows.step())
    found.push_back({rows.text(0), rows.integer(1), rows.text(2), rows.text(3), rows.text(4),
                     rows.text(5), rows.text(6), rows.text(7), rows.text(8), rows.text(9),
                     rows.text(10), rows.text(11)});
  return found;
}

}  // namespace objectos
