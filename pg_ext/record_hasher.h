// Digests of records, as protocol/record_digest.h says, from datums.
#pragma once

#include <string>

#include "pg_ext/pull_row.h"
#include "pg_ext/record_scan.h"
#include "protocol/record_digest.h"

namespace objectos::server {

class RecordHasher {
 public:
  RecordHasher(std::uint64_t seed, const PullClient& client);
  RecordHasher(const RecordHasher&) = delete;
  RecordHasher& operator=(const RecordHasher&) = delete;
  std::uint64_t place(const std::string& record_id);
  // Under row security the client's tag of the record is part of its image.
  Digest digest(const ObjectView& object, const ScannedRecord& record);

 private:
  std::string_view in_utf8(std::string_view text, std::string& converted) const;
  const std::uint64_t seed_;
  const PullClient& client_;
  const bool utf8_;
  RecordImage image_;
  std::string forms_, converted_;
  std::vector<std::size_t> ends_;
};

}  // namespace objectos::server
