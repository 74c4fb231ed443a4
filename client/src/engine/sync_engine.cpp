// The public face: every member forwards to Impl.
#include "objectos/sync_engine.h"

#include "engine/engine_impl.h"
#include "engine/text_refusals.h"
#include "protocol/text_operation_json.h"

namespace objectos {

const char* phase_name(Phase phase) noexcept {
  switch (phase) {
    case Phase::idle:
      return "idle";
    case Phase::connecting:
      return "connecting";
    case Phase::cloning:
      return "cloning";
    case Phase::pushing:
      return "pushing";
    case Phase::pulling:
      return "pulling";
    case Phase::verifying:
      return "verifying";
    case Phase::acknowledging:
      return "acknowledging";
    case Phase::waiting:
      return "waiting";
    case Phase::stopped:
      return "stopped";
    case Phase::paused:
      return "paused";
  }
  return "idle";
}

const char* live_name(Live live) noexcept {
  switch (live) {
    case Live::off:
      return "off";
    case Live::reconnecting:
      return "reconnecting";
    case Live::polling:
      return "polling";
    case Live::listening:
      return "listening";
  }
  return "off";
}

const char* version() noexcept {
  return "objectos_sync 0.1.0";
}

SyncEngine::SyncEngine(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
SyncEngine::~SyncEngine() = default;

SyncResult SyncEngine::clone() {
  return impl_->clone();
}
void SyncEngine::start() {
  impl_->start();
}
void SyncEngine::stop() {
  impl_->stop();
}
SyncResult SyncEngine::sync_now() {
  return impl_->sync(true, true);
}
SyncResult SyncEngine::push_now() {
  return impl_->sync(true, false);
}
SyncResult SyncEngine::pull_now() {
  return impl_->sync(false, true);
}
bool SyncEngine::wait_until_synced(std::chrono::milliseconds timeout) {
  return impl_->wait_until_synced(timeout);
}
Status SyncEngine::status() {
  return impl_->status();
}
Progress SyncEngine::progress() {
  return impl_->progress();
}
std::vector<PendingMutation> SyncEngine::pending() {
  return impl_->pending();
}
std::vector<Conflict> SyncEngine::conflicts() {
  return impl_->conflicts();
}
std::vector<RejectedMutation> SyncEngine::rejections() {
  return impl_->rejections();
}
std::vector<PendingMutation> SyncEngine::discard(const std::string& mutation_id) {
  return impl_->discard(mutation_id);
}
std::string SyncEngine::retry(const std::string& mutation_id) {
  return impl_->retry(mutation_id);
}
void SyncEngine::dismiss(const std::string& mutation_id) {
  impl_->dismiss(mutation_id);
}
SyncResult SyncEngine::subscribe(const std::string& subscription) {
  return impl_->subscribe(subscription);
}
std::string SyncEngine::subscription() {
  return impl_->subscription();
}
Verdict SyncEngine::resolve(const std::string& conflict_id, const std::string& resolution) {
  return impl_->resolve(conflict_id, resolution, false);
}
Verdict SyncEngine::resolve_with(const std::string& conflict_id, const std::string& values) {
  return impl_->resolve(conflict_id, values, true);
}
TransactionResult SyncEngine::transaction(const std::function<void(Transaction&)>& write) {
  return impl_->transaction(write);
}
std::string SyncEngine::edit_text(const std::string& object, const std::string& record_id,
                                  const std::string& field, const std::string& operation) {
  const TextOperation parsed =
      with_refusals([&] { return parse_text_operation(std::string_view(operation)); });
  return impl_->edit_text(object, record_id, field, parsed);
}

UndoResult SyncEngine::undo() {
  return impl_->invert_group(false);
}
UndoResult SyncEngine::redo() {
  return impl_->invert_group(true);
}
std::vector<HistoryGroup> SyncEngine::history() {
  return impl_->history();
}
std::vector<LocalDifference> SyncEngine::verify_local() {
  return impl_->verify_local();
}
std::vector<Finding> SyncEngine::diagnose() {
  return impl_->diagnose();
}
VerifyReport SyncEngine::verify(const VerifyOptions& options) {
  return impl_->verify(options);
}
std::vector<HistoryEntry> SyncEngine::log(const std::string& object, const std::string& record_id,
                                          int max) {
  return impl_->record_log(object, record_id, max);
}
std::vector<RecordDiff> SyncEngine::diff() {
  return impl_->diff();
}
void SyncEngine::detach(bool force) {
  impl_->detach(force);
}

void SyncEngine::pause() {
  impl_->pause_loop();
}
void SyncEngine::resume() {
  impl_->resume_loop();
}
void SyncEngine::sync_soon() {
  impl_->sync_soon();
}
int SyncEngine::poll(std::chrono::milliseconds timeout) {
  return impl_->dispatcher().poll(timeout);
}
int SyncEngine::wakeup_fd() {
  return impl_->dispatcher().wakeup_fd();
}
bool SyncEngine::drain(std::chrono::milliseconds timeout) {
  return impl_->dispatcher().drain(timeout);
}

Subscription SyncEngine::on_change(const std::string& object,
                                   std::function<void(const Change&)> callback) {
  return impl_->on_change(object, std::move(callback));
}
Subscription SyncEngine::on_status(std::function<void(const Status&)> callback) {
  return impl_->on_status(std::move(callback));
}
Subscription SyncEngine::watch(const std::string& sql,
                               std::function<void(const QueryChange&)> callback) {
  return impl_->watch(sql, {}, std::move(callback));
}
Subscription SyncEngine::watch(const std::string& sql, const std::vector<Value>& parameters,
                               std::function<void(const QueryChange&)> callback) {
  return impl_->watch(sql, parameters, std::move(callback));
}
Subscription SyncEngine::set_resolver(const std::string& object, Resolver resolver) {
  return impl_->set_resolver(object, std::move(resolver));
}
Subscription SyncEngine::on_progress(std::function<void(const Progress&)> callback) {
  return impl_->progress_listeners.add(std::move(callback));
}
Subscription SyncEngine::on_conflict(std::function<void(const Conflict&)> callback) {
  return impl_->conflict_listeners.add(std::move(callback));
}
Subscription SyncEngine::on_rejection(std::function<void(const RejectedMutation&)> callback) {
  return impl_->rejection_listeners.add(std::move(callback));
}
Subscription SyncEngine::on_verdict(std::function<void(const Verdict&)> callback) {
  return impl_->verdict_listeners.add(std::move(callback));
}

}  // namespace objectos
