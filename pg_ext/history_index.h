// The option `history` of sync_enable(): an index of the object's own on the log, by which
// sync_history() finds the steps of a record.
#pragma once

#include <string>

#include "pg_ext/spi.h"

namespace objectos::server {

// Makes the index, or drops it. Building it reads the log and keeps writers of all enabled tables
// waiting meanwhile, dropping it waits for those that write. What is as wanted already is left
// alone. Dumps leave the index out: restored objects get theirs anew.
void keep_history_index(Spi& spi, const std::string& object, bool wanted);

}  // namespace objectos::server
