// The push of an exchange: batches out, verdicts in.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "engine/public_forms.h"
#include "engine/signer.h"
#include "engine/sync_session.h"
#include "fault_point.h"
#include "objectos/error.h"
#include "protocol/limits.h"

namespace objectos {

namespace {

constexpr int kForkAttempts = 3;

}  // namespace

// Numbers that are known for other edits show only when they are sent.
void SyncSession::push_as_one_client(SyncResult& result) {
  for (int attempt = 1;; ++attempt) {
    try {
      return push_readable(result);
    } catch (const Error& error) {
      if (error.error_class() != ErrorClass::fork || attempt == kForkAttempts) throw;
    }
    take_new_identity(result);
    push_until_ = 0;  // what is queued has other numbers now
  }
}

namespace {

bool wants_pull(const std::vector<StoredVerdict>& verdicts) {
  return std::any_of(verdicts.begin(), verdicts.end(),
                     [](const StoredVerdict& verdict) { return verdict.status == pull_first; });
}

void add_unjudged(const std::vector<QueuedMutation>& batch, std::vector<StoredVerdict>& verdicts) {
  std::unordered_set<std::string> judged;
  for (const StoredVerdict& verdict : verdicts) judged.insert(verdict.mutation_id);
  for (const QueuedMutation& mutation : batch) {
    if (judged.count(mutation.id) != 0) continue;
    StoredVerdict none;
    none.mutation_id = mutation.id;
    none.status = pull_first;
    verdicts.push_back(std::move(none));
  }
}

// The message was refused as it stands, by the server or by PostgreSQL, before anything in it was
// looked at: again it would be.
bool is_about_message(const Error& error) {
  const std::string& code = error.code();
  return code == "OS005" || code == "OS006" || code == "OS007" || code.starts_with("22") ||
         code.starts_with("54");
}

}  // namespace

// One mutation that nobody can read does not keep the others from being sent.
void SyncSession::push_readable(SyncResult& result) {
  while (true) {
    try {
      return push_all(result);
    } catch (const Error& error) {
      if (!is_about_message(error) || !reject_unreadable(result)) throw;
    }
  }
}

bool SyncSession::reject_unreadable(SyncResult& result) {
  std::unique_ptr<WriteScope> scope = events_.begin_write();
  const auto rejections = database_.reject_unreadable([&] { scope->begun(database_); });
  scope->rejected(rejections);
  for (const Rejection& rejection : rejections) {
    result.verdicts.push_back({rejection.mutation_id, rejection.object, rejection.record_id,
                               rejection.operation, "rejected", false, std::nullopt,
                               rejection.reason, "", rejection.detail});
    events_.verdict(result.verdicts.back());
    events_.rejection(public_form(rejection));
  }
  scope.reset();
  events_.stored(database_);
  return !rejections.empty();
}

// What is queued when it begins, so that it ends while the app goes on writing. While the server
// judges a batch, the verdicts of the one before are stored and the next one is frozen. Where the
// server wants a pull first, what it has not judged stays, and so does what the file holds back.
void SyncSession::push_all(SyncResult& result) {
  const StoreCounters counters = database_.counters();
  const std::int64_t last = push_until_ == 0 ? counters.highest_client_sequence : push_until_;
  push_until_ = last;
  progress_.push_total = counters.pending + counters.in_flight;
  enter(Phase::pushing);
  Judged judged;
  for (auto batch = next_batch(0); !batch.empty();) {
    std::vector<QueuedMutation> next;
    with_serialization_retries(events_, [&] {
      try {
        request_push(batch);
      } catch (...) {
        settle(judged, result);
        throw;
      }
      settle(judged, result);
      const std::int64_t sent = batch.back().client_sequence;
      if (next.empty() && sent < last) next = next_batch(sent);
      judged.verdicts = receive_push(batch);
    });
    const bool more = batch.back().client_sequence < last && !wants_pull(judged.verdicts);
    if (wants_pull(judged.verdicts)) next.clear();
    judged.batch = std::move(batch);
    if (next.empty()) {
      settle(judged, result);
      if (more) next = next_batch(0);
    }
    batch = std::move(next);
  }
}

BatchLimits SyncSession::batch_limits() const {
  BatchLimits limits{static_cast<std::size_t>(limits_.push_mutations),
                     static_cast<std::size_t>(limits_.push_bytes), limits_.fold};
  if (limits_.signer) {
    const SyncState state = database_.state();
    limits.seal = [signer = limits_.signer, state](const std::string& frozen) {
      return signer->seal(frozen, state.epoch, state.client_id);
    };
  }
  return limits;
}

// Local writes are told before their steps become one.
std::vector<QueuedMutation> SyncSession::next_batch(std::int64_t after) {
  const BatchLimits limits = batch_limits();
  if (!limits.fold) return database_.next_batch(limits, after, {});
  const std::unique_ptr<WriteScope> scope = events_.begin_write();
  return database_.next_batch(limits, after, [&] { scope->begun(database_); });
}

void SyncSession::request_push(const std::vector<QueuedMutation>& batch) {
  fault_point("push_before_send");
  if (LocalDatabase::batch_bytes(batch) > limits::request_bytes_max)
    throw Error(ErrorClass::rejected, "OS007", "A mutation is larger than a push may be.");
  transport_.request_push(database_.state().client_id, LocalDatabase::batch_json(batch));
}

std::vector<StoredVerdict> SyncSession::receive_push(const std::vector<QueuedMutation>& batch) {
  const auto rows = transport_.receive_push();
  fault_point("push_answered");
  return verdicts_of(rows, batch);
}

std::vector<StoredVerdict> SyncSession::verdicts_of(const std::vector<VerdictRow>& rows,
                                                    const std::vector<QueuedMutation>& batch) {
  std::unordered_set<std::string_view> sent;
  for (const QueuedMutation& mutation : batch) sent.insert(mutation.id);
  std::vector<StoredVerdict> verdicts;
  for (const VerdictRow& row : rows) {
    if (sent.count(row.mutation_id) != 0) verdicts.push_back(stored_form(row));
  }
  // What comes after it in the push was not looked at.
  if (wants_pull(verdicts)) add_unjudged(batch, verdicts);
  if (verdicts.size() != batch.size()) {
    throw Error(ErrorClass::upgrade, "unexpected_answer",
                "The server did not judge every mutation of a push.",
                std::to_string(verdicts.size()) + " of " + std::to_string(batch.size()));
  }
  return verdicts;
}

// Stores what was judged and tells of it. Nothing when there is nothing.
void SyncSession::settle(Judged& judged, SyncResult& result) {
  if (judged.verdicts.empty()) return;
  const Judged done = std::move(judged);
  judged = {};
  std::unique_ptr<WriteScope> scope = events_.begin_write();
  auto rejections = database_.store_verdicts(done.verdicts, [&] { scope->begun(database_); });
  fault_point("push_verdicts_stored");
  std::unordered_map<std::string_view, const QueuedMutation*> sent;
  for (const QueuedMutation& mutation : done.batch) sent.emplace(mutation.id, &mutation);
  for (const StoredVerdict& verdict : done.verdicts) {
    if (verdict.status == pull_first) {
      pull_wanted_ = true;
      continue;
    }
    progress_.pushed++;
    const QueuedMutation& mutation = *sent.at(verdict.mutation_id);
    result.verdicts.push_back({mutation.id, mutation.object, mutation.record_id, mutation.operation,
                               verdict.status, verdict.duplicate, verdict.version, verdict.reason,
                               verdict.resolution, verdict.detail});
    events_.verdict(result.verdicts.back());
  }
  enter(Phase::pushing);
  scope->rejected(rejections);
  for (const Rejection& rejection : rejections) events_.rejection(public_form(rejection));
  scope.reset();
  events_.stored(database_);
}

namespace {

constexpr int kPullFirstAttempts = 5;

}  // namespace

// Push, then pull, and again while the pull has brought what edits of texts waited for.
void SyncSession::push_and_pull(SyncResult& result) {
  push_until_ = 0;
  for (int idle = 0; idle < kPullFirstAttempts;) {
    pull_wanted_ = false;
    const std::int64_t judged_before = progress_.pushed;
    push_as_one_client(result);
    pull(result);
    const std::string left = database_.oldest_pending(0, push_until_);
    if (left.empty()) return;
    if (pull_wanted_ || progress_.pushed == judged_before) ++idle;
  }
  events_.log(LogLevel::warning,
              "Edits of texts wait for the next sync: the server changes faster.");
}

}  // namespace objectos
