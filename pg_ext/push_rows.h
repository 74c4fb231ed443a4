// Verdicts as rows: the columns of sync_push, sync_push_request and sync_resolve.
#pragma once

#include <vector>

#include "pg_ext/spi.h"
#include "protocol/messages.h"

namespace objectos::server {

void write_verdicts(RowWriter& writer, const std::vector<Verdict>& verdicts);

}  // namespace objectos::server
