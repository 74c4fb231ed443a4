// What the store holds, as the public types say it.
#pragma once

#include "objectos/types.h"
#include "store/local_database.h"

namespace objectos {

Conflict public_form(const LocalConflict& local);
RejectedMutation public_form(const Rejection& rejection);
PendingMutation public_form(const QueuedMutation& mutation);

}  // namespace objectos
