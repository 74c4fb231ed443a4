// The boundary of the C API: no exception passes it.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "engine/public_json.h"
#include "objectos/objectos.h"
#include "objectos/sync_engine.h"

struct objectos_engine {
  objectos::SyncEngine engine;
  explicit objectos_engine(objectos::Options options) : engine(std::move(options)) {}
};

struct objectos_error {
  objectos::Error error;
};

struct objectos_subscription {
  objectos::Subscription token;
};

namespace objectos::c_api {

inline int class_number(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::transient:
      return OBJECTOS_TRANSIENT;
    case ErrorClass::rejected:
      return OBJECTOS_REJECTED;
    case ErrorClass::auth:
      return OBJECTOS_AUTH;
    case ErrorClass::resync:
      return OBJECTOS_RESYNC;
    case ErrorClass::fork:
      return OBJECTOS_FORK;
    case ErrorClass::upgrade:
      return OBJECTOS_UPGRADE;
    case ErrorClass::local:
      return OBJECTOS_LOCAL;
    case ErrorClass::usage:
      return OBJECTOS_USAGE;
    case ErrorClass::internal:
      return OBJECTOS_INTERNAL;
  }
  return OBJECTOS_INTERNAL;
}

// Out of memory leaves `*error` NULL: the class alone must do.
inline int fail(objectos_error** error, const Error& cause) noexcept {
  if (error != nullptr) {
    try {
      *error = new objectos_error{cause};
    } catch (...) {
      *error = nullptr;
    }
  }
  return class_number(cause.error_class());
}

template <typename Work>
int guarded(objectos_error** error, Work work) noexcept {
  if (error != nullptr) *error = nullptr;
  try {
    work();
    return OBJECTOS_OK;
  } catch (const Error& cause) {
    return fail(error, cause);
  } catch (const std::bad_alloc&) {
    return OBJECTOS_INTERNAL;
  } catch (const std::exception& cause) {
    try {
      return fail(error, Error(ErrorClass::internal, "internal", cause.what()));
    } catch (...) {
      return OBJECTOS_INTERNAL;
    }
  } catch (...) {
    return OBJECTOS_INTERNAL;
  }
}

// A copy for the caller, who frees it.
inline void give(char** target, const std::string& text) {
  if (target == nullptr) return;
  char* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, text.c_str(), text.size() + 1);
  *target = copy;
}

inline void give(char** target, const Json& json) {
  if (target != nullptr) give(target, public_text(json));
}

inline SyncEngine& engine_of(objectos_engine* engine) {
  if (engine == nullptr) throw Error(ErrorClass::usage, "no_engine", "The engine is NULL.");
  return engine->engine;
}

inline std::string text_of(const char* text, const char* what) {
  if (text == nullptr) {
    throw Error(ErrorClass::usage, "no_value", std::string("A value is NULL: ") + what + ".");
  }
  return text;
}

// Runs `work` on the engine and gives its value out as JSON.
template <typename Work>
int answered(objectos_engine* engine, char** target, objectos_error** error, Work work) noexcept {
  if (target != nullptr) *target = nullptr;
  return guarded(error, [&] { give(target, to_json(work(engine_of(engine)))); });
}

}  // namespace objectos::c_api
