// Exit codes of objectos-sync; docs/cli.md is their description for people.
#pragma once

#include "objectos/error.h"

namespace objectos::cli {

enum ExitCode {
  kOk = 0,
  kUsage = 1,
  kTransient = 2,  // server not reachable, or busy: the same command may work later
  kRejected = 3,   // the work was done, but the server refused some mutations
  kConflicts = 4,  // the work was done, but manual conflicts are open
  kFile = 5,       // the local file: not ours, read-only, busy, damaged, disk full, incomplete
  kAuth = 6,       // who you are, or what you may do
  kHistory = 7,    // resync, fork or upgrade needed
  kInternal = 8,
};

inline ExitCode exit_code(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::usage:
      return kUsage;
    case ErrorClass::transient:
      return kTransient;
    case ErrorClass::rejected:
      return kRejected;
    case ErrorClass::local:
      return kFile;
    case ErrorClass::auth:
      return kAuth;
    case ErrorClass::resync:
    case ErrorClass::fork:
    case ErrorClass::upgrade:
      return kHistory;
    case ErrorClass::internal:
      return kInternal;
  }
  return kInternal;
}

}  // namespace objectos::cli
