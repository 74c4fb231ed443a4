#include "pg_ext/history_index.h"

#include "protocol/fnv.h"

#include "pg_ext/pg.h"

namespace objectos::server {

namespace {

// By the object's name, as log rows have it: relids differ after a restore.
std::string index_name(const std::string& object) {
  return "mutations_history_" + to_hex64(fnv1a64(object));
}

}  // namespace

void keep_history_index(Spi& spi, const std::string& object, bool wanted) {
  const std::string name = index_name(object);
  as_owner([&] {
    const bool there = !spi.execute(
                               "SELECT FROM pg_class WHERE relname = $1"
                               " AND relnamespace = 'objectos_sync'::regnamespace",
                               {Param::text(name)})
                            .empty();
    if (there == wanted) return;
    spi.execute(wanted ? "CREATE INDEX " + name +
                             " ON objectos_sync.mutations (record_id, version) WHERE object = " +
                             quote_literal(object)
                       : "DROP INDEX objectos_sync." + name);
  });
}

}  // namespace objectos::server
