// Writes the inverse of mutations of this file, for undo and redo: each only where what the
// mutation wrote still stands (docs/undo.md).
#pragma once

#include <optional>
#include <string>

#include "objectos/local_writes.h"
#include "store.h"

namespace objectos {

// Equal values of a column, though written in other texts: 1.5 and 1.50, {"a":1} and {"a": 1}.
bool means_the_same(const LocalColumn& column, const std::string& one, const std::string& other);

// Within a write transaction and an open group, with the queue's triggers at work: what it writes
// is queued like any write, marked with the id of the mutation that it takes back.
class GroupInverter {
 public:
  GroupInverter(Store& store, UndoResult& result) : store_(store), result_(result) {}

  // The latest first.
  void take_back(const HistoryMutation& mutation);

 private:
  void take_back_update(const HistoryMutation& mutation, const LocalObject& object);
  void take_back_insert(const HistoryMutation& mutation, const LocalObject& object);
  void take_back_delete(const HistoryMutation& mutation, const LocalObject& object);
  std::optional<RawMembers> row_of(const HistoryMutation& mutation) const;
  void leave(const HistoryMutation& mutation, const std::string& field, const std::string& written,
             const std::string& found);
  // Runs a statement with `values` of the object's columns, then the record id of its key, if
  // `keyed`.
  void write(const HistoryMutation& mutation, const LocalObject& object, const std::string& sql,
             const RawMembers& values, bool keyed);

  Store& store_;
  UndoResult& result_;
};

}  // namespace objectos
