// What the SQL functions that answer with rows of a pull share.
#pragma once

#include "pg_ext/pull_row.h"
#include "pg_ext/spi.h"

namespace objectos::server {

// The columns of sync_pull.
void write_pull_row(RowWriter& writer, const PullRow& row);

}  // namespace objectos::server
