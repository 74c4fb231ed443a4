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

// The same for a sequence of anybody's, as it is defined, and no value outside `lowest` to
// `highest`. Fewer than `count` near its end; count 0: none is left. OS008 for one that cycles.
struct SequenceBlock {
  std::int64_t first = 0, last = 0, step = 1, count = 0;
};
SequenceBlock draw_user_sequence(Oid sequence, std::int64_t count, std::int64_t lowest,
                                 std::int64_t highest);

}  // namespace objectos::server
