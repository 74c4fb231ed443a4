// Conflicts, acknowledgements and verdicts: encoding.
#include "protocol/messages.h"

namespace objectos {

namespace {
Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json::string(text); }
Json integer_or_null(const std::optional<std::int64_t>& value) {
    return value ? Json::integer(*value) : Json();
}
}  // namespace

Json encode_verdict(const Verdict& v) {
    Json json = Json::object();
    json.set("mutation_id", Json::string(v.mutation_id));
    json.set("status", Json::string(v.status));
    json.set("duplicate", Json::boolean(v.duplicate));
    json.set("version", integer_or_null(v.version));
    json.set("sequence", integer_or_null(v.sequence));
    json.set("reason", text_or_null(v.reason));
    json.set("resolution", text_or_null(v.resolution));
    json.set("server_version", integer_or_null(v.server_version));
    json.set("client_version", integer_or_null(v.client_version));
    json.set("detail", v.detail);
    return json;
}

}  // namespace objectos
