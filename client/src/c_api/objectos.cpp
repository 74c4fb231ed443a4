// The C API forwards to SyncEngine; values go out as JSON.
#include "objectos/objectos.h"

#include "c_api/guarded_call.h"
#include "c_api/options_json.h"
#include "c_api/values_json.h"

static_assert(static_cast<int>(objectos::LogLevel::debug) == OBJECTOS_LOG_DEBUG &&
              static_cast<int>(objectos::LogLevel::info) == OBJECTOS_LOG_INFO &&
              static_cast<int>(objectos::LogLevel::warning) == OBJECTOS_LOG_WARNING &&
              static_cast<int>(objectos::LogLevel::error) == OBJECTOS_LOG_ERROR);

using namespace objectos;
using namespace objectos::c_api;

const char* objectos_version(void) {
  return objectos::version();
}

int objectos_error_get_class(const objectos_error* error) {
  return class_number(error->error.error_class());
}
const char* objectos_error_code(const objectos_error* error) {
  return error->error.code().c_str();
}
const char* objectos_error_message(const objectos_error* error) {
  return error->error.what();
}
const char* objectos_error_detail(const objectos_error* error) {
  return error->error.detail().c_str();
}
const char* objectos_error_hint(const objectos_error* error) {
  return error->error.hint().c_str();
}
void objectos_error_free(objectos_error* error) {
  delete error;
}

void objectos_free(char* text) {
  std::free(text);
}

objectos_engine* objectos_open(const char* options, objectos_error** error) {
  return objectos_open_logged(options, nullptr, nullptr, error);
}

objectos_engine* objectos_open_logged(const char* options, objectos_log_callback log, void* user,
                                      objectos_error** error) {
  objectos_engine* made = nullptr;
  guarded(error, [&] {
    Options wanted = options_from_json(text_of(options, "options"));
    if (log != nullptr) {
      wanted.logger = [log, user](LogLevel level, const std::string& text) {
        log(user, static_cast<int>(level), text.c_str());
      };
    }
    made = new objectos_engine(std::move(wanted));
  });
  return made;
}

void objectos_close(objectos_engine* engine) {
  guarded(nullptr, [&] { delete engine; });
}

int objectos_clone(objectos_engine* engine, char** result, objectos_error** error) {
  return answered(engine, result, error, [](SyncEngine& it) { return it.clone(); });
}
int objectos_sync(objectos_engine* engine, char** result, objectos_error** error) {
  return answered(engine, result, error, [](SyncEngine& it) { return it.sync_now(); });
}
int objectos_push(objectos_engine* engine, char** result, objectos_error** error) {
  return answered(engine, result, error, [](SyncEngine& it) { return it.push_now(); });
}
int objectos_pull(objectos_engine* engine, char** result, objectos_error** error) {
  return answered(engine, result, error, [](SyncEngine& it) { return it.pull_now(); });
}

int objectos_start(objectos_engine* engine, objectos_error** error) {
  return guarded(error, [&] { engine_of(engine).start(); });
}
int objectos_stop(objectos_engine* engine, objectos_error** error) {
  return guarded(error, [&] { engine_of(engine).stop(); });
}

int objectos_pause(objectos_engine* engine, objectos_error** error) {
  return guarded(error, [&] { engine_of(engine).pause(); });
}
int objectos_resume(objectos_engine* engine, objectos_error** error) {
  return guarded(error, [&] { engine_of(engine).resume(); });
}
int objectos_sync_soon(objectos_engine* engine, objectos_error** error) {
  return guarded(error, [&] { engine_of(engine).sync_soon(); });
}
int objectos_transaction(objectos_engine* engine, const char* statements, char** result,
                         objectos_error** error) {
  return answered(engine, result, error, [&](SyncEngine& it) {
    const auto wanted = statements_from_json(text_of(statements, "statements"));
    return it.transaction([&](Transaction& transaction) {
      for (const SqlStatement& each : wanted) transaction.execute(each.sql, each.parameters);
    });
  });
}

int objectos_undo(objectos_engine* engine, char** result, objectos_error** error) {
  return answered(engine, result, error, [](SyncEngine& it) { return it.undo(); });
}
int objectos_redo(objectos_engine* engine, char** result, objectos_error** error) {
  return answered(engine, result, error, [](SyncEngine& it) { return it.redo(); });
}
int objectos_history(objectos_engine* engine, char** groups, objectos_error** error) {
  return answered(engine, groups, error, [](SyncEngine& it) { return it.history(); });
}

int objectos_wait_until_synced(objectos_engine* engine, int timeout_ms, int* synced,
                               objectos_error** error) {
  if (synced != nullptr) *synced = 0;
  return guarded(error, [&] {
    bool done = engine_of(engine).wait_until_synced(std::chrono::milliseconds(timeout_ms));
    if (synced != nullptr) *synced = done ? 1 : 0;
  });
}

int objectos_status(objectos_engine* engine, char** status, objectos_error** error) {
  return answered(engine, status, error, [](SyncEngine& it) { return it.status(); });
}
int objectos_progress(objectos_engine* engine, char** progress, objectos_error** error) {
  return answered(engine, progress, error, [](SyncEngine& it) { return it.progress(); });
}
int objectos_pending(objectos_engine* engine, char** mutations, objectos_error** error) {
  return answered(engine, mutations, error, [](SyncEngine& it) { return it.pending(); });
}
int objectos_conflicts(objectos_engine* engine, char** conflicts, objectos_error** error) {
  return answered(engine, conflicts, error, [](SyncEngine& it) { return it.conflicts(); });
}
int objectos_rejections(objectos_engine* engine, char** rejections, objectos_error** error) {
  return answered(engine, rejections, error, [](SyncEngine& it) { return it.rejections(); });
}

int objectos_discard(objectos_engine* engine, const char* mutation_id, char** mutations,
                     objectos_error** error) {
  return answered(engine, mutations, error,
                  [&](SyncEngine& it) { return it.discard(text_of(mutation_id, "mutation_id")); });
}
int objectos_retry(objectos_engine* engine, const char* mutation_id, char** result,
                   objectos_error** error) {
  if (result != nullptr) *result = nullptr;
  return guarded(error, [&] {
    const std::string again = engine_of(engine).retry(text_of(mutation_id, "mutation_id"));
    Json json = Json::object();
    json.set("mutation_id", again.empty() ? Json() : Json::string(again));
    give(result, json);
  });
}
int objectos_dismiss(objectos_engine* engine, const char* mutation_id, objectos_error** error) {
  return guarded(error, [&] { engine_of(engine).dismiss(text_of(mutation_id, "mutation_id")); });
}

int objectos_resolve(objectos_engine* engine, const char* conflict_id, const char* resolution,
                     const char* values, char** verdict, objectos_error** error) {
  return answered(engine, verdict, error, [&](SyncEngine& it) {
    std::string conflict = text_of(conflict_id, "conflict_id");
    if (resolution != nullptr) return it.resolve(conflict, resolution);
    return it.resolve_with(conflict, text_of(values, "values"));
  });
}

int objectos_verify(objectos_engine* engine, int repair, char** report, objectos_error** error) {
  return answered(engine, report, error,
                  [&](SyncEngine& it) { return it.verify({.repair = repair != 0}); });
}
int objectos_verify_local(objectos_engine* engine, char** differences, objectos_error** error) {
  return answered(engine, differences, error, [](SyncEngine& it) { return it.verify_local(); });
}
int objectos_log(objectos_engine* engine, const char* object, const char* record_id, char** entries,
                 objectos_error** error) {
  return answered(engine, entries, error, [&](SyncEngine& it) {
    return it.log(text_of(object, "object"), text_of(record_id, "record_id"));
  });
}
int objectos_diff(objectos_engine* engine, char** records, objectos_error** error) {
  return answered(engine, records, error, [](SyncEngine& it) { return it.diff(); });
}
int objectos_diagnose(objectos_engine* engine, char** findings, objectos_error** error) {
  return answered(engine, findings, error, [](SyncEngine& it) { return it.diagnose(); });
}

int objectos_subscribe(objectos_engine* engine, const char* subscription, char** result,
                       objectos_error** error) {
  return answered(engine, result, error, [&](SyncEngine& it) {
    return it.subscribe(subscription == nullptr ? "" : subscription);
  });
}
int objectos_get_subscription(objectos_engine* engine, char** subscription,
                              objectos_error** error) {
  if (subscription != nullptr) *subscription = nullptr;
  return guarded(error, [&] {
    const std::string text = engine_of(engine).subscription();
    give(subscription, text.empty() ? Json() : parse_json(text));
  });
}

int objectos_detach(objectos_engine* engine, int force, objectos_error** error) {
  return guarded(error, [&] { engine_of(engine).detach(force != 0); });
}
