#include "transport/extension_place.h"

#include "objectos/error.h"

namespace objectos {

PgResult find_extension(PgConnection& connection, const std::string& columns) {
  PgResult found = connection.query(
      "SELECT s.name || '.'" + columns +
      " FROM (SELECT extnamespace::pg_catalog.regnamespace::pg_catalog.text AS name FROM"
      " pg_catalog.pg_extension WHERE extname = 'objectos_sync') s");
  if (PQntuples(found.get()) != 0) return found;
  connection.close();
  throw Error(ErrorClass::upgrade, "extension_missing",
              "The database has no extension objectos_sync.", {},
              "Run on the server: CREATE EXTENSION objectos_sync; then "
              "SELECT sync_enable('your_table');");
}

}  // namespace objectos
