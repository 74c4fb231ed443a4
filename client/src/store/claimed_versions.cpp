#include "claimed_versions.h"

#include <set>
#include <vector>

#include "queue_sql.h"

namespace objectos {

CarriedVersions::CarriedVersions(Statement& judged, std::string_view object,
                                 std::string_view record_id) {
  struct Link {
    std::optional<int64_t> sent;
    int64_t after;
  };
  std::vector<Link> links;
  // Claims upon which somebody else wrote, as the first mutation sent with them found: the later
  // ones do not vouch for what it met. No claim is none upon which nobody wrote, but for an insert.
  std::set<std::optional<int64_t>> met_others = {std::nullopt};
  judged.bind(1, object).bind(2, record_id);
  while (judged.step()) {
    const std::optional<int64_t> sent = judged.integer_or_none(1);
    const std::optional<int64_t> after = judged.integer_or_none(3);
    const bool applied = judged.text(2) == "applied" && after;
    if (applied && judged.text(0) == "insert") met_others.erase(sent);
    if (!applied) {
      met_others.insert(sent);
    } else if (met_others.count(sent) == 0) {
      links.push_back({sent, *after});
    }
  }
  judged.reset();
  for (auto link = links.rbegin(); link != links.rend(); ++link) {
    const auto next = after_.find(link->after);
    after_.emplace(link->sent, next == after_.end() ? link->after : next->second);
  }
}

std::optional<int64_t> CarriedVersions::carried(std::optional<int64_t> claim) const {
  const auto found = after_.find(claim);
  return found == after_.end() ? claim : std::optional(found->second);
}

void carry_versions(sqlite3* database, const std::string& object, const std::string& record_id) {
  std::vector<std::pair<int64_t, std::optional<int64_t>>> later;
  {
    Statement rows(database, queue_sql::pending_of_record);
    rows.bind(1, std::string_view(object)).bind(2, std::string_view(record_id));
    while (rows.step()) later.emplace_back(rows.integer(0), rows.integer_or_none(1));
  }
  if (later.empty()) return;
  Statement judged(database, queue_sql::judged_of_record);
  const CarriedVersions versions(judged, object, record_id);
  Statement claim(database, queue_sql::claim);
  for (const auto& [number, version] : later)
    claim.bind(1, versions.carried(version)).bind(2, number).run();
}

void forget_claims(sqlite3* database, const std::string& object, const std::string& record_id,
                   std::optional<int64_t> version, bool same) {
  Statement forget(database, queue_sql::forget_claims);
  forget.bind(1, std::string_view(object)).bind(2, std::string_view(record_id));
  forget.bind(3, version).bind(4, static_cast<int64_t>(same)).run();
}

}  // namespace objectos
