// The bulk first sync: one COPY statement per object that the caller reads without row security,
// and the checkpoint of the snapshot they are read in. Objects under row security are left to
// re-reading.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace objectos::server {

struct SnapshotRow {
  std::string checkpoint;
  std::string schema;                 // JSON
  std::optional<std::string> object;  // none: nothing to copy
  std::optional<std::string> query;
  std::optional<std::string> columns;  // JSON: [{"name","kind","format"}]
};

std::vector<SnapshotRow> snapshot(const std::string& client_id);

}  // namespace objectos::server
