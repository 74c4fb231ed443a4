#include "protocol/text_steps.h"

#include <utility>

#include "protocol/limits.h"
#include "protocol/message_fields.h"
#include "protocol/text_operation_json.h"

namespace objectos {

namespace {

std::int64_t revision_of(const Json& json, const char* name) {
  const auto revision = integer_field(json, name);
  if (!revision) refuse_field(json, name, "is missing");
  return *revision;
}

Json encode_step(const TextStep& step) {
  Json json = Json::object();
  if (step.first != 0) json.set("first", Json::integer(step.first));
  json.set("revision", Json::integer(step.revision));
  if (!step.own.empty())
    json.set("own", Json::string(step.own));
  else
    json.set("side", Json::string(step.own_side == ot::Side::left ? "left" : "right"));
  json.set("op", text_operation_json(step.operation));
  return json;
}

ot::Side side_field(const Json& json) {
  const std::string side = text_field(json, "side", limits::name_bytes_max, true);
  if (side == "left") return ot::Side::left;
  if (side != "right") refuse_field(json, "side", "is neither left nor right");
  return ot::Side::right;
}

TextStep decode_step(const Json& json, std::int64_t since) {
  require_object(json, "step");
  require_known_keys(json, {"first", "revision", "own", "side", "op"});
  TextStep step;
  step.since = since;
  step.revision = revision_of(json, "revision");
  if (step.revision <= since) refuse_field(json, "revision", "does not follow the one before");
  step.first = integer_field(json, "first").value_or(0);
  if (step.first != 0 && (step.first <= since || step.first >= step.revision))
    refuse_field(json, "first", "is not between the revisions");
  if (present(json, "own")) {
    if (present(json, "side")) refuse_field(json, "side", "is of others' steps alone");
    step.own = text_field(json, "own", limits::name_bytes_max, true);
    if (step.own.empty()) refuse_field(json, "own", "is empty");
  } else {
    step.own_side = side_field(json);
  }
  const Json* operation = present(json, "op");
  if (!operation) refuse_field(json, "op", "is missing");
  step.operation = parse_text_operation(*operation);
  return step;
}

}  // namespace

Json encode_text_steps(const std::vector<TextStep>& steps) {
  Json json = Json::object();
  json.set("since", Json::integer(steps.front().since));
  Json list = Json::array();
  for (const TextStep& step : steps) list.push_back(encode_step(step));
  json.set("steps", std::move(list));
  return json;
}

std::vector<TextStep> decode_text_steps(const Json& json) {
  require_object(json, "text field");
  require_known_keys(json, {"since", "steps"});
  std::int64_t since = revision_of(json, "since");
  const Json list = array_field(json, "steps");
  if (list.items().empty()) refuse_field(json, "steps", "is missing or empty");
  std::vector<TextStep> steps;
  steps.reserve(list.items().size());
  for (const Json& step : list.items()) {
    steps.push_back(decode_step(step, since));
    since = steps.back().revision;
  }
  return steps;
}

}  // namespace objectos
