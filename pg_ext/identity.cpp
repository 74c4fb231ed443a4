#include "pg_ext/identity.h"

#include "pg_ext/boundary.h"
#include "pg_ext/session_token.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

const detail::ActingUser* acting = nullptr;

// Another number, another user perhaps; 0: the role.
std::uint64_t user_number() {
  if (acting != nullptr) return acting->number;
  const SessionUser* const session = session_user();
  return session != nullptr ? session->number : 0;
}

}  // namespace

namespace detail {

const ActingUser* act_for(const ActingUser* user) noexcept {
  const ActingUser* const previous = acting;
  acting = user;
  return previous;
}

std::uint64_t next_acting_number() noexcept {
  static std::uint64_t number = 1;
  return number += 2;
}

}  // namespace detail

std::optional<std::string> proven_user_id() {
  if (acting != nullptr) return acting->user_id;
  if (const SessionUser* const session = session_user()) return session->user_id;
  return std::nullopt;
}

std::string current_user_id() {
  if (auto user = proven_user_id()) return *user;
  return pg_call([] { return GetUserNameFromId(GetUserId(), false); });
}

namespace {

// Policies and the default of _modified_by ask at every row: the answer stays good for as long as
// the statement runs as the same role and for the same user.
struct KnownUser {
  Oid role;
  std::uint64_t number;
  Datum text;
};

Datum known_user(FmgrInfo* info) {
  auto* known = static_cast<KnownUser*>(info->fn_extra);
  const std::uint64_t number = user_number();
  if (known != nullptr && known->role == GetUserId() && known->number == number) return known->text;
  const std::string user = current_user_id();
  const char* text = user.c_str();
  return pg_call([&] {
    const MemoryContext before = MemoryContextSwitchTo(info->fn_mcxt);
    auto* const found = static_cast<KnownUser*>(palloc(sizeof(KnownUser)));
    found->role = GetUserId();
    found->number = number;
    found->text = CStringGetTextDatum(text);
    info->fn_extra = found;
    MemoryContextSwitchTo(before);
    return found->text;
  });
}

}  // namespace

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_user_id) {
  return known_user(call->flinfo);
}
