// Which edits of texts may go to the server in a batch, and in what form.
//
// An operation goes with the revision of the text that the first operation of its chain was made
// of, which is the base image's. So the edit before it must be in the same batch or have come back
// by a pull: the server would not know the text otherwise (docs/text_fields.md, Pushed).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "local_database.h"
#include "sqlite_handle.h"

namespace objectos {

class Store;

class TextFreezer {
 public:
  explicit TextFreezer(const Store& store) : store_(store) {}
  // Cuts the batch before the first mutation, or group, that has to wait: what is behind it keeps
  // its place in the order.
  void hold_back(std::vector<QueuedMutation>& batch);
  // The mutation with its data and original as they are to be sent: operations with their
  // revision, or values where the server has no text that they were made of. Once for each of the
  // batch, in order.
  QueuedMutation as_sent(const QueuedMutation& mutation);

 private:
  struct Record {
    std::set<std::string> under_way;     // fields edited by what was sent and has not come back yet
    bool made_before = false;            // by an insert (or deleted) that has not come back yet
    std::optional<std::string> made_in;  // by one in the batch: its group
    bool is_made = false;                // as far as as_sent() has come
    bool has_base = false;
    std::optional<int64_t> version;  // of the base image
  };
  Record& record_of(const QueuedMutation& mutation);
  static bool waits(const QueuedMutation& mutation, const LocalObject& object, Record& record);
  QueuedMutation as_values(const QueuedMutation& mutation,
                           const std::vector<std::string>& fields) const;

  const Store& store_;
  std::map<std::pair<std::string, std::string>, Record> records_;
};

}  // namespace objectos
