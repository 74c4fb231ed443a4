#include "pg_ext/identity.h"

#include "pg_ext/boundary.h"
#include "pg_ext/pg.h"

namespace objectos::server {

std::string current_user_id() {
  return pg_call([] { return GetUserNameFromId(GetUserId(), false); });
}

}  // namespace objectos::server

using namespace objectos::server;

OBJECTOS_FUNCTION(sync_user_id) {
  return text_result(current_user_id());
}
