// Subscriptions and filters in their JSON form.
#include <utility>

#include "protocol/errors.h"
#include "protocol/filter.h"
#include "protocol/filter_errors.h"
#include "protocol/limits.h"

namespace objectos {

using namespace detail;

namespace {

FilterValue value_of(const Json& json, const std::string& object, const std::string& column) {
  FilterValue value;
  if (json.is_boolean()) {
    value.text = json.as_boolean() ? "true" : "false";
  } else if (json.is_number()) {
    value.text = json.text();
  } else if (json.is_string()) {
    value.text = json.text();
    if (value.text.substr(0, 2) == "$$") {
      value.text.erase(0, 1);
    } else if (value.text.substr(0, 1) == "$") {
      value.text.erase(0, 1);
      require_known_variable(value.text);
      value.is_variable = true;
    }
  } else {
    refuse_filter("a filter's value is no string, number, boolean or null",
                  "Object " + object + ", column " + column + ".");
  }
  return value;
}

Filter test_of(const Json& json, const std::string& object, const std::string& column) {
  Filter equal;
  equal.column = column;
  Filter null = equal;
  null.comparison = Comparison::is_null;
  if (json.is_null()) return null;
  if (!json.is_array()) {
    equal.values.push_back(value_of(json, object, column));
    return equal;
  }
  bool with_null = false;
  for (const Json& item : json.items()) {
    if (item.is_null()) {
      with_null = true;
    } else {
      equal.values.push_back(value_of(item, object, column));
    }
  }
  if (!with_null) return equal;
  if (equal.values.empty()) return null;
  Filter either;
  either.kind = Filter::Kind::any_of;
  either.parts = {std::move(equal), std::move(null)};
  return either;
}

}  // namespace

std::optional<Filter> filter_from_json(const Json& filter, const std::string& object) {
  if (filter.is_string()) return parse_filter(filter.text());
  if (!filter.is_object()) {
    refuse_filter("a filter is neither an expression nor a JSON object", "Object " + object + ".");
  }
  std::size_t terms = 0;
  Filter all;
  all.kind = Filter::Kind::all_of;
  for (const auto& [column, value] : filter.members()) {
    if (value.is_array() && value.items().empty()) {
      refuse_filter("a filter's list of values is empty",
                    "Object " + object + ", column " + column + ".",
                    "Leave the object out of the subscription if none of its records is wanted.");
    }
    terms += 1 + (value.is_array() ? value.items().size() : 1);
    if (terms > limits::filter_terms_max) refuse_terms();
    all.parts.push_back(test_of(value, object, column));
  }
  if (all.parts.empty()) return std::nullopt;
  if (all.parts.size() == 1) return std::move(all.parts.front());
  return all;
}

std::optional<std::vector<ObjectSubscription>> parse_subscription(const Json& subscription) {
  constexpr const char* form =
      "Give {\"objects\": [\"contacts\"], \"filters\": {\"contacts\": {\"owner\": \"$user\"}}}, or "
      "null for everything.";
  if (subscription.is_null()) return std::nullopt;
  if (!subscription.is_object()) refuse_filter("a subscription is a JSON object", "", form);
  if (subscription.members().empty()) return std::nullopt;
  require_short(write_json(subscription).size(), limits::subscription_bytes_max,
                "the subscription");
  for (const JsonMember& member : subscription.members()) {
    if (member.name == "objects" || member.name == "filters") continue;
    refuse_filter("a subscription has no member " + json_string(member.name), "", form);
  }
  const Json* const objects = subscription.find("objects");
  if (objects == nullptr || !objects->is_array()) {
    refuse_filter("the subscription has no list of objects", "", form);
  }
  std::vector<ObjectSubscription> wanted;
  std::set<std::string> names;
  for (const Json& name : objects->items()) {
    if (!name.is_string()) refuse_filter("an object's name is no string", "", form);
    if (!names.insert(name.text()).second) {
      refuse_filter("object " + json_string(name.text()) + " is named twice", "", form);
    }
    wanted.push_back({name.text(), std::nullopt});
  }
  const Json* const filters = subscription.find("filters");
  if (filters == nullptr || filters->is_null()) return wanted;
  if (!filters->is_object()) refuse_filter("\"filters\" is no JSON object", "", form);
  for (const auto& [object, filter] : filters->members()) {
    if (names.count(object) == 0) {
      refuse_filter(
          "there is a filter for object " + json_string(object) + ", which is not subscribed to",
          "", "Add it to \"objects\".");
    }
    for (ObjectSubscription& one : wanted) {
      if (one.object == object) one.filter = filter_from_json(filter, object);
    }
  }
  return wanted;
}

}  // namespace objectos
