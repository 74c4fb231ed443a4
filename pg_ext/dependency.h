// A declared dependency: who sees records of an object hangs on rows of another table, by equal
// values of two columns (a project's id in tasks and in the table of its members).
#pragma once

#include <string>

#include "pg_ext/boundary.h"

namespace objectos::server {

struct Dependency {
  std::string object, object_column, on_column;
};

// The user may send records of the table round again: it may UPDATE some column of it.
bool may_touch(Oid relid, Oid user);

}  // namespace objectos::server
