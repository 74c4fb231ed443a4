// An edit of a text field as a mutation's data carries it, in the place of the field's value:
// {"revision":17,"op":[5,"brave "]} (docs/text_fields.md, On the wire).
#pragma once

#include <cstdint>

#include "protocol/json.h"
#include "protocol/text_operation.h"

namespace objectos {

struct PushedTextEdit {
  std::int64_t revision = 0;  // of the text that the operation was made of; of a chain: its first
  TextOperation operation;
  // The field was set to NULL: it is NULL afterwards if the operation leaves nothing of the text.
  bool to_null = false;
  bool operator==(const PushedTextEdit&) const = default;
};

// Whether a field's value is such an edit: a text field's plain values are strings and null.
inline bool is_text_edit(const Json& value) noexcept {
  return value.is_object();
}

// {"revision":…,"op":[…]}, and "null":true where it was set to NULL.
Json encode_text_edit(const PushedTextEdit& edit);

// Throws OS006, naming the field, for a missing, unknown or malformed one; OS005 and OS007 as
// parse_text_operation(). "op" may have the article's form.
PushedTextEdit decode_text_edit(const Json& json);

}  // namespace objectos
