// Objects that pg_restore brought.
//
// A dump holds the row of objectos_sync.objects, the table, its triggers, and in the end its key:
// in this order, with other commands in between. And it does not hold what speaks of this catalog
// and this log: shapes and partitions (numbers of columns, object ids, sequences). An object
// without a shape is restored and not settled. Nothing that DDL does to it is followed, for
// pg_restore is still at work on it. It is captured and pulled like any other: what the log holds
// came after the restore.
//
// It is settled by the first command behind its restore that could change a table, before that
// command does anything: so no change of a whole table goes unnoticed.
#pragma once

#include "pg_ext/spi.h"

namespace objectos::server {

// Gives shape and partitions to those that are not settled and are whole: key and triggers are
// there, and the triggers fire in the roles they have to. Takes no lock on tables of users.
void settle_restored(Spi& spi);

}  // namespace objectos::server
