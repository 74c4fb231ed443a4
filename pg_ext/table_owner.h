// Work as a table's owner, whom no row security of the table hides anything from: as foreign key
// checks do it.
#pragma once

#include <utility>

#include "pg_ext/boundary.h"

namespace objectos::server {

namespace detail {
OwnerState become_table_owner(Oid relid);
}  // namespace detail

// Only for statements that run no code but the default operators of types. Restricted: nothing that
// outlives the work can be done.
template <typename Work>
void as_table_owner(Oid relid, Work&& work) {
  const detail::OwnerState state = detail::become_table_owner(relid);
  try {
    work();
    detail::restore_caller(state);
  } catch (...) {
    detail::restore_caller_after_error(state);
    throw;
  }
}

}  // namespace objectos::server
