#include "engine/sync_session.h"

#include <thread>

#include "engine/answers.h"
#include "engine/public_forms.h"
#include "engine/replica_verifier.h"
#include "engine/unhurried.h"
#include "fault_point.h"
#include "objectos/error.h"
#include "protocol/json.h"
#include "protocol/timestamp.h"
#include "store/long_round.h"

namespace objectos {

namespace {

constexpr int kSerializationAttempts = 5;
constexpr int kResyncAttempts = 2;
// What is received before the file's write lock is taken: other programs go on writing while the
// network is slow.
constexpr std::size_t kHeldBackBytes = 1 << 20;

std::size_t held_back_bytes() {
  return long_rounds_are_forced() ? 0 : kHeldBackBytes;
}

PulledView stored_form(const PullRow& row) {
  PulledView stored;
  stored.kind = row.kind;
  stored.id = row.id;
  stored.object = row.object;
  stored.record_id = row.record_id;
  stored.operation = row.operation;
  stored.data = row.data;
  stored.version = row.version;
  stored.tag = row.tag;
  stored.checkpoint = row.checkpoint;
  stored.has_more = row.has_more;
  return stored;
}

}  // namespace

std::string schema_fingerprint(const std::string& schema) {
  if (schema.empty()) return "";
  const Json json = parse_json(schema);
  const Json* fingerprint = json.find("fingerprint");
  return fingerprint == nullptr ? "" : fingerprint->text();
}

StoredVerdict stored_form(const VerdictRow& row) {
  StoredVerdict stored;
  stored.mutation_id = row.mutation_id;
  stored.status = row.status;
  stored.duplicate = row.duplicate;
  stored.version = row.version;
  stored.sequence = row.sequence;
  stored.reason = row.reason.value_or("");
  stored.resolution = row.resolution.value_or("");
  stored.server_version = row.server_version;
  stored.client_version = row.client_version;
  stored.detail = row.detail.value_or("");
  return stored;
}

void with_serialization_retries(SessionEvents& events, const std::function<void()>& attempt) {
  for (int tries = 1;; ++tries) {
    try {
      return attempt();
    } catch (const Error& error) {
      bool again = error.code() == "40001" || error.code() == "40P01";
      if (!again || tries == kSerializationAttempts) throw;
      events.log(LogLevel::info, "Trying again after: " + error.message());
      std::this_thread::sleep_for(std::chrono::milliseconds(5 << tries));
    }
  }
}

void SyncSession::enter(Phase phase) {
  progress_.phase = phase;
  events_.progress(progress_);
}

void SyncSession::require_complete() const {
  if (database_.state().complete) return;
  throw Error(ErrorClass::local, "file_incomplete",
              "The initial sync of this file was interrupted.", {},
              "Run `objectos-sync clone` with the same server and file again.");
}

SyncResult SyncSession::run(bool push, bool pull_rows) {
  SyncResult result;
  require_complete();
  enter(Phase::connecting);
  transport_.connect();
  hello(result);
  if (limits_.listens) transport_.listen(database_.state().client_id, *limits_.listens);
  // What is queued was written for the schema of the file; it is sent in terms of the server's.
  if (push && schema_changed_) pull(result);
  if (push && pull_rows) {
    push_and_pull(result);
  } else if (push) {
    push_as_one_client(result);
  } else if (pull_rows) {
    pull(result);
  }
  renew_leases(transport_, database_, limits_.lease_block, events_);
  acknowledge();
  enter(Phase::idle);
  return result;
}

SyncResult SyncSession::pull_committed() {
  const Unhurried unhurried(database_);
  SyncResult result;
  expects_one_page_ = true;
  enter(Phase::pulling);
  with_serialization_retries(events_, [&] { pull_round(result); });
  enter(Phase::idle);
  return result;
}

SyncResult SyncSession::pull_what_is_left() {
  SyncResult result;
  pull(result);
  renew_leases(transport_, database_, limits_.lease_block, events_);
  acknowledge();
  enter(Phase::idle);
  return result;
}

VerifyReport SyncSession::verify(const VerifyOptions& options) {
  SyncResult result;
  VerifyReport report;
  require_complete();
  enter(Phase::connecting);
  transport_.connect();
  hello(result);
  mends_missing_ = options.repair;
  in_cut_ = [&] {
    enter(Phase::verifying);
    report = ReplicaVerifier(transport_, database_, options, events_, progress_).run();
  };
  pull(result);
  in_cut_ = nullptr;
  progress_.object.clear();
  acknowledge();
  enter(Phase::idle);
  return report;
}

void SyncSession::hello(SyncResult& result) {
  SyncState state = database_.state();
  std::int64_t highest = database_.counters().highest_client_sequence;
  HelloAnswer answer = parse_hello(transport_.hello(state.client_id, highest));
  schema_changed_ = !answer.schema.empty() && answer.schema != schema_fingerprint(state.schema);
  if (auto server_us = parse_timestamp(answer.server_time)) {
    database_.set_clock_offset(*server_us / 1000 - events_.now_ms());
  }
  bool same_history = answer.epoch == state.epoch;
  if (answer.high_water && *answer.high_water > highest) {
    take_new_identity(result);
    state = database_.state();
    answer.subscription = "";  // under the new name the server knows none
  }
  settle_subscription(answer);
  if (same_history) return;
  events_.log(LogLevel::warning, "The server has a new history; reading the replica anew.");
  database_.forget_checkpoint();
  database_.drop_leases();  // the new history may give the same numbers to others
  database_.set_identity(state.client_id, answer.user_id, answer.epoch);
  result.resynced = true;
}

// What is wanted and not accepted yet, and what the server does not know (any more): it forgot the
// client, or the file goes on under a new name, or came back from a backup.
void SyncSession::settle_subscription(const HelloAnswer& answer) {
  const LocalSubscription local = database_.subscription();
  if (!local.wanted && (!answer.subscription || local.accepted == *answer.subscription)) return;
  std::string accepted;
  try {
    accepted =
        transport_.subscribe(database_.state().client_id, local.wanted.value_or(local.accepted));
  } catch (const Error& error) {
    if (local.wanted && !error.retryable()) database_.forget_wanted_subscription();
    throw;
  }
  fault_point("subscription.sent");
  database_.accept_subscription(subscription_form(accepted));
  schema_changed_ = true;  // objects may have come or gone
}

void SyncSession::pull(SyncResult& result) {
  enter(Phase::pulling);
  for (int attempt = 1;; ++attempt) {
    try {
      with_serialization_retries(events_, [&] { pull_round(result); });
      return;
    } catch (const Error& error) {
      if (error.error_class() != ErrorClass::resync || attempt == kResyncAttempts) throw;
      events_.log(LogLevel::warning, "Reading the replica anew: " + error.message());
      database_.forget_checkpoint();
      result.resynced = true;
    }
  }
}

namespace {

// The page's last row, which says where the next one begins.
PullRow checkpoint_of(const PullPage& page) {
  PullRow last;
  if (page.size() > 0) last = page.row(page.size() - 1);
  if (last.kind != "checkpoint" || last.checkpoint.empty()) {
    throw Error(ErrorClass::upgrade, "unexpected_answer",
                "A page of the pull came without its checkpoint.");
  }
  return last;
}

// Whether the reading of an object that comes whole ends in this page.
bool ends_reread(const PullPage& page) {
  for (std::size_t i = 0; i < page.size(); ++i) {
    const PullRow row = page.row(i);
    if (row.kind == "reread" && row.operation == "end") return true;
  }
  return false;
}

std::size_t bytes_of(const PullPage& page) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < page.size(); ++i) bytes += page.row(i).data.size();
  return bytes;
}

}  // namespace

void SyncSession::request_page(const std::string& checkpoint) {
  transport_.request_page(client_id_, checkpoint, limits_.page_mutations, confirmed_);
}

std::unique_ptr<RoundApplier> SyncSession::begin_applying(bool more,
                                                          std::unique_ptr<WriteScope>& scope) {
  const auto begin = [this, &scope] {
    scope = events_.begin_write();
    return scope->listing();
  };
  const auto begun = [this, &scope] { scope->begun(database_); };
  if (in_place_ || !(more || long_rounds_are_forced())) {
    auto applier = database_.begin_round(begin());
    begun();
    return applier;
  }
  return database_.begin_long_round({begin, begun,
                                     [this] { return events_.begin_write()->listing(); },
                                     [this] { transport_.check_not_cancelled(); }});
}

// The round's first page. One that is the whole round comes in one round trip, where that is
// expected; `ended`: so it was.
std::unique_ptr<PullPage> SyncSession::receive_first_page(const std::string& checkpoint,
                                                          bool& ended) {
  if (expects_one_page_) {
    transport_.request_only_page(client_id_, checkpoint, limits_.page_mutations, confirmed_);
    auto page = transport_.receive_only_page();
    ended = !checkpoint_of(*page).has_more && !ends_reread(*page);
    if (ended) return page;
  }
  transport_.begin_round();
  fault_point("round_begun");
  request_page(checkpoint);
  return transport_.receive_page();
}

RoundResult SyncSession::receive_round(const std::string& first_checkpoint,
                                       std::unique_ptr<WriteScope>& scope) {
  std::vector<std::unique_ptr<PullPage>> held;
  std::unique_ptr<RoundApplier> applier;
  std::size_t held_bytes = 0;
  std::optional<std::vector<std::string>> conflicts;  // asked for where something comes whole
  bool ended = false;
  for (bool more = true, first = true; more; first = false) {
    held.push_back(first ? receive_first_page(first_checkpoint, ended) : transport_.receive_page());
    const PullRow last = checkpoint_of(*held.back());
    more = last.has_more;
    if (ends_reread(*held.back())) conflicts.emplace();
    if (more) {
      request_page(std::string(last.checkpoint));
    } else {
      if (conflicts) conflicts = transport_.open_conflicts();
      if (!in_cut_ && !ended) transport_.end_round();
    }
    std::size_t bytes = bytes_of(*held.back());
    held_bytes += bytes;
    progress_.bytes += static_cast<std::int64_t>(bytes);
    progress_.pulled += static_cast<std::int64_t>(held.back()->size()) - 1;
    enter(Phase::pulling);
    fault_point("round_page");
    if (!more) fault_point("round_received");
    if (more && !applier && held_bytes < held_back_bytes()) continue;
    if (!applier) applier = begin_applying(more, scope);
    if (more) applier->expect_many();
    for (const auto& page : held) {
      for (std::size_t i = 0; i < page->size(); ++i) applier->apply(stored_form(page->row(i)));
    }
    held.clear();
  }
  if (conflicts) applier->set_open_conflicts(*conflicts);
  fault_point("round_before_commit");
  return applier->commit(iso_time(events_.now_ms()));
}

void SyncSession::pull_round(SyncResult& result) {
  database_.tidy();
  SyncState state = database_.state();
  client_id_ = state.client_id;
  confirmed_ = state.confirmed;
  progress_.pulled = 0;
  RoundResult round;
  std::unique_ptr<WriteScope> scope;
  try {
    round = receive_round(state.checkpoint.empty() ? "0" : state.checkpoint, scope);
    scope->applied(round);
    scope.reset();
    events_.stored(database_);
    if (in_cut_) {
      in_cut_();
      transport_.end_round();
    }
  } catch (const NotBesideTables& why) {
    transport_.abort_round();
    events_.log(LogLevel::info, std::string("Applying the round in place: ") + why.what());
    in_place_ = true;
    scope.reset();
    return pull_round(result);
  } catch (...) {
    transport_.abort_round();
    throw;
  }
  fault_point("round_after_commit");
  database_.tidy();
  result.pulled += progress_.pulled;
  result.changes += round.change_count;
  for (const std::string& lost : round.lost)
    events_.log(LogLevel::warning, "The changed schema has no place for " + lost);
  if (round.missing_rows > 0 && !state.checkpoint.empty() && !mends_missing_) {
    throw Error(ErrorClass::resync, "records_missing",
                "The server changed records that this file does not hold.");
  }
}

std::string ack_message(const SyncState& state) {
  Json ack = Json::object();
  ack.set("client_id", Json::string(state.client_id));
  ack.set("last_sync", state.last_sync.empty() ? Json() : Json::string(state.last_sync));
  ack.set("checkpoint", state.checkpoint.empty() ? Json() : Json::string(state.checkpoint));
  ack.set("confirmed", Json::integer(state.confirmed));
  return write_json(ack);
}

void SyncSession::acknowledge() {
  enter(Phase::acknowledging);
  fault_point("ack_before");
  database_.make_durable();
  transport_.request_ack(ack_message(database_.state()));
  transport_.receive_ack();
  fault_point("ack_after");
}

}  // namespace objectos
