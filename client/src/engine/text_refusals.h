// What the algebra of texts refuses is the caller's mistake.
#pragma once

#include "objectos/error.h"
#include "protocol/errors.h"

namespace objectos {

// Class usage, code OS005, OS006 or OS007.
template <typename Work>
auto with_refusals(Work work) {
  try {
    return work();
  } catch (const ProtocolError& error) {
    throw Error(ErrorClass::usage, error_info(error.code()).sqlstate, error.message(),
                error.detail(), error.hint());
  }
}

}  // namespace objectos
