// The statements that write user tables, as the calling role. One prepared plan per (object,
// operation, columns).
#pragma once

#include <optional>
#include <string>

#include "pg_ext/push_item.h"
#include "pg_ext/push_origin.h"
#include "pg_ext/spi.h"

namespace objectos::server {

struct PushAuthor {
  std::string client_id;
  std::optional<std::string> user_id;
  std::optional<std::string> device;
};

struct Applied {
  bool hit = false;       // a row was inserted, updated or deleted
  bool captured = false;  // and the log has it (a no-op has no log row)
  std::int64_t sequence = 0;
  std::int64_t version = 0;
};

// Writes what the decision says. Updates and deletes name the version they were decided on; not hit
// means that the row is another one by now.
Applied apply(Spi& spi, const PushAuthor& author, const PushItem& item, const RecordState& record,
              const Decision& decision);

}  // namespace objectos::server
