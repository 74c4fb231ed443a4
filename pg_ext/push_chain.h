// What a client's own mutations of a record make of its later ones (Chain).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pg_ext/push_item.h"

namespace objectos::server {

// The version that the mutation builds on.
std::optional<std::int64_t> effective_version(const PushItem& item, const RecordState& record);

// What the client had before an edit that does not say it: its own earlier mutation's value.
void take_chain_base(const std::vector<PushItem>& items, PushItem& item);

// The client's next mutation of the record builds on this one: on the version after it, but not on
// fields where it lost. Where this one met somebody else's change, the next has not seen that
// either: it is judged by the version it names and by its `original`. One that meant another
// record, gone since, vouches for nothing; an insert begins anew.
void follow_chain(const PushItem& item, const Decision& decision,
                  std::optional<std::int64_t> version, RecordState& record);

}  // namespace objectos::server
