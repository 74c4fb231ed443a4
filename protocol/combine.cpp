#include "protocol/combine.h"

#include <algorithm>
#include <set>
#include <vector>

#include "protocol/decimal.h"
#include "protocol/errors.h"
#include "protocol/json.h"

namespace objectos {

namespace {

std::string_view number_of(std::string_view value) {
  return value == "null" ? std::string_view("0") : value;
}

struct Element {
  int rank = 0;  // of its kind
  std::string text;
};

int rank_of(const Json& value) {
  if (value.is_number()) return decimal_compare(value.text(), "0") ? 0 : 1;  // 1: has an exponent
  if (value.is_string()) return 2;
  if (value.is_boolean()) return 3;
  if (value.is_array()) return 4;
  return value.is_object() ? 5 : 6;
}

struct BySortedOrder {
  bool operator()(const Element& a, const Element& b) const {
    if (a.rank != b.rank) return a.rank < b.rank;
    const int order = a.rank == 0 ? decimal_compare(a.text, b.text).value_or(0) : 0;
    return order != 0 ? order < 0 : a.text < b.text;
  }
};
using Elements = std::set<Element, BySortedOrder>;

struct SetValue {
  Elements elements;
  bool is_null = false;
  bool is_text = false;  // a string that holds JSON text
};

Elements elements_of(const Json& list) {
  Elements elements;
  for (const Json& item : list.items()) elements.insert({rank_of(item), canonical_json(item)});
  return elements;
}

std::optional<SetValue> parse_set(std::string_view value) {
  SetValue parsed;
  try {
    Json list = parse_json(value);
    if (list.is_string()) {
      parsed.is_text = true;
      list = parse_json(list.text());
    } else {
      parsed.is_null = list.is_null();
    }
    if (!list.is_array() && !list.is_null()) return std::nullopt;
    parsed.elements = elements_of(list);
  } catch (const ProtocolError&) {  // no JSON text: an array literal
    return std::nullopt;
  }
  return parsed;
}

std::string text_of(const Elements& elements, bool as_text) {
  std::string list = "[";
  for (const Element& element : elements) {
    if (list.size() > 1) list += ',';
    list += element.text;
  }
  list += ']';
  return as_text ? json_string(list) : list;
}

}  // namespace

std::optional<std::string> combine_counter(std::string_view base, std::string_view client,
                                           std::string_view server) {
  if (client == "null" && server == base) return std::string(client);
  const auto difference = decimal_difference(number_of(client), number_of(base));
  if (!difference) return std::nullopt;
  return decimal_sum(number_of(server), *difference);
}

std::optional<std::string> combine_set(std::string_view base, std::string_view client,
                                       std::string_view server) {
  if (server == base || server == client) return std::string(client);
  const auto before = parse_set(base), wanted = parse_set(client), present = parse_set(server);
  if (!before || !wanted || !present) return std::nullopt;
  Elements result = present->elements;
  for (const Element& element : before->elements) {
    if (!wanted->elements.contains(element)) result.erase(element);
  }
  for (const Element& element : wanted->elements) {
    if (!before->elements.contains(element)) result.insert(element);
  }
  if (result.empty() && present->is_null) return std::string(server);
  if (result.size() == present->elements.size() &&
      std::equal(result.begin(), result.end(), present->elements.begin(),
                 [](const Element& a, const Element& b) { return a.text == b.text; })) {
    return std::string(server);
  }
  return text_of(result, present->is_null ? wanted->is_text : present->is_text);
}

}  // namespace objectos
