// The error that a call must end in.
#pragma once

#include <doctest/doctest.h>

#include "protocol/errors.h"

namespace objectos {

template <typename Call>
ProtocolError refusal(const Call& call) {
  try {
    call();
  } catch (const ProtocolError& error) {
    return error;
  }
  FAIL("nothing was refused");
  return ProtocolError(ErrorCode::internal_error, "");
}

}  // namespace objectos
