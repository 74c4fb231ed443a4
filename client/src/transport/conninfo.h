// Connection strings, as libpq takes them.
#pragma once

#include <string>

namespace objectos {

// The same connection string, as keyword=value pairs, without any password. Error class usage,
// code "bad_conninfo", when it cannot be parsed.
std::string conninfo_without_password(const std::string& conninfo);

// Only the error.
void check_conninfo(const std::string& conninfo);

}  // namespace objectos
