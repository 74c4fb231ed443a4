// What leaves the queue without having taken effect: rejected by the server, or by this side
// because no server could read it.
#include <set>

#include "../fault_point.h"
#include "json_slices.h"
#include "protocol/errors.h"
#include "protocol/json.h"
#include "protocol/limits.h"
#include "queue_sql.h"
#include "store.h"
#include "undo_history.h"

namespace objectos {

namespace {

StoredVerdict refusal(const std::string& id, const std::string& reason,
                      const ProtocolError* error) {
  StoredVerdict verdict;
  verdict.mutation_id = id;
  verdict.status = "rejected";
  verdict.reason = reason;
  if (error == nullptr) return verdict;
  verdict.detail = json_object({{"sqlstate", json_string(error_info(error->code()).sqlstate)},
                                {"message", json_string(error->message())},
                                {"hint", json_string(error->hint())}});
  return verdict;
}

// A group is sent whole; every other mutation alone, if need be.
std::string unit_of(const QueuedMutation& mutation) {
  return mutation.group.empty() ? "mutation " + mutation.id : "group " + mutation.group;
}

ProtocolError too_large(size_t bytes) {
  return ProtocolError(
      ErrorCode::limit_exceeded, "larger than a push may be",
      std::to_string(bytes) + " bytes, at most " + std::to_string(limits::request_bytes_max) + ".",
      "Write it in smaller parts.");
}

// Why no server would read the message; nothing: it would.
std::optional<ProtocolError> why_unreadable(const std::string& message) {
  try {
    parse_json(message);
    if (!message.starts_with("{\"key_id\":")) return std::nullopt;
    JsonSlices form;  // the mutation itself is a string in it
    form.parse(message);
    parse_json(json_unquote(form.find("payload")->raw));
  } catch (const ProtocolError& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace

Rejection Store::take_out(const QueuedMutation& mutation, const StoredVerdict& verdict) {
  auto [data, original] = plain_values(mutation);
  Rejection event{mutation.id,
                  mutation.client_sequence,
                  mutation.object,
                  mutation.record_id,
                  mutation.operation,
                  verdict.reason,
                  verdict.detail,
                  std::move(data),
                  std::move(original),
                  {},
                  {},
                  {}};
  bool known = knows(mutation.object);
  if (known) event.before = row_json(mutation.object, mutation.record_id).value_or("");
  withdraw_texts(mutation);
  Statement drop(database_, queue_sql::drop);
  drop.bind(1, mutation.client_sequence).run();
  forget_history(database_, mutation.id);
  rebase(mutation.object, mutation.record_id);
  if (known) event.after = row_json(mutation.object, mutation.record_id).value_or("");
  return event;
}

Rejection Store::reject(const QueuedMutation& mutation, const StoredVerdict& verdict) {
  Rejection event = take_out(mutation, verdict);
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

size_t LocalDatabase::batch_bytes(const std::vector<QueuedMutation>& batch) {
  size_t bytes = 2;
  for (const QueuedMutation& mutation : batch) bytes += mutation.frozen.size() + 1;
  return bytes;
}

std::vector<Rejection> Store::reject_unreadable(const std::function<void()>& begun) {
  std::vector<Rejection> rejected;
  WriteTransaction transaction(database_);
  if (begun) begun();
  Applying applying(*this);
  std::vector<QueuedMutation> sent = in_flight_after(0, {SIZE_MAX, SIZE_MAX});
  std::map<std::string, size_t> bytes;  // by unit
  for (const QueuedMutation& mutation : sent)
    bytes[unit_of(mutation)] += mutation.frozen.size() + 3;
  std::map<std::string, std::string> culprits;  // unit → the mutation that is to blame
  std::map<std::string, ProtocolError> why;
  for (const QueuedMutation& mutation : sent) {
    const std::string unit = unit_of(mutation);
    if (why.count(unit) != 0) continue;
    std::optional<ProtocolError> error = bytes[unit] > limits::request_bytes_max
                                             ? too_large(bytes[unit])
                                             : why_unreadable(mutation.frozen);
    if (!error) continue;
    culprits[unit] = mutation.id;
    why.emplace(unit, std::move(*error));
  }
  for (const QueuedMutation& mutation : sent) {
    const auto error = why.find(unit_of(mutation));
    if (error == why.end()) continue;
    const bool to_blame =
        culprits[error->first] == mutation.id || error->second.code() == ErrorCode::limit_exceeded;
    rejected.push_back(reject(
        mutation,
        refusal(mutation.id, to_blame ? error_info(error->second.code()).name : "group_rejected",
                &error->second)));
  }
  applying.done();
  transaction.commit();
  return rejected;
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
