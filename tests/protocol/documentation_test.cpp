// docs/errors.md and docs/limits.md say what the headers say.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "protocol/errors.h"
#include "protocol/limits.h"

namespace {

// Cells of every row of the file's tables that begins with `prefix`.
std::vector<std::vector<std::string>> rows(const std::string& path, const std::string& prefix) {
  std::ifstream file(path);
  REQUIRE(file.is_open());
  std::vector<std::vector<std::string>> found;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(prefix)) continue;
    std::vector<std::string> row;
    for (std::size_t at = 2; at < line.size();) {
      const std::size_t end = line.find(" |", at);
      row.push_back(line.substr(at, end - at));
      at = end + 3;
    }
    found.push_back(row);
  }
  return found;
}

}  // namespace

TEST_CASE("docs/errors.md lists every error as protocol/errors.h has it, and no other") {
  const auto documented = rows("docs/errors.md", "| OS");
  REQUIRE(documented.size() == static_cast<std::size_t>(objectos::error_count));
  for (int i = 0; i < objectos::error_count; i++) {
    const objectos::ErrorInfo& info = objectos::error_info(static_cast<objectos::ErrorCode>(i));
    const std::vector<std::string> expected = {info.sqlstate, "`" + std::string(info.name) + "`",
                                               info.meaning, info.retryable ? "yes" : "no",
                                               objectos::to_string(info.action)};
    CHECK(documented[static_cast<std::size_t>(i)] == expected);
  }
}

TEST_CASE("docs/limits.md gives every limit its value") {
  std::map<std::string, std::string> documented;
  for (const auto& row : rows("docs/limits.md", "| `")) documented[row.at(0)] = row.at(1);
  std::ifstream header("protocol/limits.h");
  REQUIRE(header.is_open());
  std::size_t declared = 0;
  for (std::string line; std::getline(header, line);)
    if (line.starts_with("inline constexpr")) declared++;
  CHECK(documented.size() == declared);
  const std::map<std::string, unsigned long long> limits = {
#define LIMIT(name) {"`" #name "`", static_cast<unsigned long long>(objectos::limits::name)}
      LIMIT(protocol_version),    LIMIT(request_bytes_max),       LIMIT(string_bytes_max),
      LIMIT(json_depth_max),      LIMIT(json_members_max),        LIMIT(mutations_per_push_max),
      LIMIT(page_mutations_max),  LIMIT(page_mutations_default),  LIMIT(page_bytes),
      LIMIT(record_id_bytes_max), LIMIT(name_bytes_max),          LIMIT(client_id_bytes_max),
      LIMIT(label_bytes_max),     LIMIT(checkpoint_bytes_max),    LIMIT(frame_dictionary_bytes_max),
      LIMIT(response_bytes_max),  LIMIT(frame_compression_level), LIMIT(frame_window_log_max),
      LIMIT(leased_ids_max),      LIMIT(digest_buckets_max),      LIMIT(challenge_seconds_max),
      LIMIT(history_steps_max),   LIMIT(subscription_bytes_max),  LIMIT(filter_bytes_max),
      LIMIT(filter_terms_max),    LIMIT(filter_depth_max),        LIMIT(touched_records_max),
      LIMIT(channel_bytes_max),   LIMIT(presence_bytes_max),      LIMIT(channels_per_session_max),
      LIMIT(members_max),         LIMIT(event_bytes_kept),        LIMIT(text_components_max),
      LIMIT(text_diff_steps_max), LIMIT(text_diff_bytes_max),     LIMIT(text_revisions_behind_max),
#undef LIMIT
  };
  CHECK(limits.size() == declared);
  for (const auto& limit : limits) {
    CAPTURE(limit.first);
    CHECK(documented[limit.first] == std::to_string(limit.second));
  }
}
