// What undo, redo and history print.
#include <iostream>

#include "engine/public_json.h"
#include "output.h"
#include "printing.h"

namespace objectos::cli {

void Output::undone(const UndoResult& result) {
  if (json_) return print(to_json(result));
  if (!quiet_) {
    for (const LeftAlone& left : result.left) {
      std::cout << "  " << colour("33", "left") << "  " << left.object << ' ' << left.record_id;
      if (!left.field.empty()) std::cout << ' ' << left.field;
      std::cout << ": " << (left.written.empty() ? "deleted" : left.written) << " then, "
                << (left.found.empty() ? "gone" : left.found) << " now\n";
    }
  }
  std::cout << result.mutations << " edits queued, " << result.left.size() << " left alone\n";
}

void Output::history(const std::vector<HistoryGroup>& groups) {
  if (json_) return print(to_json(groups));
  for (const HistoryGroup& group : groups) {
    const bool done = group.state == "done";
    std::cout << group.written_at << "  " << colour(done ? "32" : "33", group.state) << '\n';
    for (const HistoryMutation& m : group.mutations) {
      std::cout << "    " << m.operation << ' ' << m.object << ' ' << m.record_id;
      if (m.operation != "delete") std::cout << "  " << m.data;
      std::cout << '\n';
    }
  }
  if (groups.empty()) std::cout << "Nothing can be undone or redone.\n";
}

}  // namespace objectos::cli
