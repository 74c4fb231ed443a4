#include "engine/given_values.h"

#include "objectos/error.h"
#include "protocol/errors.h"
#include "protocol/filter.h"
#include "protocol/json.h"
#include "protocol/messages.h"

namespace objectos {

void no_server() {
  throw Error(ErrorClass::usage, "no_server", "No server was named.", {},
              "Give a connection string like postgresql:///crm.");
}

std::string checked_conflict_id(const std::string& text) {
  if (auto id = normalize_uuid(text)) return *id;
  throw Error(ErrorClass::usage, "bad_conflict_id", "\"" + text + "\" is no conflict's id.", {},
              "`objectos-sync conflicts` lists the open ones.");
}

void check_values(const std::string& text) {
  std::string why = "It is another JSON value.";
  try {
    if (parse_json(text).is_object()) return;
  } catch (const ProtocolError& error) {
    why = error.what();
  }
  throw Error(ErrorClass::usage, "bad_values", "The values are no JSON object.", why,
              "Give a value for each colliding field: {\"field\": value}.");
}

std::string checked_subscription(const std::string& text) {
  if (text.empty()) return "";
  try {
    const Json subscription = parse_json(text);
    return parse_subscription(subscription) ? write_json(subscription) : "";
  } catch (const ProtocolError& error) {
    throw Error(ErrorClass::usage, error.sqlstate(), error.message(), error.detail(), error.hint());
  }
}

void check_json(const std::string& text, const char* what) {
  try {
    (void)parse_json(text);
  } catch (const ProtocolError& error) {
    throw Error(ErrorClass::usage, "bad_json", std::string("The ") + what + " is no JSON.",
                error.what());
  }
}

void check_text(const std::string& text, const char* what) {
  if (is_valid_utf8(text)) return;
  throw Error(ErrorClass::usage, "bad_text",
              std::string("The ") + what + "'s name is no UTF-8: \"" + text + "\".");
}

}  // namespace objectos
