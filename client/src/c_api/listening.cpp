// The C API's callbacks: listeners, live queries, the resolver, and how they are delivered.
#include "c_api/guarded_call.h"
#include "c_api/values_json.h"

using namespace objectos;
using namespace objectos::c_api;

namespace {

// Hands the event over as text.
template <typename Event>
auto as_text(objectos_callback callback, void* user) {
  return
      [callback, user](const Event& event) { callback(user, public_text(to_json(event)).c_str()); };
}

Subscription listen(SyncEngine& engine, const std::string& event, const std::string& object,
                    objectos_callback callback, void* user) {
  if (event == "change") return engine.on_change(object, as_text<Change>(callback, user));
  if (event == "status") return engine.on_status(as_text<Status>(callback, user));
  if (event == "progress") return engine.on_progress(as_text<Progress>(callback, user));
  if (event == "conflict") return engine.on_conflict(as_text<Conflict>(callback, user));
  if (event == "rejection") return engine.on_rejection(as_text<RejectedMutation>(callback, user));
  if (event == "verdict") return engine.on_verdict(as_text<Verdict>(callback, user));
  throw Error(ErrorClass::usage, "unknown_event", "There is no event \"" + event + "\".");
}

Decision decision_of(const char* answer) {
  if (answer == nullptr) return Decision::later();
  const std::string text = answer;
  if (text == "client_wins") return Decision::client_wins();
  if (text == "server_wins") return Decision::server_wins();
  return Decision::values(text);
}

// NULL, and `*error` filled, when `make` throws.
template <typename Make>
objectos_subscription* subscribed(bool has_callback, objectos_error** error, Make make) {
  objectos_subscription* made = nullptr;
  guarded(error, [&] {
    if (!has_callback) text_of(nullptr, "callback");
    made = new objectos_subscription{make()};
  });
  return made;
}

}  // namespace

objectos_subscription* objectos_on(objectos_engine* engine, const char* event, const char* object,
                                   objectos_callback callback, void* user, objectos_error** error) {
  return subscribed(callback != nullptr, error, [&] {
    return listen(engine_of(engine), text_of(event, "event"), object != nullptr ? object : "",
                  callback, user);
  });
}

objectos_subscription* objectos_watch(objectos_engine* engine, const char* sql,
                                      const char* parameters, objectos_callback callback,
                                      void* user, objectos_error** error) {
  return subscribed(callback != nullptr, error, [&] {
    return engine_of(engine).watch(text_of(sql, "sql"),
                                   values_from_json(parameters != nullptr ? parameters : "[]"),
                                   as_text<QueryChange>(callback, user));
  });
}

objectos_subscription* objectos_set_resolver(objectos_engine* engine, const char* object,
                                             objectos_resolver resolver, void* user,
                                             objectos_error** error) {
  return subscribed(resolver != nullptr, error, [&] {
    return engine_of(engine).set_resolver(
        object != nullptr ? object : "", [resolver, user](const ConflictQuestion& question) {
          return decision_of(resolver(user, public_text(to_json(question)).c_str()));
        });
  });
}

void objectos_unsubscribe(objectos_subscription* subscription) {
  guarded(nullptr, [&] { delete subscription; });
}

int objectos_poll(objectos_engine* engine, int timeout_ms, int* ran, objectos_error** error) {
  if (ran != nullptr) *ran = 0;
  return guarded(error, [&] {
    const int count = engine_of(engine).poll(std::chrono::milliseconds(timeout_ms));
    if (ran != nullptr) *ran = count;
  });
}

int objectos_wakeup_fd(objectos_engine* engine) {
  int descriptor = -1;
  guarded(nullptr, [&] { descriptor = engine_of(engine).wakeup_fd(); });
  return descriptor;
}

int objectos_drain(objectos_engine* engine, int timeout_ms, int* done, objectos_error** error) {
  if (done != nullptr) *done = 0;
  return guarded(error, [&] {
    const bool all = engine_of(engine).drain(std::chrono::milliseconds(timeout_ms));
    if (done != nullptr) *done = all ? 1 : 0;
  });
}
