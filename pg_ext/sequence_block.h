// Many numbers of a sequence at the price of one.
#pragma once

#include <cstdint>

#include "pg_ext/boundary.h"

namespace objectos::server {

// Draws `count` numbers in a row and returns the first. It is what `count` calls of nextval() would
// do in one hold of the sequence's buffer lock, with one WAL record: nothing is kept in the session
// for a later statement, so a number drawn after this call is higher than all of these. For our own
// sequences of bigint with increment 1, CACHE 1 and no cycle. Asks for no rights. Only in a
// transaction that has its xid, and runs inside a guard.
std::int64_t draw_sequence_block(Oid sequence, std::int64_t count);

}  // namespace objectos::server
