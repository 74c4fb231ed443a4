// Stops and starts the server of the cluster that the tests run in (scripts/with-cluster.sh).
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "tests/e2e/support.h"

namespace e2e {

// `action`: stop, start or restart; `more`: further arguments of pg_ctl. Returns when it is done.
inline void server_control(const std::string& action, const std::string& more = "-m fast") {
  const char* prefix = std::getenv("OBJECTOS_AS_SERVER");
  const Ended ended =
      shell(std::string(prefix != nullptr ? prefix : "") + " pg_ctl -D \"$PGDATA\" -s -w " + more +
            " " + action + " >/dev/null 2>&1");
  if (ended.code != 0) throw std::runtime_error("pg_ctl " + action + ": " + ended.output);
}

}  // namespace e2e
