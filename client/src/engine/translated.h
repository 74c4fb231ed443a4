#pragma once

#include "engine/error_classes.h"
#include "protocol/errors.h"

namespace objectos {

// The one place where the layers' own errors become objectos::Error.
template <typename Work>
auto translated(Work work) {
  try {
    return work();
  } catch (const StoreError& error) {
    throw from_store_error(error);
  } catch (const ProtocolError& error) {
    throw Error(ErrorClass::internal, "protocol", error.what());
  }
}

}  // namespace objectos
