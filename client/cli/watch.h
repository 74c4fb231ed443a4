// `watch`: stays in step with the server and prints what happens. `presence`: is in a channel and
// prints who else is.
#pragma once

#include "arguments.h"
#include "output.h"

namespace objectos {
class SyncEngine;
}

namespace objectos::cli {

// Until SIGINT or SIGTERM, or until the loop ends by itself (auth, fork, upgrade): then throws what
// ended it.
int watch_file(const Arguments& arguments, SyncEngine& engine, Output& output);

// Until SIGINT or SIGTERM, or until the server refuses it: then throws why.
int be_present(const Arguments& arguments, SyncEngine& engine, Output& output);

}  // namespace objectos::cli
