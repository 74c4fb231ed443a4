// Open conflicts of an object while its rows are written: ends those that a write makes moot.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pg_ext/catalog.h"
#include "protocol/field_merge.h"

namespace objectos::server {

// One captured statement's watch. Loads the object's open conflicts when it is made: one look-up,
// and none for objects whose conflicts never wait for a person.
class ConflictWatch {
 public:
  explicit ConflictWatch(const ObjectInfo& object);

  bool watches(std::string_view record_id) const {
    return !open_.empty() && open_.find(record_id) != open_.end();
  }
  void deleted(std::string_view record_id);
  void truncated();
  // The row as it is now; values and nulls by attribute number. `pushed`: the fields that a
  // client's own mutation wrote (nullptr: another write), `client_id` the client's.
  void written(std::string_view record_id, const Datum* values, const bool* nulls,
               const std::vector<std::string>* pushed, std::string_view client_id);

  // Ends what was found moot, and logs it. Conflicts that someone is resolving now are left to
  // them.
  void finish(const std::string& user);

 private:
  struct Open {
    std::string conflict_id;
    std::string client_id;
    FieldValues client;   // canonical
    std::string outcome;  // "": still open
  };
  void load(const ObjectInfo& object);

  const ObjectInfo& object_;
  std::map<std::string, std::vector<Open>, std::less<>> open_;
};

}  // namespace objectos::server
