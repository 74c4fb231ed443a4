#include "engine/engine_impl.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "engine/translated.h"
#include "protocol/json.h"
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

Conflict public_form(const LocalConflict& local) {
  Conflict conflict{local.conflict_id,
                    local.mutation_id,
                    local.object,
                    local.record_id,
                    local.reason,
                    local.status,
                    "",
                    "",
                    ""};
  try {
    const Json json = parse_json(local.data);
    if (const Json* base = json.find("base"); base != nullptr && !base->is_null()) {
      conflict.base = write_json(*base);
    }
    const Json* fields = json.find("conflicts");
    if (fields == nullptr) return conflict;
    Json client = Json::object(), server = Json::object();
    for (const Json& field : fields->items()) {
      const Json* name = field.find("field");
      if (name == nullptr) continue;
      const Json* ours = field.find("client_value");
      const Json* theirs = field.find("server_value");
      client.set(name->text(), ours != nullptr ? *ours : Json());
      server.set(name->text(), theirs != nullptr ? *theirs : Json());
    }
    conflict.client = write_json(client);
    conflict.server = write_json(server);
  } catch (const ProtocolError&) {
    conflict.server = local.data;  // shown as it is rather than hidden
  }
  return conflict;
}

}  // namespace

SyncEngine::Impl::Impl(Options options)
    : options_(std::move(options)),
      backoff_(options_.timing.backoff_first.count(), options_.timing.backoff_max.count()) {
  if (!options_.timing.random) options_.timing.random = random_fraction;
  if (!options_.timing.now_ms) options_.timing.now_ms = system_now_ms;
  if (options_.database.empty()) {
    throw Error(ErrorClass::usage, "no_database", "No database file was named.");
  }
  options_.page_mutations = std::clamp(options_.page_mutations, 1, 10'000);
  options_.push_mutations = std::clamp(options_.push_mutations, 1, 1'000);
}

SyncEngine::Impl::~Impl() {
  stop();
  if (loop_.joinable()) loop_.join();
}

void SyncEngine::Impl::log(LogLevel level, const std::string& text) const {
  if (options_.logger) options_.logger(level, text);
}

// Runs `work` as the only one, remembers how it ended, then delivers the events it caused.
template <typename Work>
auto SyncEngine::Impl::exclusively(Work work) {
  if (worker_.load() == std::this_thread::get_id()) {
    throw Error(ErrorClass::usage, "reentrant",
                "A progress or log callback must not call the engine's sync functions.");
  }
  if (app_thread_.load() == std::this_thread::get_id()) {
    throw Error(ErrorClass::usage, "reentrant",
                "A transaction must not call the engine's sync functions.");
  }
  struct Finish {
    Impl* impl;
    ~Finish() { impl->worker_ = std::thread::id{}; }
  };
  std::optional<decltype(work())> result;
  try {
    std::lock_guard lock(work_mutex_);
    worker_ = std::this_thread::get_id();
    Finish finish{this};
    result = translated(work);
  } catch (const Error& error) {
    note_result(&error);
    deliver();
    throw;
  }
  note_result(nullptr);
  deliver();
  return std::move(*result);
}

void SyncEngine::Impl::note_result(const Error* error) {
  std::lock_guard lock(state_mutex_);
  progress_.phase = Phase::idle;
  if (error == nullptr) {
    last_error_.reset();
    online_ = true;
  } else {
    last_error_ = error->message();
    if (error->error_class() == ErrorClass::transient) online_ = false;
  }
}

void SyncEngine::Impl::deliver() {
  std::vector<Event> events;
  {
    std::lock_guard lock(work_mutex_);
    events.swap(events_);
  }
  for (const Event& event : events) {
    if (auto* change = std::get_if<Change>(&event)) change_listeners.call(*change);
    if (auto* verdict = std::get_if<Verdict>(&event)) verdict_listeners.call(*verdict);
    if (auto* rejected = std::get_if<RejectedMutation>(&event)) {
      rejection_listeners.call(*rejected);
    }
    if (auto* conflict = std::get_if<Conflict>(&event)) conflict_listeners.call(*conflict);
  }
}

SessionLimits SyncEngine::Impl::session_limits() const {
  return {options_.page_mutations, options_.push_mutations, options_.lease_block};
}

LocalDatabase& SyncEngine::Impl::database() {
  if (!database_) {
    database_ = LocalDatabase::open(options_.database, LocalDatabase::Mode::engine);
  }
  return *database_;
}

Transport& SyncEngine::Impl::transport() {
  if (!transport_) {
    std::string server = options_.server;
    if (server.empty()) server = database().state().server;
    if (server.empty()) {
      throw Error(ErrorClass::usage, "no_server", "No server was named.", {},
                  "Give a connection string like postgresql:///crm.");
    }
    auto made = make_pg_transport(server, options_.timing.connect_timeout, options_.frames);
    std::lock_guard lock(transport_mutex_);
    transport_ = std::move(made);
  }
  return *transport_;
}

std::unique_ptr<LocalDatabase> SyncEngine::Impl::open_beside() const {
  return LocalDatabase::open(options_.database, LocalDatabase::Mode::tool);
}

SessionEvents SyncEngine::Impl::session_events() {
  SessionEvents events;
  events.progress = [this](const Progress& progress) {
    {
      std::lock_guard lock(state_mutex_);
      progress_ = progress;
    }
    progress_listeners.call(progress);
  };
  events.verdict = [this](const Verdict& verdict) { events_.emplace_back(verdict); };
  events.rejection = [this](const RejectedMutation& rejected) { events_.emplace_back(rejected); };
  if (!change_listeners.empty())
    events.change = [this](const Change& change) { events_.emplace_back(change); };
  events.log = [this](LogLevel level, const std::string& text) { log(level, text); };
  events.now_ms = options_.timing.now_ms;
  return events;
}

void SyncEngine::Impl::note_conflicts(const LocalDatabase& database) {
  std::vector<std::string> open;
  for (const LocalConflict& local : database.conflicts()) {
    open.push_back(local.conflict_id);
    bool known = std::find(known_conflicts_.begin(), known_conflicts_.end(), local.conflict_id) !=
                 known_conflicts_.end();
    if (!known) events_.emplace_back(public_form(local));
  }
  known_conflicts_ = std::move(open);
}

SyncResult SyncEngine::Impl::clone() {
  return exclusively([&] {
    std::string server = conninfo_without_password(options_.server);
    SyncResult result;
    SessionEvents events = session_events();
    Transport& link = transport();
    database_.reset();
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
    database_ = clone_replica(link, {options_.database, server}, session_limits(), events, result);
    note_conflicts(*database_);
    return result;
  });
}

// The file was synced with the server of the options: from now on that is its server.
void SyncEngine::Impl::follow_server() {
  if (options_.server.empty()) return;
  const std::string server = conninfo_without_password(options_.server);
  if (server != database().state().server) database().set_server(server);
}

SyncResult SyncEngine::Impl::sync(bool push, bool pull) {
  std::int64_t number = 0;
  {
    std::lock_guard lock(state_mutex_);
    number = ++syncs_begun_;
  }
  SyncResult result = exclusively([&] {
    SessionEvents events = session_events();
    SyncSession session(transport(), database(), session_limits(), events);
    SyncResult made = session.run(push, pull);
    follow_server();
    note_conflicts(database());
    return made;
  });
  {
    std::lock_guard lock(state_mutex_);
    if (push && pull) last_good_sync_ = std::max(last_good_sync_, number);
  }
  wake_.notify_all();
  return result;
}

Verdict SyncEngine::Impl::resolve(const std::string& conflict_id, const std::string& text,
                                  bool values) {
  Verdict verdict = exclusively([&] {
    Verdict made;
    for (const LocalConflict& local : database().conflicts()) {
      if (local.conflict_id != conflict_id) continue;
      made.object = local.object;
      made.record_id = local.record_id;
    }
    transport().connect();
    VerdictRow row = values ? transport().resolve_values(conflict_id, text)
                            : transport().resolve(conflict_id, text);
    made.mutation_id = row.mutation_id;
    made.status = row.status;
    made.version = row.version;
    made.reason = row.reason.value_or("");
    made.resolution = row.resolution.value_or("");
    made.detail = row.detail.value_or("");
    database().store_conflict_resolved(conflict_id, values ? "values" : text);
    return made;
  });
  sync(false, true);
  return verdict;
}

VerifyReport SyncEngine::Impl::verify(const VerifyOptions& options) {
  return exclusively([&] {
    SessionEvents events = session_events();
    SyncSession session(transport(), database(), {options_.page_mutations, options_.push_mutations},
                        events);
    VerifyReport report = session.verify(options);
    note_conflicts(database());
    return report;
  });
}

std::vector<HistoryEntry> SyncEngine::Impl::record_log(const std::string& object,
                                                       const std::string& record_id, int max) {
  return exclusively([&] {
    transport().connect();
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
    database_.reset();
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
  SyncState state = beside->state();
  StoreCounters counters = beside->counters();
  status.complete = state.complete;
  status.pending = counters.pending + counters.in_flight;
  status.conflicts = counters.conflicts_open;
  status.rejections = counters.rejections;
  status.client_id = state.client_id;
  status.user_id = state.user_id;
  status.server = state.server;
  status.epoch = state.epoch;
  status.last_sync = state.last_sync;
  for (const LocalObject& object : beside->objects()) status.objects.push_back(object.name);
  for (const Lease& lease : beside->leases()) status.leases.push_back({lease.object, lease.left});
}

Status SyncEngine::Impl::status() {
  Status status;
  translated([&] { describe_file(status); });
  std::lock_guard lock(state_mutex_);
  status.phase = progress_.phase;
  if (loop_waiting_ && status.phase == Phase::idle) status.phase = Phase::waiting;
  status.online = online_;
  status.last_error = last_error_;
  status.failures = backoff_.failures();
  status.retry_delay_ms = retry_delay_ms_;
  return status;
}

std::vector<PendingMutation> SyncEngine::Impl::pending() {
  return translated([&] {
    std::vector<PendingMutation> list;
    for (const QueuedMutation& m : open_beside()->queue()) {
      if (m.state == "judged") continue;
      list.push_back({m.id, m.client_sequence, m.object, m.record_id, m.operation, m.data,
                      m.timestamp, m.version, m.state});
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
