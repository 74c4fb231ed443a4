#include "pg_ext/identity.h"

#include "pg_ext/boundary.h"
#include "pg_ext/pg.h"

namespace objectos::server {

std::string current_user_id() {
  return pg_call([] { return GetUserNameFromId(GetUserId(), false); });
}

namespace {

// The default of _modified_by asks at every row: the answer stays good for as long as the statement
// runs as the same role.
struct KnownUser {
  Oid role;
  Datum text;
};

Datum known_user(FmgrInfo* info) {
  auto* known = static_cast<KnownUser*>(info->fn_extra);
  if (known != nullptr && known->role == GetUserId()) return known->text;
  const std::string user = current_user_id();
  const char* text = user.c_str();
  return pg_call([&] {
    const MemoryContext before = MemoryContextSwitchTo(info->fn_mcxt);
    auto* const found = static_cast<KnownUser*>(palloc(sizeof(KnownUser)));
    found->role = GetUserId();
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
