// Counters and sets: both sides' changes of one field count, so nobody loses.
//
// Values are canonical JSON texts, as in field_merge.h. Nothing is returned where a value is not of
// the kind (NaN, an array literal with other bounds, a JSON object): the caller decides then.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace objectos {

// server + (client - base), exact. null counts as 0. The scale is the largest of the three, so that
// the same differences give the same text in any order.
std::optional<std::string> combine_counter(std::string_view base, std::string_view client,
                                           std::string_view server);

// The server's elements, without those that the client removed, with those that it added: each
// once, in sorted order (numbers by value, then texts by their bytes, booleans, arrays, objects,
// null), so that the same additions and removals give the same text in any order. null counts as
// empty; a null of the server stays if nothing is in the set. Where the server still holds the
// base, the client's value stays as it is. Elements are compared by canonical JSON. An array is
// taken as it is, a string as the JSON text of one (the form of json and jsonb).
std::optional<std::string> combine_set(std::string_view base, std::string_view client,
                                       std::string_view server);

}  // namespace objectos
