// Verdicts, kept until the client confirms them, and the answer to a replay.
#pragma once

#include <string>
#include <vector>

#include "pg_ext/client_registry.h"
#include "pg_ext/push_item.h"
#include "pg_ext/spi.h"

namespace objectos::server {

// What a stored verdict says beside its status: version, sequence, reason, resolution,
// server_version, client_version and detail, from `column` of the row on, in this order.
void read_stored_verdict(const Rows& rows, std::size_t row, int column, Verdict& verdict);

// Sets the verdict (duplicate = true) of every item that was judged before, and notes twins within
// the push. A confirmed verdict is gone: what the log has of it is answered as applied. Throws
// OS003 when a known id or number comes with other bytes: nothing is judged then.
void answer_replays(const std::string& client_id, const ClientState& client,
                    std::vector<PushItem>& items);

// Remembers the verdicts of items that were not answered as duplicates. Throws OS003 when one of
// their ids has a verdict already: it came under a lower number.
void store_verdicts(const std::string& client_id, const std::vector<PushItem>& items);

}  // namespace objectos::server
