// A record's name: the text of its primary key.
//
// One key column: the value's JSON form as bare text (a string without quotes or escapes, a
// number's digits, true or false). Several: the canonical JSON array of their forms, e.g. ["a",1].
// Both sides write the same text for the same key.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/json.h"
#include "protocol/value_kinds.h"

namespace objectos {

// Throws OS006 if a value is null or an object, OS007 if the text is longer than the limit.
// `values` in the order of the key's columns, not empty.
std::string encode_record_id(const std::vector<Json>& values);

// The key values as JSON forms. `kinds` are the key columns' kinds, in order. Refuses (OS006) what
// encode_record_id would not have written for such a key: wrong number of values, wrong JSON type,
// white space, other escapes.
std::vector<Json> parse_record_id(std::string_view record_id, const std::vector<ValueKind>& kinds);

}  // namespace objectos
