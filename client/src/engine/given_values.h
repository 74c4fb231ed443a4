// What a caller gives, looked at before a server is asked. Each throws Error, class usage.
#pragma once

#include <string>

namespace objectos {

[[noreturn]] void no_server();

// The id as the file spells it. Error code "bad_conflict_id".
std::string checked_conflict_id(const std::string& text);

// The text is a JSON object. Error code "bad_values".
void check_values(const std::string& text);

// A subscription as it is sent; empty for what says everything. Error code "OS019", or "OS005"
// where it is no JSON.
std::string checked_subscription(const std::string& text);

// The text is JSON: `what` it is: "state". Error code "bad_json".
void check_json(const std::string& text, const char* what);

// The text is UTF-8. `what` it is: "record". Error code "bad_text".
void check_text(const std::string& text, const char* what);

}  // namespace objectos
