// What the commands about refusals, comparisons and histories print.
#include <iostream>

#include "engine/public_json.h"
#include "output.h"
#include "printing.h"

namespace objectos::cli {

void Output::rejections(const std::vector<RejectedMutation>& list) {
  if (json_) return print(to_json(list));
  for (const RejectedMutation& r : list) {
    std::cout << colour("31", r.mutation_id) << "  " << r.operation << ' ' << r.object << ' '
              << r.record_id << "  (" << r.reason << ")\n";
    const Json detail = embedded_json(r.detail);
    if (const Json* message = detail.find("message")) {
      std::cout << "    " << text_of(*message) << '\n';
    }
    if (!r.before.empty()) std::cout << "    tried   " << r.before << '\n';
    if (!r.after.empty()) std::cout << "    stands  " << r.after << '\n';
  }
  if (list.empty()) std::cout << "Nothing was refused.\n";
}

void Output::log(const std::vector<HistoryEntry>& entries) {
  if (json_) return print(to_json(entries));
  for (const HistoryEntry& entry : entries) {
    std::cout << entry.timestamp << "  " << entry.operation << " by " << entry.user_id;
    if (!entry.device.empty()) std::cout << " on " << entry.device;
    std::cout << '\n';
    const Json data = embedded_json(entry.data), original = embedded_json(entry.original);
    const Json& fields = entry.operation == "delete" ? original : data;
    for (const auto& [name, value] : fields.members()) {
      const Json* before = original.find(name);
      std::cout << "    " << name << ": ";
      if (before != nullptr) std::cout << text_of(*before);
      if (before != nullptr && entry.operation == "update") std::cout << " -> ";
      if (entry.operation != "delete") std::cout << text_of(value);
      std::cout << '\n';
    }
  }
  if (entries.empty()) std::cout << "The server's log holds nothing of this record.\n";
}

void Output::diff(const std::vector<RecordDiff>& records) {
  if (json_) return print(to_json(records));
  for (const RecordDiff& record : records) {
    std::cout << record.operation << ' ' << record.object << ' ' << record.record_id << '\n';
    for (const FieldDifference& field : record.fields) {
      if (!field.base.empty()) {
        std::cout << "  " << colour("31", "- " + field.field + ": " + field.base) << '\n';
      }
      if (!field.local.empty()) {
        std::cout << "  " << colour("32", "+ " + field.field + ": " + field.local) << '\n';
      }
    }
  }
  if (records.empty()) std::cout << "Nothing is unsent.\n";
}

void Output::verified(const VerifyReport& report) {
  if (json_) return print(to_json(report));
  for (const ObjectVerification& object : report.objects) {
    const std::int64_t all = object.missing + object.extra + object.different;
    std::cout << object.object << ": " << object.server_records << " records, "
              << (all == 0 ? colour("32", "the same")
                           : colour("31", std::to_string(all) + " differ"));
    if (object.repaired > 0) std::cout << ", " << object.repaired << " repaired";
    std::cout << '\n';
    for (const RecordDifference& difference : object.differences) {
      std::cout << "  " << difference_kind_name(difference.kind) << "  " << difference.record_id;
      for (const std::string& field : difference.fields) std::cout << ' ' << field;
      std::cout << '\n';
    }
  }
  std::cout << report.round_trips << " round trips, " << report.bytes << " bytes, "
            << report.rows_fetched << " rows fetched\n";
}

void Output::local_differences(const std::vector<LocalDifference>& list) {
  if (json_) return print(to_json(list));
  for (const LocalDifference& difference : list) {
    std::cout << difference.object << ' ' << difference.record_id << "\n    expected  "
              << difference.expected << "\n    found     " << difference.found << '\n';
  }
  if (list.empty()) std::cout << "Every row is its base image and its queued edits.\n";
}

}  // namespace objectos::cli
