// Where a key column's values come from when an INSERT gives none: what a client needs to know to
// make keys while it is offline.
#pragma once

#include <cstdint>

#include "pg_ext/boundary.h"

namespace objectos::server {

enum class KeySource {
  none,      // the writer must give the key
  uuid,      // a random UUID: anybody can make one
  sequence,  // serial, identity or a default of nextval(): sync_reserve_ids() draws blocks
};

struct KeyDefault {
  KeySource source = KeySource::none;
  Oid sequence = 0;
};

// Of one column of an open relation, as its default stands in the catalog. `relation` is a
// Relation.
KeyDefault key_default(void* relation, std::int16_t attnum);

}  // namespace objectos::server
