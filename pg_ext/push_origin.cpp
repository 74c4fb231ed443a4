#include "pg_ext/push_origin.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

PushScope* current = nullptr;

int trigger_depth() {
  return pg_call([] { return DatumGetInt32(pg_trigger_depth(nullptr)); });
}

}  // namespace

PushScope* current_push_scope() noexcept {
  return current;
}

bool push_is_direct(const PushScope& scope, Oid relid) {
  return scope.relid == relid && trigger_depth() == scope.trigger_depth + 1;
}

namespace detail {

PushScope* enter_push_scope(PushScope* scope) {
  scope->trigger_depth = trigger_depth();
  scope->by_record.clear();
  for (std::size_t i = 0; i < scope->mutations.size(); ++i) {
    PushedMutation& mutation = scope->mutations[i];
    mutation.captured = false;
    scope->by_record.emplace(mutation.record_id, i);
  }
  PushScope* const previous = current;
  current = scope;
  return previous;
}

void leave_push_scope(PushScope* previous) noexcept {
  current = previous;
}

}  // namespace detail

}  // namespace objectos::server
