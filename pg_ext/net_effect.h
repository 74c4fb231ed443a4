// Folds the log rows a page examined into one net effect per record.
//
// Within a record the order is `version` (a delete bears the version it deleted and comes after
// it), not sequence: nested statements are captured before the outer one. The log says which
// records and fields changed; the values are read from the row itself, in S, as the caller.
#pragma once

#include "pg_ext/log_reader.h"
#include "pg_ext/pull_row.h"
#include "pg_ext/spi.h"
#include "pg_ext/view.h"

namespace objectos::server {

// False, with nothing appended, if the records' values take more than limits::page_bytes; a page of
// one log row is always appended.
[[nodiscard]] bool append_net_effects(Spi& spi, const std::vector<LogRow>& examined,
                                      const View& view, const PullClient& client, PullRows& out);

}  // namespace objectos::server
