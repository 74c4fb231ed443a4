// What sync puts on a table and takes away again: three columns and the triggers. All DDL runs as
// the caller, who must own the table.
#pragma once

#include <string>

#include "pg_ext/spi.h"

namespace objectos::server {

// Without a rewrite: no row is read or written. The rows that are there share one version.
void add_columns(Spi& spi, const std::string& table);
// For a table that has the columns from elsewhere (LIKE).
void set_defaults(Spi& spi, const std::string& table);

// Those of a table that is written to by itself, and those that only the enabled table itself has
// (a row trigger of a partitioned table is its partitions' too; a statement trigger is not).
void add_statement_triggers(Spi& spi, const std::string& table);
void add_row_triggers(Spi& spi, const std::string& table);

// The table may have lost some already.
void drop_triggers(Spi& spi, Oid table_oid, const std::string& table);
// ENABLE TRIGGER ALL makes ordinary triggers of them all; ours that fire in the role replica are
// set right again. Those that are off stay off.
void settle_roles(Spi& spi, Oid table_oid, const std::string& table);

void drop_columns(Spi& spi, Oid table_oid, const std::string& table);

}  // namespace objectos::server
