#include "engine/engine_impl.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>

#include "engine/exclusive_work.h"
#include "engine/given_values.h"
#include "engine/public_forms.h"
#include "engine/signer.h"
#include "engine/translated.h"
#include "transport/conninfo.h"
#include "transport/pg_transport.h"

namespace objectos {

namespace {

double random_fraction() {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

std::int64_t system_now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

ErrorReport report_to(const std::function<void(LogLevel, const std::string&)>& logger) {
  if (!logger) return {};
  return [logger](const std::string& text) { logger(LogLevel::error, text); };
}

Dispatcher::Ways ways_of(const Options& options, ErrorReport report) {
  Dispatcher::Ways ways{options.delivery, options.executor, options.on_waiting, std::move(report)};
  if (ways.executor && ways.delivery == Delivery::thread) ways.delivery = Delivery::executor;
  if (ways.delivery == Delivery::executor && !ways.executor) {
    throw Error(ErrorClass::usage, "no_executor",
                "Delivery by an executor needs Options::executor.");
  }
  return ways;
}

}  // namespace

SyncEngine::Impl::Impl(Options options)
    : options_(std::move(options)),
      report_(report_to(options_.logger)),
      dispatcher_(ways_of(options_, report_)),
      feed_(dispatcher_, report_),
      queries_(dispatcher_, report_),
      resolvers_(dispatcher_, report_, [this] { sync_soon(); }),
      backoff_(options_.timing.backoff_first.count(), options_.timing.backoff_max.count()),
      live_state_(options_.timing.live_burst_pause),
      watch_(
          options_.timing.watch_interval, [this] { look_at_file(); },
          [this] {
            std::lock_guard lock(watch_mutex_);
            watched_.reset();
          }) {
  if (!options_.timing.random) options_.timing.random = random_fraction;
  if (!options_.timing.now_ms) options_.timing.now_ms = system_now_ms;
  if (options_.database.empty()) {
    throw Error(ErrorClass::usage, "no_database", "No database file was named.", {},
                "Give the path of the SQLite file.");
  }
  options_.page_mutations = std::clamp(options_.page_mutations, 1, 10'000);
  if (options_.history_groups)
    options_.history_groups = std::clamp(*options_.history_groups, 0, 100'000);
  options_.push_mutations = std::clamp(options_.push_mutations, 1, 1'000);
  options_.initial_connections = std::clamp(options_.initial_connections, 1, 8);
  options_.push_bytes =
      std::clamp(options_.push_bytes, std::int64_t{64} << 10, std::int64_t{48} << 20);
}

SyncEngine::Impl::~Impl() {
  if (const auto presence = known_presence_hub()) presence->close();
  stop();
  if (loop_.joinable()) loop_.join();
  stop_watching();
}

void SyncEngine::Impl::log(LogLevel level, const std::string& text) const {
  if (options_.logger) options_.logger(level, text);
}

void SyncEngine::Impl::note_result(const Error* error) {
  {
    std::lock_guard lock(state_mutex_);
    progress_.phase = Phase::idle;
    if (error == nullptr) {
      last_error_.reset();
      online_ = true;
    } else {
      last_error_ = *error;
      if (error->error_class() == ErrorClass::transient) online_ = false;
    }
  }
  tell_status();
  dispatcher_.announce();
  watch_.wake();
}

void SyncEngine::Impl::close_database() {
  feed_.hold_file(false);
  database_.reset();
}

SessionLimits SyncEngine::Impl::session_limits() {
  SessionLimits limits{options_.page_mutations, options_.push_mutations,
                       options_.lease_block,    options_.push_bytes,
                       options_.fold,           options_.initial_connections};
  limits.signer = RequestSigner::of(options_);
  std::lock_guard lock(state_mutex_);
  if (options_.live && loop_running_) limits.listens = options_.timing.live_silence;
  return limits;
}

LocalDatabase& SyncEngine::Impl::database() {
  if (!database_) {
    database_ = LocalDatabase::open(options_.database, LocalDatabase::Mode::engine);
    if (options_.history_groups) database_->limit_history(*options_.history_groups);
    feed_.hold_file(true);
  }
  return *database_;
}

Transport& SyncEngine::Impl::transport() {
  if (!transport_) {
    std::string server = options_.server;
    // Without the engine lock: asking the server something goes beside another engine.
    if (server.empty()) server = open_beside()->state().server;
    if (server.empty()) no_server();
    auto made = make_pg_transport(server, patience(), options_.frames);
    server_ = std::move(server);
    std::lock_guard lock(transport_mutex_);
    if (cancelling_) made->cancel();
    transport_ = std::move(made);
  }
  return *transport_;
}

std::unique_ptr<LocalDatabase> SyncEngine::Impl::open_beside() const {
  return LocalDatabase::open(options_.database, LocalDatabase::Mode::tool);
}

SyncResult SyncEngine::Impl::clone() {
  return exclusively([&] {
    if (options_.server.empty() && !std::filesystem::exists(options_.database)) no_server();
    std::string server = conninfo_without_password(options_.server);
    const std::string wanted = checked_subscription(options_.subscription);
    SyncResult result;
    SessionEvents events = session_events();
    Transport& link = transport();
    SessionLimits limits = session_limits();
    link.sign_with(limits.signer);
    close_database();
    close_app_connection();
    bool exists = false;
    try {
      exists = LocalDatabase::open(options_.database, LocalDatabase::Mode::tool)->state().complete;
    } catch (const StoreError& error) {
      bool fine = error.kind == StoreErrorKind::not_found ||
                  error.kind == StoreErrorKind::not_ours ||
                  error.kind == StoreErrorKind::incomplete;
      if (!fine) throw;  // whether a foreign file can take our tables, create() decides
    }
    if (exists) {
      throw Error(ErrorClass::usage, "file_exists", "The file is already a replica.",
                  options_.database, "Run `objectos-sync sync` on it, or name a new file.");
    }
    const auto connection = [this] {
      return make_pg_transport(server_, patience(), options_.frames);
    };
    database_ = clone_replica(link, {options_.database, server, wanted, connection}, limits, events,
                              result);
    if (options_.history_groups) database_->limit_history(*options_.history_groups);
    feed_.hold_file(true);
    note_conflicts(*database_);
    return result;
  });
}

// For what is asked outside of an exchange.
void SyncEngine::Impl::connect_as_user() {
  transport().sign_with(RequestSigner::of(options_));
  transport().connect();
  transport().act_as(open_beside()->state().client_id);  // also while another engine has the file
}

// The file was synced with the server of the options: from now on that is its server.
void SyncEngine::Impl::follow_server() {
  if (options_.server.empty()) return;
  const std::string server = conninfo_without_password(options_.server);
  if (server != database().state().server) database().set_server(server);
}

SyncResult SyncEngine::Impl::sync(bool push, bool pull) {
  ensure_watched();
  std::int64_t number = 0;
  {
    std::lock_guard lock(state_mutex_);
    number = ++syncs_begun_;
  }
  SyncResult result = exclusively(
      [&] {
        SessionEvents events = session_events();
        SessionLimits limits = session_limits();
        transport().sign_with(limits.signer);
        SyncSession session(transport(), database(), limits, events);
        SyncResult made = session.run(push, pull);
        if (push && pull && send_decisions()) {
          SyncResult after = session.run(false, true);
          made.pulled += after.pulled, made.changes += after.changes;
        }
        follow_server();
        note_conflicts(database());
        return made;
      },
      Writes::noted);
  {
    std::lock_guard lock(state_mutex_);
    if (push && pull) last_good_sync_ = std::max(last_good_sync_, number);
    synced_once_ = true;
  }
  wake_.notify_all();
  return result;
}

// The server decides for everybody. The file shows the conflict as ended with the pull that brings
// what came of it, which is another engine's where that one has the file.
Verdict SyncEngine::Impl::resolve(const std::string& conflict, const std::string& text,
                                  bool values) {
  const std::string conflict_id = checked_conflict_id(conflict);
  if (values) check_values(text);
  Verdict verdict = exclusively([&] {
    Verdict made;
    for (const LocalConflict& local : open_beside()->conflicts()) {
      if (local.conflict_id != conflict_id) continue;
      made.object = local.object;
      made.record_id = local.record_id;
    }
    connect_as_user();
    VerdictRow row = values ? transport().resolve_values(conflict_id, text)
                            : transport().resolve(conflict_id, text);
    made.mutation_id = row.mutation_id;
    made.status = row.status;
    made.version = row.version;
    made.reason = row.reason.value_or("");
    made.resolution = row.resolution.value_or("");
    made.detail = row.detail.value_or("");
    return made;
  });
  try {
    sync(false, true);
  } catch (const Error& error) {
    if (error.code() != "file_busy") throw;
  }
  return verdict;
}

// Kept in the file first: after a crash the next sync sends it.
SyncResult SyncEngine::Impl::subscribe(const std::string& subscription) {
  const std::string wanted = checked_subscription(subscription);
  exclusively([&] {
    database().want_subscription(wanted);
    return true;
  });
  return sync(false, true);
}

std::string SyncEngine::Impl::subscription() {
  return translated([&] {
    const LocalSubscription local = open_beside()->subscription();
    return local.wanted.value_or(local.accepted);
  });
}

VerifyReport SyncEngine::Impl::verify(const VerifyOptions& options) {
  return exclusively([&] {
    SessionEvents events = session_events();
    transport().sign_with(RequestSigner::of(options_));
    SyncSession session(transport(), database(), {options_.page_mutations, options_.push_mutations},
                        events);
    VerifyReport report = session.verify(options);
    note_conflicts(database());
    return report;
  });
}

std::vector<HistoryEntry> SyncEngine::Impl::record_log(const std::string& object,
                                                       const std::string& record_id, int max) {
  check_text(object, "object");
  check_text(record_id, "record");
  return exclusively([&] {
    connect_as_user();
    return transport().history(object, record_id, max, std::nullopt);
  });
}

void SyncEngine::Impl::detach(bool force) {
  stop();
  exclusively([&] {
    StoreCounters counters = database().counters();
    std::int64_t waiting = counters.pending + counters.in_flight;
    if (waiting > 0 && !force) {
      throw Error(ErrorClass::usage, "pending_mutations",
                  std::to_string(waiting) +
                      " edits were not yet sent and would be forgotten "
                      "by the server.",
                  {}, "Run sync first, or say --force.");
    }
    close_database();
    close_app_connection();
    LocalDatabase::detach(options_.database);
    return true;
  });
}

Progress SyncEngine::Impl::progress() {
  std::lock_guard lock(state_mutex_);
  return progress_;
}

void SyncEngine::Impl::describe_file(Status& status) const {
  std::unique_ptr<LocalDatabase> beside;
  try {
    beside = open_beside();
  } catch (const StoreError& error) {
    if (error.kind != StoreErrorKind::incomplete) throw;
    status.complete = false;
    return;
  }
  describe_file(status, *beside);
}

void SyncEngine::Impl::describe_file(Status& status, const LocalDatabase& database) {
  SyncState state = database.state();
  StoreCounters counters = database.counters();
  status.complete = state.complete;
  status.pending = counters.pending + counters.in_flight;
  status.conflicts = counters.conflicts_open;
  status.rejections = counters.rejections;
  status.client_id = state.client_id;
  status.user_id = state.user_id;
  status.server = state.server;
  status.epoch = state.epoch;
  status.last_sync = state.last_sync;
  status.objects.clear();
  for (const LocalObject& object : database.objects()) status.objects.push_back(object.name);
  status.leases.clear();
  for (const Lease& lease : database.leases()) status.leases.push_back({lease.object, lease.left});
}

Status SyncEngine::Impl::status() {
  Status status;
  translated([&] { describe_file(status); });
  describe_engine(status);
  return status;
}

void SyncEngine::Impl::describe_engine(Status& status) {
  std::lock_guard lock(state_mutex_);
  status.phase = progress_.phase;
  if (loop_waiting_ && status.phase == Phase::idle)
    status.phase = paused_ ? Phase::paused : Phase::waiting;
  status.online = online_;
  if (last_error_) {
    status.last_error = last_error_->message();
    status.last_error_class = error_class_name(last_error_->error_class());
    status.last_error_code = last_error_->code();
  }
  status.failures = backoff_.failures();
  status.retry_delay_ms = retry_delay_ms_;
  status.live = live_;
  status.live_reason = live_reason_;
}

std::vector<PendingMutation> SyncEngine::Impl::pending() {
  return translated([&] {
    std::vector<PendingMutation> list;
    for (const QueuedMutation& mutation : open_beside()->queue()) {
      if (mutation.state != "judged") list.push_back(public_form(mutation));
    }
    return list;
  });
}

std::vector<Conflict> SyncEngine::Impl::conflicts() {
  return translated([&] {
    std::vector<Conflict> list;
    for (const LocalConflict& local : open_beside()->conflicts()) {
      list.push_back(public_form(local));
    }
    return list;
  });
}

std::vector<RejectedMutation> SyncEngine::Impl::rejections() {
  return translated([&] {
    std::vector<RejectedMutation> list;
    for (const Rejection& r : open_beside()->rejections()) {
      list.push_back({r.mutation_id, r.object, r.record_id, r.operation, r.reason, r.detail,
                      r.before, r.after});
    }
    return list;
  });
}

}  // namespace objectos
