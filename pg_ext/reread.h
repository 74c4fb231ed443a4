// Re-reading: the log does not hold what was there before, so an object whose view fingerprint is
// not the checkpoint's is sent whole, in key order, paged; the cursor is in the checkpoint.
#pragma once

#include <cstddef>

#include "pg_ext/pull_row.h"
#include "pg_ext/record_reader.h"
#include "pg_ext/spi.h"
#include "pg_ext/view.h"
#include "protocol/checkpoint.h"

namespace objectos::server {

// A record as a mutation that sets all of it.
PullRow whole_row(const ObjectView& object, const PullClient& client, RecordRow&& record);

// Brings the checkpoint's objects in line with the view: what is new or changed begins to be
// re-read, what is not visible any more is forgotten.
void align_objects(const View& view, Checkpoint& checkpoint);

// Sends up to `row_limit` rows of what is to be re-read and moves the cursors. Returns the rows
// sent; *unfinished tells whether something is left to re-read.
std::size_t append_reread(Spi& spi, const View& view, const PullClient& client,
                          std::size_t row_limit, Checkpoint& checkpoint, PullRows& out,
                          bool* unfinished);

}  // namespace objectos::server
