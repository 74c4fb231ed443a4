// The partitions of an enabled table: each has the statement triggers, for a statement on a
// partition fires no trigger of the table above it.
#pragma once

#include "pg_ext/eligibility.h"
#include "pg_ext/spi.h"

namespace objectos::server {

// Gives new partitions what they need (OS008 for those that cannot be synced) and takes it from
// detached ones. True if rows came or went with them.
bool follow_partitions(Spi& spi, const TableFacts& root);

// Before ATTACH PARTITION to an enabled table: what gets the columns that it must have there.
void prepare_partition(Spi& spi, Oid relid);

}  // namespace objectos::server
