// One page of a pull: a pure read of the active snapshot. See DESIGN's section on the checkpoint.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pg_ext/cut.h"
#include "pg_ext/pull_row.h"
#include "pg_ext/spi.h"
#include "pg_ext/view.h"

namespace objectos::server {

struct PullCall {
  std::string client_id;
  std::optional<std::string> checkpoint;
  std::int64_t max_mutations = 100;
  std::int64_t confirmed = 0;
};

PullRows pull(const PullCall& call);

// The epoch and secret of the server; 42501 if the client id belongs to another user.
PullClient identify_client(const std::string& client_id);

std::string server_epoch(Spi& spi);

// A checkpoint at the newest visible log row, or at low water if the log holds nothing newer; of no
// object yet.
Checkpoint checkpoint_here(const Cut& cut, const std::string& epoch,
                           const std::optional<Checkpoint>& low_water);

}  // namespace objectos::server
