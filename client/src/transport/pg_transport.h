// Transport over libpq: one connection, opened on demand, reopened when it was lost.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "transport/transport.h"

namespace objectos {

// `conninfo`: a libpq connection string or URI. Defaults given here (application_name,
// keepalives) yield to what it says.
std::unique_ptr<Transport> make_pg_transport(const std::string& conninfo,
                                             std::chrono::milliseconds connect_timeout);

// The same connection string, as keyword=value pairs, without any password. Error class usage,
// code "bad_conninfo", when it cannot be parsed.
std::string conninfo_without_password(const std::string& conninfo);

}  // namespace objectos
