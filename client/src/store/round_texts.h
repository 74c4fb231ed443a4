// A round's part in text fields. Pulled steps become texts at once: of rows, and of base images.
// Queued edits are moved over them when the round has told which of this file's mutations are in
// them, before those leave the queue.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json_slices.h"
#include "local_database.h"
#include "protocol/text_session.h"

namespace objectos {

class Store;

class RoundTexts {
 public:
  explicit RoundTexts(Store& store) : store_(store) {}

  // An update of a record that nothing is queued for: `data` with its steps applied to the row.
  // Fields whose steps do not follow what is here are left out, and their record is missing().
  std::string in_row(const PulledView& row);
  // What a base image is to get, likewise; `image` and `version`: as it is. `anew`: what was read
  // again from the server counts whatever its version.
  RawMembers in_base(const PulledView& row, std::string_view operation, const RawMembers& data,
                     const std::optional<RawMembers>& image, std::optional<int64_t> version,
                     bool anew);
  // Before a base image goes.
  void base_goes(std::string_view object, std::string_view record_id);
  // The whole row has come.
  void is_here(std::string_view object, std::string_view record_id);
  // Records whose whole row has to come still.
  int64_t missing() const { return static_cast<int64_t>(missing_.size()); }

  // Moves the queued edits. Mutations leave the queue that are judged and `synced` 2; those that
  // came as steps are so, then.
  void settle();

 private:
  using Record = std::pair<std::string, std::string>;
  // What came of one field: a step, or the whole text.
  struct Event {
    std::string field;
    std::optional<TextStep> step;
    std::string text;
    int64_t revision = 0;
    bool anew = false;
  };
  struct History {
    std::optional<RawMembers> image;  // before the first event
    int64_t revision = 0;
    std::vector<Event> events;
  };
  // Of which revision the texts of a record are. A row's version may be ahead of them within a
  // round: nested statements are logged before the outer one, so a page may bring another column's
  // change before that of a text.
  struct Held {
    int64_t version = 0;                   // of the row, before the round's first update of it
    std::map<std::string, int64_t> texts;  // of those that moved since
  };
  using Leaving = std::map<std::string, bool>;  // mutation → whether it took effect
  std::optional<std::string> after_steps(const Record& record, const std::string& field,
                                         const std::string& steps, const std::string* before,
                                         History* history);
  Leaving leaving(const Record& record) const;
  void replay(const Record& record, const History& history, const Leaving& leaving);
  bool settle_made(const Record& record, const Leaving& leaving);
  void mark_taken(int64_t number);

  Store& store_;
  std::map<Record, History> histories_;
  std::map<Record, Held> held_;
  std::set<Record> missing_;
};

}  // namespace objectos
