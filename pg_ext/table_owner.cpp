#include "pg_ext/table_owner.h"

#include "pg_ext/pg.h"

namespace objectos::server::detail {

OwnerState become_table_owner(Oid relid) {
  return pg_call([&] {
    const Relation table = relation_open(relid, AccessShareLock);
    const Oid owner = table->rd_rel->relowner;
    relation_close(table, NoLock);
    OwnerState state;
    GetUserIdAndSecContext(&state.user, &state.security_context);
    state.guc_level = NewGUCNestLevel();
    SetUserIdAndSecContext(owner, state.security_context | SECURITY_LOCAL_USERID_CHANGE |
                                      SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
    return state;
  });
}

}  // namespace objectos::server::detail
