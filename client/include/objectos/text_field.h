// One text field of one record, followed and edited: SyncEngine::text(). docs/text_fields.md.
//
// Positions and lengths are Unicode code points. Operations are JSON: [5,"brave ",-3] keeps 5,
// inserts, deletes 3; what lies behind the last component stays.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "objectos/types.h"

namespace objectos {

class Subscription;

// What became of the text that was told last.
struct TextChange {
  std::string operation;  // of that text; of the empty text the first time
  std::string text;       // afterwards; empty, too, while there is no such record, or it is NULL
  Origin origin = Origin::local;  // who changed it: programs of this device, or others
};

// Where somebody else is in the text.
struct TextCursor {
  std::string client_id, user_id;
  std::size_t position = 0;
  std::size_t anchor = 0;  // the other end of what is selected; the position, if nothing is
};

// Where a position of the text before an operation is in the text after it. With what is inserted
// right there it goes along, unless it `stays_before`: so a caret goes with its own typing, and
// stays where it was when others write there. Usage, "OS006": a malformed operation.
std::size_t moved_position(std::size_t position, const std::string& operation, bool stays_before);

// A handle: copies are the same one. Any thread. It may outlive the engine, but is of no use then:
// do not call it.
class TextField {
 public:
  class State;
  explicit TextField(std::shared_ptr<State> state) : state_(std::move(state)) {}

  // As it stands in the file; NULL is the empty text. Usage, "record_missing".
  std::string text() const;
  // As SyncEngine::edit_text(), with its errors: returns the text afterwards. Positions are of the
  // text that on_change() told last, with this handle's own edits since: what others have written
  // by now moves them. Where nobody listens, of the text as it stands.
  std::string edit(const std::string& operation);
  std::string insert(std::size_t position, const std::string& text);
  std::string erase(std::size_t position, std::size_t length);

  // Calls back first with the whole text, then with each change of it, whoever made it, this handle
  // included, in their order, where callbacks run. Changes that this handle made are the operations
  // that it was given, others the difference of two texts.
  [[nodiscard]] Subscription on_change(std::function<void(const TextChange&)> callback);

  // Where this device's user is, for all who follow the text's cursors, until the last copy of the
  // handle goes: over the record's presence channel (docs/real_time.md). Returns at once.
  void share_cursor(std::size_t position, std::size_t anchor);
  // Calls back with where all others are: when one moves, comes or goes, and when the text changes
  // under them, after that change was told.
  [[nodiscard]] Subscription on_cursors(
      std::function<void(const std::vector<TextCursor>&)> callback);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace objectos
