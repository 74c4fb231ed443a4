// The wire form of a text operation: [5,"brave ",-3] keeps 5 code points, inserts "brave " and
// deletes 3. docs/operational_transform.md, The wire form.
#pragma once

#include <string>
#include <string_view>

#include "protocol/json.h"
#include "protocol/text_operation.h"

namespace objectos {

// Reads the array, or the article's {"type":"insert","pos":5,"text":"brave "} and
// {"type":"delete","pos":5,"len":3}. Neighbours of one kind are put together; nothing else is
// repaired. Throws ProtocolError, naming the component: OS006 for 0, "", a number that is not whole
// or not within int32, a keep at the end, a value of another kind, a missing or unknown key; OS007
// for sizes.
TextOperation parse_text_operation(const Json& json);
// The same of a JSON text; also OS005 for broken JSON.
TextOperation parse_text_operation(std::string_view text);

// The array, without white space. What was parsed and canonical is written as it was.
std::string write_text_operation(const TextOperation& operation);
void append_text_operation(std::string& out, const TextOperation& operation);
// The same as a value.
Json text_operation_json(const TextOperation& operation);

}  // namespace objectos
