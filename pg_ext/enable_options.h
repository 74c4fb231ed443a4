// Which strategies sync_enable() takes for which columns, and which merge functions.
#pragma once

#include "pg_ext/eligibility.h"
#include "pg_ext/spi.h"

namespace objectos::server {

// OS011: unknown strategies, options and fields; a strategy that the column's type cannot have; a
// merge function that is not there, has another signature, or that the caller may not execute
// (42501).
void check_options(Spi& spi, const TableFacts& table, const EnableOptions& options);

}  // namespace objectos::server
