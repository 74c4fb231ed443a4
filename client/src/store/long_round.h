// From which size on a round builds a table anew beside it.
#pragma once

#include <cstdint>

namespace objectos {

// Records of one object that a round must change at least, and that its table must have before:
// fewer are applied in one transaction, of a second or two at most, which costs half as much.
// OBJECTOS_LONG_ROUND=n, for tests, puts n in its place, and then every round, of
// however few pages, is one that may do so.
std::int64_t long_round_records();
bool long_rounds_are_forced();

}  // namespace objectos
