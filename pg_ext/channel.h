// Channels of presence and broadcasts: an object ("notes") or a record of one ("notes/5").
//
// Whoever may read the object and, where a record is named, sees it now, may do everything in its
// channel; to everybody else it is as unknown as one that is not there. A subscription is no right
// and counts for nothing here.
#pragma once

#include <optional>
#include <string>

namespace objectos::server {

// The channel as all know it, with the record's id as its row spells it; nothing for whoever may
// not read it, by what is committed now. Call it as the caller.
std::optional<std::string> readable_channel(const std::string& channel);

// The same; OS004 for whoever may not read it, OS007 for a name that is too long.
std::string require_channel(const std::string& channel);

}  // namespace objectos::server
