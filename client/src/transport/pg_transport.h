// Transport over libpq: one connection, opened on demand, reopened when it was lost.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "objectos/types.h"
#include "transport/silence.h"
#include "transport/transport.h"

namespace objectos {

// `conninfo`: a libpq connection string or URI. What is set here (application_name, how long the
// network may be silent) yields to what it says. Error class usage, code "bad_conninfo", when it
// cannot be parsed.
// `frames`: see Options. A server that has no frames, or does not let this role use them, or does
// not keep its texts in UTF-8, is spoken to in rows.
std::unique_ptr<Transport> make_pg_transport(const std::string& conninfo, Patience patience,
                                             Frames frames = Frames::automatic);

}  // namespace objectos
