// What an undo says its undone mutation wrote, in the form in which the server stored it.
#pragma once

#include <vector>

#include "pg_ext/push_item.h"

namespace objectos::server {

// Before `item`, an undo, is decided. Where it follows the client's own mutation within the push,
// with nobody in between, its `original` says what the client wrote; a trigger or a default may
// have made something else of it. Fields that the client's last mutation of them left so get the
// record's present values, which are what the undo means. `items`: all of the push; `item` is one.
void take_stored_forms(const std::vector<PushItem>& items, const RecordState& record,
                       PushItem& item);

// `item` takes back a mutation of this push that was rejected: there is nothing to take back, and a
// counter's difference would be subtracted though it was never added.
bool undoes_rejected(const std::vector<PushItem>& items, const PushItem& item);

}  // namespace objectos::server
