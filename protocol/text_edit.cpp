#include "protocol/text_edit.h"

#include "protocol/message_fields.h"
#include "protocol/text_operation_json.h"

namespace objectos {

Json encode_text_edit(const PushedTextEdit& edit) {
  Json json = Json::object();
  json.set("revision", Json::integer(edit.revision));
  json.set("op", text_operation_json(edit.operation));
  if (edit.to_null) json.set("null", Json::boolean(true));
  return json;
}

PushedTextEdit decode_text_edit(const Json& json) {
  require_object(json, "text edit");
  require_known_keys(json, {"revision", "op", "null"});
  PushedTextEdit edit;
  const auto revision = integer_field(json, "revision");
  if (!revision) refuse_field(json, "revision", "is missing");
  edit.revision = *revision;
  const Json* operation = present(json, "op");
  if (!operation) refuse_field(json, "op", "is missing");
  edit.operation = parse_text_operation(*operation);
  edit.to_null = boolean_field(json, "null");
  return edit;
}

}  // namespace objectos
