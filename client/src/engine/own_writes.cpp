// The app's own writes through the engine: on the caller's thread, on a connection of their own, so
// that a running sync and they wait for nothing but SQLite's write lock.
#include "engine/engine_impl.h"
#include "engine/public_forms.h"
#include "engine/text_refusals.h"
#include "engine/translated.h"

namespace objectos {

void Transaction::execute(const std::string& sql, const std::vector<Value>& parameters) {
  translated([&] { return database_.run_statement(sql, parameters); });
}

std::vector<Row> Transaction::query(const std::string& sql, const std::vector<Value>& parameters) {
  return translated([&] { return database_.run_statement(sql, parameters); });
}

// A thread that applies a round holds the file's write lock, for which its callbacks would wait in
// vain.
template <typename Work>
auto SyncEngine::Impl::beside(Work work) {
  const std::thread::id self = std::this_thread::get_id();
  if (app_thread_.load() == self || worker_.load() == self) {
    throw Error(ErrorClass::usage, "reentrant",
                "A transaction, a progress or a log callback must not write through the engine.");
  }
  struct Holding {
    Impl* impl;
    ~Holding() { impl->app_thread_ = std::thread::id{}; }
  };
  std::lock_guard lock(app_mutex_);
  app_thread_ = self;
  Holding holding{this};
  return translated([&] {
    if (!app_connection_) {
      app_connection_ = open_beside();
      if (options_.history_groups) app_connection_->limit_history(*options_.history_groups);
    }
    return work(*app_connection_);
  });
}

TransactionResult SyncEngine::Impl::transaction(const std::function<void(Transaction&)>& write) {
  return beside([&](LocalDatabase& database) {
    return database.write_group([&] {
      Transaction transaction(database);
      write(transaction);
    });
  });
}

std::vector<PendingMutation> SyncEngine::Impl::discard(const std::string& mutation_id) {
  return beside([&](LocalDatabase& database) {
    const SessionEvents events = session_events();
    std::unique_ptr<WriteScope> scope = events.begin_write();
    const Discarded discarded = database.discard(mutation_id, [&] { scope->begun(database); });
    scope->rejected(discarded.rows);
    scope.reset();
    events.stored(database);
    std::vector<PendingMutation> list;
    for (const QueuedMutation& mutation : discarded.mutations)
      list.push_back(public_form(mutation));
    return list;
  });
}

// The triggers queue it as the app's own write, of which the listeners hear as of any other.
std::string SyncEngine::Impl::retry(const std::string& mutation_id) {
  return beside([&](LocalDatabase& database) { return database.retry(mutation_id); });
}

void SyncEngine::Impl::dismiss(const std::string& mutation_id) {
  beside([&](LocalDatabase& database) { database.dismiss(mutation_id); });
}

std::string SyncEngine::Impl::edit_text(const std::string& object, const std::string& record_id,
                                        const std::string& field, const TextOperation& operation,
                                        const std::optional<std::string>& seen,
                                        const TextMade& made) {
  return beside([&](LocalDatabase& database) {
    const SessionEvents events = session_events();
    std::unique_ptr<WriteScope> scope = events.begin_write();
    const TextWritten written = with_refusals([&] {
      return database.edit_text(
          {object, record_id, field, operation, options_.timing.now_ms(), seen, made},
          [&] { scope->begun(database); });
    });
    if (written.change) scope->edited(*written.change);
    return written.text;
  });
}

std::optional<std::string> SyncEngine::Impl::text_of(const std::string& object,
                                                     const std::string& record_id,
                                                     const std::string& field) {
  return translated([&] { return open_beside()->text(object, record_id, field); });
}

UndoResult SyncEngine::Impl::invert_group(bool redo) {
  return beside([&](LocalDatabase& database) { return database.invert_group(redo); });
}

std::vector<HistoryGroup> SyncEngine::Impl::history() {
  return translated([&] { return open_beside()->history(); });
}

std::vector<LocalDifference> SyncEngine::Impl::verify_local() {
  return translated([&] { return open_beside()->verify_local(); });
}

void SyncEngine::Impl::close_app_connection() {
  std::lock_guard lock(app_mutex_);
  app_connection_.reset();
}

}  // namespace objectos
