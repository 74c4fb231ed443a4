// Values of one column, as rows and base images spell them in JSON: are they the same?
#pragma once

#include <string>

#include "store/local_database.h"

namespace objectos {

// By what SQLite stores of them (protocol/record_digest.h): 0.1 is 0.1000000000000000055, NULL is
// not "". A null pointer: the member is missing, which is NULL.
bool same_stored(const LocalColumn& column, const std::string* one, const std::string* other);

}  // namespace objectos
