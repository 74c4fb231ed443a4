// What each command does. Errors: objectos::Error.
#pragma once

#include "arguments.h"
#include "output.h"

namespace objectos::cli {

// Runs the verb; the exit code.
int run_command(const Arguments& arguments, Output& output);

}  // namespace objectos::cli
