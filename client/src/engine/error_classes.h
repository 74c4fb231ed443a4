// The one table that sorts errors: what a SQLSTATE or a store error means for the loop and for
// the caller. Everything else asks here.
#pragma once

#include <string>
#include <string_view>

#include "objectos/error.h"
#include "store/local_database.h"

namespace objectos {

// An empty SQLSTATE is a lost or refused connection: transient.
ErrorClass classify_sqlstate(std::string_view sqlstate) noexcept;

// What a person should do about it, for errors whose sender gave no hint. May be empty.
const char* default_hint(std::string_view sqlstate) noexcept;

Error from_store_error(const StoreError& error);

}  // namespace objectos
