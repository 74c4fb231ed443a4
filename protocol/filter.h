// Which records of an object a client wants: a condition over the object's columns, and a
// subscription, which is a list of objects with or without one.
//
//   expression := all { OR all }          all  := one { AND one }
//   one        := "(" expression ")" | column test
//   test       := ("=" | "<>" | "!=" | "<" | "<=" | ">" | ">=") value
//               | IN "(" value { "," value } ")" | IS [NOT] NULL
//   value      := 'text' ('' is a quote) | number | TRUE | FALSE | $user | $client | $device
//   column     := name (folded to lower case) | "Name" ("" is a double quote)
//
// Words are read in any case. NULL is only tested by IS: a comparison with it would never hold.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/json.h"

namespace objectos {

enum class Comparison {
  equal,
  not_equal,
  less,
  less_or_equal,
  greater,
  greater_or_equal,
  is_null,
  is_not_null
};

struct FilterValue {
  bool is_variable = false;
  std::string text;  // the value's text, or the variable's name without "$"

  bool operator==(const FilterValue&) const = default;
};

struct Filter {
  enum class Kind { test, all_of, any_of };
  Kind kind = Kind::test;
  std::vector<Filter> parts;  // of all_of and any_of: two or more
  std::string column;         // of a test
  Comparison comparison = Comparison::equal;
  std::vector<FilterValue> values;  // `equal` may have several: any of them

  bool operator==(const Filter&) const = default;
};

// Throws ProtocolError OS019, with the place and what was expected there, and for what is larger
// than the limits allow.
Filter parse_filter(std::string_view expression);

// {"column": value}: all of the columns are equal to their value. An array means any of its values,
// null that the column is NULL, "$user" the variable, "$$user" the text "$user". Nothing for {}:
// every record. A string is an expression.
std::optional<Filter> filter_from_json(const Json& filter, const std::string& object);

// An expression that parse_filter() reads as the same filter.
std::string filter_text(const Filter& filter);

std::set<std::string> filter_columns(const Filter& filter);

struct ObjectSubscription {
  std::string object;
  std::optional<Filter> filter;  // none: every record

  bool operator==(const ObjectSubscription&) const = default;
};

// {"objects": [name, …], "filters": {name: filter, …}}. Nothing for null and {}: everything.
// Throws ProtocolError OS019.
std::optional<std::vector<ObjectSubscription>> parse_subscription(const Json& subscription);

}  // namespace objectos
