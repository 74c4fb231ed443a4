#include "pg_ext/boundary.h"

#include <cstdio>
#include <cstring>
#include <new>
#include <stdexcept>

#include "pg_ext/catalog.h"
#include "pg_ext/fault_points.h"
#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

constexpr std::size_t text_bytes_max = 4096;

// What is left of a C++ exception once its handler is left: plain data only.
struct Raised {
  int sqlstate = 0;
  char message[text_bytes_max];
  char detail[text_bytes_max];
  char hint[text_bytes_max];
  ErrorData* error = nullptr;  // an ERROR of the backend passing through
};

// Copies at most text_bytes_max - 1 bytes, never cutting a UTF-8 character.
void copy_text(char* to, const char* from) {
  std::size_t length = std::strlen(from);
  if (length >= text_bytes_max) {
    length = text_bytes_max - 1;
    while (length > 0 && (static_cast<unsigned char>(from[length]) & 0xC0) == 0x80) --length;
  }
  std::memcpy(to, from, length);
  to[length] = '\0';
}

void fill(Raised& raised, const char* sqlstate, const char* message, const char* detail,
          const char* hint) {
  raised.sqlstate = MAKE_SQLSTATE(sqlstate[0], sqlstate[1], sqlstate[2], sqlstate[3], sqlstate[4]);
  copy_text(raised.message, message);
  copy_text(raised.detail, detail);
  copy_text(raised.hint, hint);
}

// Call in a handler.
void describe_current_exception(Raised& raised) {
  try {
    throw;
  } catch (const PgError& error) {
    raised.error = error.data();
  } catch (const SyncError& error) {
    fill(raised, error.sqlstate().c_str(), error.what(), error.detail().c_str(),
         error.hint().c_str());
  } catch (const ProtocolError& error) {
    fill(raised, error_info(error.code()).sqlstate, error.what(), error.detail().c_str(),
         error.hint().c_str());
  } catch (const std::bad_alloc&) {
    fill(raised, "53200", "out of memory", "", "");
  } catch (const std::exception& error) {
    fill(raised, "OS000", "internal error of objectos_sync", error.what(),
         "This is a bug: please report it with the statement that caused it.");
  } catch (...) {
    fill(raised, "OS000", "internal error of objectos_sync", "", "");
  }
}

// Where copied ErrorData live: emptied when the next outermost call comes in.
MemoryContext error_context = nullptr;
int call_depth = 0;

MemoryContext errors() {
  if (error_context == nullptr)
    error_context =
        AllocSetContextCreate(TopMemoryContext, "objectos_sync errors", ALLOCSET_SMALL_SIZES);
  return error_context;
}

[[noreturn]] void raise(const Raised& raised) {
  if (raised.error != nullptr) ReThrowError(raised.error);
  ereport(ERROR, (errcode(raised.sqlstate), errmsg_internal("%s", raised.message),
                  raised.detail[0] ? errdetail_internal("%s", raised.detail) : 0,
                  raised.hint[0] ? errhint("%s", raised.hint) : 0));
  pg_unreachable();
}

}  // namespace

std::string PgError::sqlstate() const {
  return unpack_sql_state(data_->sqlerrcode);
}
int PgError::sqlstate_number() const noexcept {
  return data_->sqlerrcode;
}

namespace {
const char* or_empty(const char* text) {
  return text == nullptr ? "" : text;
}
}  // namespace

const char* PgError::message() const noexcept {
  return or_empty(data_->message);
}
const char* PgError::detail() const noexcept {
  return or_empty(data_->detail);
}
const char* PgError::hint() const noexcept {
  return or_empty(data_->hint);
}
const char* PgError::schema() const noexcept {
  return or_empty(data_->schema_name);
}
const char* PgError::table() const noexcept {
  return or_empty(data_->table_name);
}
const char* PgError::column() const noexcept {
  return or_empty(data_->column_name);
}
const char* PgError::constraint() const noexcept {
  return or_empty(data_->constraint_name);
}

void PgError::discard() noexcept {
  if (data_ != nullptr) FreeErrorData(data_);
  data_ = nullptr;
}

namespace detail {

namespace {

// Nothing throws out of here but through `step`, which leaves the stacks as this function set them.
ErrorData* run_guarded(void (*step)(void*), void* argument, bool may_fail_by_test) {
  const MemoryContext context = CurrentMemoryContext;
  ErrorData* volatile error = nullptr;
  PG_TRY();
  {
    if (may_fail_by_test && guarded_call_fails())
      ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg_internal("injected failure")));
    step(argument);
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(errors());
    error = CopyErrorData();
    FlushErrorState();
    MemoryContextSwitchTo(context);
  }
  PG_END_TRY();
  return error;
}

}  // namespace

void guarded(void (*step)(void*), void* argument, bool may_fail_by_test) {
  sigjmp_buf* const exception_stack = PG_exception_stack;
  ErrorContextCallback* const callbacks = error_context_stack;
  ErrorData* error = nullptr;
  try {
    error = run_guarded(step, argument, may_fail_by_test);
  } catch (...) {  // of a guard or plain C++ inside `step`: the frame that PG_TRY set up is gone
    PG_exception_stack = exception_stack;
    error_context_stack = callbacks;
    throw;
  }
  if (error != nullptr) throw PgError(error);
}

Datum enter(FunctionCall call, Datum (*body)(FunctionCall)) {
  if (call_depth == 0 && error_context != nullptr) MemoryContextReset(error_context);
  ++call_depth;
  Raised raised;
  bool failed = false;
  Datum result = 0;
  try {
    result = body(call);
  } catch (...) {
    failed = true;
    describe_current_exception(raised);
  }
  --call_depth;
  if (failed) raise(raised);
  return result;
}

SubtransactionState begin_subtransaction() {
  SubtransactionState state{CurrentMemoryContext, CurrentResourceOwner};
  const MemoryContext context = CurrentMemoryContext;
  pg_call([&] {
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context);
  });
  return state;
}

void release_subtransaction(const SubtransactionState& state) {
  pg_call([&] {
    ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(static_cast<MemoryContext>(state.memory_context));
    CurrentResourceOwner = static_cast<ResourceOwner>(state.resource_owner);
  });
}

// PostgreSQL's own callers of it cannot go on either when it fails; so no fault is put in here.
void roll_back_subtransaction(const SubtransactionState& state) {
  guarded(
      [](void* p) {
        const auto* before = static_cast<const SubtransactionState*>(p);
        RollbackAndReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(static_cast<MemoryContext>(before->memory_context));
        CurrentResourceOwner = static_cast<ResourceOwner>(before->resource_owner);
      },
      const_cast<SubtransactionState*>(&state), false);
}

void begin_own_transaction() {
  pg_call([] {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
  });
}

void commit_own_transaction() {
  pg_call([] {
    PopActiveSnapshot();
    CommitTransactionCommand();
  });
}

void abort_own_transaction() noexcept {
  try {
    guarded([](void*) { AbortCurrentTransaction(); }, nullptr, false);
  } catch (...) {
  }
}

OwnerState become_owner() {
  const Oid owner = extension_owner();
  return pg_call([&] {
    OwnerState state;
    GetUserIdAndSecContext(&state.user, &state.security_context);
    state.guc_level = NewGUCNestLevel();
    set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
                      GUC_ACTION_SAVE, true, 0, false);
    if (quote_all_identifiers)
      set_config_option("quote_all_identifiers", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                        true, 0, false);
    // The planner overestimates statements over catalogs; compiling one takes 0.4 s.
    if (jit_enabled)
      set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    SetUserIdAndSecContext(owner, state.security_context | SECURITY_LOCAL_USERID_CHANGE);
    return state;
  });
}

void restore_caller(const OwnerState& state) {
  pg_call([&] {
    AtEOXact_GUC(true, state.guc_level);
    SetUserIdAndSecContext(state.user, state.security_context);
  });
}

// The user id comes back first: it cannot fail. The settings may already be gone with a
// subtransaction.
void restore_caller_after_error(const OwnerState& state) noexcept {
  SetUserIdAndSecContext(state.user, state.security_context);
  try {
    pg_call([&] { AtEOXact_GUC(false, state.guc_level); });
  } catch (...) {
  }
}

}  // namespace detail

void check_interrupts() {
  pg_call([] { CHECK_FOR_INTERRUPTS(); });
}

char* inject_fault_setting = nullptr;

void inject_fault(const char* point) {
  if (inject_fault_setting == nullptr || inject_fault_setting[0] == '\0') return;
  const std::string_view setting = inject_fault_setting;
  const auto colon = setting.find(':');
  if (colon == std::string_view::npos || setting.substr(colon + 1) != point) return;
  const std::string_view what = setting.substr(0, colon);
  if (what == "bad_alloc") throw std::bad_alloc();
  if (what == "exception") throw std::runtime_error("injected exception");
  if (what == "internal") throw SyncError("OS000", "injected internal error");
  if (what == "error") pg_call([] { elog(ERROR, "injected error"); });
}

bool argument_is_null(FunctionCall fcinfo, int index) {
  return PG_ARGISNULL(index);
}

std::string text_argument(FunctionCall fcinfo, int index) {
  if (PG_ARGISNULL(index))
    throw SyncError("22004", "argument " + std::to_string(index + 1) + " must not be null");
  const text* value = pg_call([&] { return PG_GETARG_TEXT_PP(index); });
  return std::string(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

// bytea and text are laid out alike.
std::string bytes_argument(FunctionCall fcinfo, int index) {
  return text_argument(fcinfo, index);
}

std::optional<std::string> optional_text_argument(FunctionCall fcinfo, int index) {
  if (PG_ARGISNULL(index)) return std::nullopt;
  return text_argument(fcinfo, index);
}

std::int64_t int8_argument(FunctionCall fcinfo, int index) {
  return PG_GETARG_INT64(index);
}
bool boolean_argument(FunctionCall fcinfo, int index) {
  return PG_GETARG_BOOL(index);
}
std::int32_t int4_argument(FunctionCall fcinfo, int index) {
  return PG_GETARG_INT32(index);
}
Oid oid_argument(FunctionCall fcinfo, int index) {
  return PG_GETARG_OID(index);
}

std::string argument_as_text(FunctionCall fcinfo, int index, Oid type) {
  const char* value = pg_call([&] {
    Oid output;
    bool is_varlena;
    getTypeOutputInfo(type, &output, &is_varlena);
    return OidOutputFunctionCall(output, PG_GETARG_DATUM(index));
  });
  return value;
}

Datum text_result(std::string_view text) {
  return pg_call([&] {
    return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
  });
}

Datum bytes_result(std::string_view bytes) {
  return text_result(bytes);
}

Datum result_from_text(Oid type, const std::string& text) {
  const char* input = text.c_str();
  return pg_call([&] {
    Oid function, parameter;
    getTypeInputInfo(type, &function, &parameter);
    return OidInputFunctionCall(function, const_cast<char*>(input), parameter, -1);
  });
}

Datum null_result(FunctionCall fcinfo) {
  fcinfo->isnull = true;
  return 0;
}

}  // namespace objectos::server
