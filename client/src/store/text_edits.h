// A queued edit of a text field, as _mutations.data carries it in the place of the field's value:
// {"op":[5,"brave "]}, and "null":true where the field was set to NULL. It is made of the text
// after the queued mutations before it; `original` says nothing of the field. What plain SQL writes
// comes from the triggers as strings, data and original, and is brought into that form when it
// matters (record_texts.h). docs/text_fields.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json_slices.h"
#include "protocol/text_operation.h"

namespace objectos {

struct QueuedTextEdit {
  TextOperation operation;
  bool to_null = false;  // the field is NULL afterwards, if nothing of the text is left
};

// No other value of a queue or row is an object.
inline bool is_text_edit_form(std::string_view raw) {
  return !raw.empty() && raw[0] == '{';
}
// Throws StoreError(corrupt).
QueuedTextEdit read_text_edit(std::string_view raw);
std::string text_edit_form(const QueuedTextEdit& edit);

// The text of a field's raw value; NULL and no value are the empty text.
std::string text_of(const std::string* raw);

// Base image (+) mutations, in order. Operations of one text that follow one another are applied as
// one, when the row is asked for. Throws StoreError(corrupt) where they do not fit their text.
class RowOverlay {
 public:
  explicit RowOverlay(std::optional<RawMembers> row) : row_(std::move(row)) {}
  void apply(const std::string& operation, const RawMembers& data);
  // nullopt: there is no row.
  std::optional<RawMembers>& row();

 private:
  struct Waiting {
    std::string field;
    std::vector<TextOperation> operations;
    bool to_null = false;
  };
  void set(const std::string& field, std::string raw);
  void add(const std::string& field, QueuedTextEdit edit);

  std::optional<RawMembers> row_;
  std::vector<Waiting> waiting_;
};

}  // namespace objectos
