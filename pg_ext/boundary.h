// The guarded way into C++ and the guarded way out of it (DESIGN section 11).
//
// Invariants:
//  - No C++ exception leaves a function that PostgreSQL called; no longjmp crosses a C++ frame that
//  owns anything.
//  - Inside pg_call() only plain data is created. Strings and vectors live outside and are passed
//  by reference:
//      wrong:  pg_call([&] { std::string s = name(); return lookup(s.c_str()); });   // an ERROR
//      leaks s right:  const std::string s = name(); pg_call([&] { return lookup(s.c_str()); });
//  - Destructors never call the backend. What must be undone is undone by abort, or by the scopes
//  below.
//  - An error is swallowed only around subtransaction(), or own_transaction() in a process of
//  ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "protocol/errors.h"

struct ErrorData;
struct FunctionCallInfoBaseData;

namespace objectos::server {

using Datum = std::uintptr_t;
using Oid = unsigned int;
using FunctionCall = FunctionCallInfoBaseData*;

// An ERROR of the backend, carried through C++ frames. The ErrorData lives in a memory context of
// ours that is emptied when the next outermost call comes in; discard() frees it sooner.
class PgError final : public std::exception {
 public:
  explicit PgError(ErrorData* data) noexcept : data_(data) {}
  const char* what() const noexcept override { return message(); }

  std::string sqlstate() const;          // five characters
  int sqlstate_number() const noexcept;  // as ERRCODE_… macros
  const char* message() const noexcept;
  const char* detail() const noexcept;  // the texts are "" when absent, never null
  const char* hint() const noexcept;
  const char* schema() const noexcept;
  const char* table() const noexcept;
  const char* column() const noexcept;
  const char* constraint() const noexcept;

  ErrorData* data() const noexcept { return data_; }
  void discard() noexcept;

 private:
  ErrorData* data_;
};

// An error of ours with any SQLSTATE ("42501", "OS004", …). protocol's ProtocolError is accepted by
// the boundary as well; prefer it for codes of the OS class.
class SyncError final : public std::exception {
 public:
  SyncError(std::string_view sqlstate, std::string message, std::string detail = {},
            std::string hint = {})
      : sqlstate_(sqlstate),
        message_(std::move(message)),
        detail_(std::move(detail)),
        hint_(std::move(hint)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& sqlstate() const noexcept { return sqlstate_; }
  const std::string& message() const noexcept { return message_; }
  const std::string& detail() const noexcept { return detail_; }
  const std::string& hint() const noexcept { return hint_; }

 private:
  std::string sqlstate_, message_, detail_, hint_;
};

namespace detail {
// Runs `step(argument)` under PG_TRY. Throws PgError on an ERROR; lets C++ exceptions through.
// May fail by test: a fault point (fault_points.h).
void guarded(void (*step)(void*), void* argument, bool may_fail_by_test = true);
Datum enter(FunctionCall call, Datum (*body)(FunctionCall));
}  // namespace detail

// The one way out: calls the backend. The result must be trivially copyable.
template <typename Step>
auto pg_call(Step&& step) -> decltype(step()) {
  using Result = decltype(step());
  if constexpr (std::is_void_v<Result>) {
    detail::guarded([](void* p) { (*static_cast<std::remove_reference_t<Step>*>(p))(); },
                    const_cast<void*>(static_cast<const void*>(&step)));
  } else {
    static_assert(std::is_trivially_copyable_v<Result>, "only plain data crosses the guard");
    struct Frame {
      std::remove_reference_t<Step>* step;
      Result result;
    } frame{&step, Result{}};
    detail::guarded(
        [](void* p) {
          auto* f = static_cast<Frame*>(p);
          f->result = (*f->step)();
        },
        &frame);
    return frame.result;
  }
}

// Cancel, terminate and timeouts. Call at least every 1,000 rows.
void check_interrupts();

// Debug aid: throws std::bad_alloc (value "bad_alloc:<point>"), std::runtime_error
// ("exception:<point>"), an internal error of ours ("internal:<point>") or an ERROR
// ("error:<point>") when the superuser-only setting objectos_sync.inject_fault names this point.
void inject_fault(const char* point);

namespace detail {
struct SubtransactionState {
  void* memory_context;
  void* resource_owner;
};
SubtransactionState begin_subtransaction();
void release_subtransaction(const SubtransactionState& state);
void roll_back_subtransaction(const SubtransactionState& state);
}  // namespace detail

// Runs `work` in an internal subtransaction. Any exception rolls it back (memory context, resource
// owner, user id, settings and SPI sessions opened inside are as before) and is then rethrown; the
// caller may swallow it.
template <typename Work>
auto subtransaction(Work&& work) -> decltype(work()) {
  const detail::SubtransactionState state = detail::begin_subtransaction();
  try {
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      detail::release_subtransaction(state);
    } else {
      auto result = work();
      detail::release_subtransaction(state);
      return result;
    }
  } catch (...) {
    detail::roll_back_subtransaction(state);
    throw;
  }
}

namespace detail {
void begin_own_transaction();
void commit_own_transaction();
void abort_own_transaction() noexcept;
}  // namespace detail

// For processes of ours: runs `work` in a transaction. Any exception aborts it and is then
// rethrown; the caller may swallow it.
template <typename Work>
void own_transaction(Work&& work) {
  try {
    detail::begin_own_transaction();
    work();
    detail::commit_own_transaction();
  } catch (...) {
    detail::abort_own_transaction();
    throw;
  }
}

namespace detail {
struct OwnerState {
  Oid user;
  int security_context;
  int guc_level;
};
OwnerState become_owner();
void restore_caller(const OwnerState& state);
void restore_caller_after_error(const OwnerState& state) noexcept;
}  // namespace detail

// Runs `work` as the extension's owner under search_path pg_catalog, pg_temp: for statements on the
// schema objectos_sync only. Never touch a user's table inside it. The caller's identity is back
// when it returns or throws.
template <typename Work>
auto as_owner(Work&& work) -> decltype(work()) {
  const detail::OwnerState state = detail::become_owner();
  try {
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      detail::restore_caller(state);
    } else {
      auto result = work();
      detail::restore_caller(state);
      return result;
    }
  } catch (...) {
    detail::restore_caller_after_error(state);
    throw;
  }
}

// Arguments and results of SQL functions. All throw PgError.
bool argument_is_null(FunctionCall call, int index);
std::string text_argument(FunctionCall call, int index);   // text, json
std::string bytes_argument(FunctionCall call, int index);  // bytea
std::optional<std::string> optional_text_argument(FunctionCall call, int index);
std::int64_t int8_argument(FunctionCall call, int index);
bool boolean_argument(FunctionCall call, int index);
std::int32_t int4_argument(FunctionCall call, int index);
Oid oid_argument(FunctionCall call, int index);
std::string argument_as_text(FunctionCall call, int index,
                             Oid type);                     // any type, by its output function
Datum text_result(std::string_view text);                   // in the current memory context
Datum bytes_result(std::string_view bytes);                 // bytea
Datum result_from_text(Oid type, const std::string& text);  // by the type's input function
Datum null_result(FunctionCall call);

}  // namespace objectos::server

// Defines the V1 function objectos_<name> whose body is ordinary C++:
//   OBJECTOS_FUNCTION(sync_ack) { …; return null_result(call); }
// `call` is the FunctionCallInfo. Needs pg_ext/pg.h (for Pg_finfo_record).
#define OBJECTOS_FUNCTION(name)                                                             \
  static objectos::server::Datum objectos_body_##name(objectos::server::FunctionCall call); \
  extern "C" {                                                                              \
  extern __attribute__((visibility("default")))                                             \
  const Pg_finfo_record* pg_finfo_objectos_##name(void);                                    \
  const Pg_finfo_record* pg_finfo_objectos_##name(void) {                                   \
    static const Pg_finfo_record record = {1};                                              \
    return &record;                                                                         \
  }                                                                                         \
  __attribute__((visibility("default")))                                                    \
  objectos::server::Datum objectos_##name(objectos::server::FunctionCall call);             \
  objectos::server::Datum objectos_##name(objectos::server::FunctionCall call) {            \
    return objectos::server::detail::enter(call, objectos_body_##name);                     \
  }                                                                                         \
  }                                                                                         \
  static objectos::server::Datum objectos_body_##name(                                      \
      [[maybe_unused]] objectos::server::FunctionCall call)
