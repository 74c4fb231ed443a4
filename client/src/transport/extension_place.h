// Where the extension is, in a database that a connection has just been made to.
#pragma once

#include <string>

#include "transport/pg_connection.h"

namespace objectos {

// One row: the schema's name, quoted and with a dot, then `columns`, SQL that begins with a comma
// and may speak of s.name, the name without the dot. Error class upgrade, "extension_missing": then
// the connection is closed.
PgResult find_extension(PgConnection& connection, const std::string& columns = {});

}  // namespace objectos
