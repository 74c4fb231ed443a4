// Who the clients are: each id belongs to the first user who used it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "protocol/messages.h"

namespace objectos::server {

struct ClientState {
  std::int64_t high_water = 0;  // highest client_sequence judged
  std::int64_t confirmed = 0;
  std::optional<std::int64_t> signed_from;  // the client_sequence from which on it has signed
};

// The user in whose name the call is made. Call it as the caller.
std::string calling_user();

// Registers the client or finds it, and locks its row until the transaction ends, so that two
// pushes of one client come after one another. Throws OS014 for an unusable id, 42501 if it belongs
// to another user.
ClientState claim_client(const std::string& client_id, const std::optional<std::string>& device);

void raise_high_water(const std::string& client_id, std::int64_t high_water);

// The client, which is claimed, holds the verdicts up to this client_sequence: they are dropped.
void confirm(const std::string& client_id, std::int64_t confirmed);

// Stores how far the client has come and drops the verdicts it holds.
void acknowledge(const Ack& ack);

}  // namespace objectos::server
