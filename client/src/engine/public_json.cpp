#include "engine/public_json.h"

#include "objectos/sync_engine.h"
#include "protocol/message_fields.h"

namespace objectos {

Json embedded_json(const std::string& text) {
  if (text.empty()) return {};
  try {
    return parse_json(text);
  } catch (const std::exception&) {
    return Json::string(text);
  }
}

std::string public_text(const Json& json) {
  std::string text = write_json(json);
  if (is_valid_utf8(text)) return text;
  std::string whole;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 1;
    while (length <= 4 && !is_valid_utf8(std::string_view(text).substr(at, length))) ++length;
    if (length <= 4) {
      whole.append(text, at, length);
      at += length;
    } else {
      whole += "\xEF\xBF\xBD";
      ++at;
    }
  }
  return whole;
}

Json to_json(const Verdict& verdict) {
  Json json = Json::object();
  json.set("mutation_id", Json::string(verdict.mutation_id));
  json.set("object", Json::string(verdict.object));
  json.set("record_id", Json::string(verdict.record_id));
  json.set("operation", Json::string(verdict.operation));
  json.set("status", Json::string(verdict.status));
  json.set("duplicate", Json::boolean(verdict.duplicate));
  json.set("version", integer_or_null(verdict.version));
  json.set("reason", text_or_null(verdict.reason));
  json.set("resolution", text_or_null(verdict.resolution));
  json.set("detail", embedded_json(verdict.detail));
  return json;
}

Json to_json(const Status& status) {
  Json json = Json::object();
  json.set("phase", Json::string(phase_name(status.phase)));
  json.set("online", Json::boolean(status.online));
  json.set("complete", Json::boolean(status.complete));
  json.set("pending", Json::integer(status.pending));
  json.set("conflicts", Json::integer(status.conflicts));
  json.set("rejections", Json::integer(status.rejections));
  json.set("last_sync", text_or_null(status.last_sync));
  json.set("server", text_or_null(status.server));
  json.set("user_id", text_or_null(status.user_id));
  json.set("client_id", text_or_null(status.client_id));
  json.set("epoch", text_or_null(status.epoch));
  json.set("last_error", text_or_null(status.last_error.value_or("")));
  json.set("last_error_class", text_or_null(status.last_error_class));
  json.set("last_error_code", text_or_null(status.last_error_code));
  json.set("failures", Json::integer(status.failures));
  json.set("retry_delay_ms", Json::integer(status.retry_delay_ms));
  json.set("live", Json::string(live_name(status.live)));
  json.set("live_reason", text_or_null(status.live_reason));
  Json objects = Json::array();
  for (const std::string& object : status.objects) objects.push_back(Json::string(object));
  json.set("objects", objects);
  return json;
}

Json to_json(const Progress& progress) {
  Json json = Json::object();
  json.set("phase", Json::string(phase_name(progress.phase)));
  json.set("pushed", Json::integer(progress.pushed));
  json.set("push_total", Json::integer(progress.push_total));
  json.set("pulled", Json::integer(progress.pulled));
  json.set("pull_total", Json::integer(progress.pull_total));
  json.set("bytes", Json::integer(progress.bytes));
  json.set("object", text_or_null(progress.object));
  json.set("fraction",
           progress.fraction ? Json::number(std::to_string(*progress.fraction)) : Json());
  json.set("remaining_ms", integer_or_null(progress.remaining_ms));
  return json;
}

Json to_json(const Change& change) {
  Json json = Json::object();
  json.set("object", Json::string(change.object));
  json.set("record_id", Json::string(change.record_id));
  json.set("operation", Json::string(change.operation));
  json.set("version", integer_or_null(change.version));
  json.set("origin", Json::string(origin_name(change.origin)));
  json.set("before", embedded_json(change.before));
  json.set("after", embedded_json(change.after));
  return json;
}

Json to_json(const PendingMutation& mutation) {
  Json json = Json::object();
  json.set("id", Json::string(mutation.id));
  json.set("client_sequence", Json::integer(mutation.client_sequence));
  json.set("object", Json::string(mutation.object));
  json.set("record_id", Json::string(mutation.record_id));
  json.set("operation", Json::string(mutation.operation));
  json.set("data", embedded_json(mutation.data));
  json.set("timestamp", Json::string(mutation.timestamp));
  json.set("version", integer_or_null(mutation.version));
  json.set("state", Json::string(mutation.state));
  return json;
}

Json to_json(const Conflict& conflict) {
  Json json = Json::object();
  json.set("conflict_id", Json::string(conflict.conflict_id));
  json.set("mutation_id", text_or_null(conflict.mutation_id));
  json.set("object", Json::string(conflict.object));
  json.set("record_id", Json::string(conflict.record_id));
  json.set("reason", Json::string(conflict.reason));
  json.set("base", embedded_json(conflict.base));
  json.set("client", embedded_json(conflict.client));
  json.set("server", embedded_json(conflict.server));
  return json;
}

Json to_json(const RejectedMutation& rejected) {
  Json json = Json::object();
  json.set("mutation_id", Json::string(rejected.mutation_id));
  json.set("object", Json::string(rejected.object));
  json.set("record_id", Json::string(rejected.record_id));
  json.set("operation", Json::string(rejected.operation));
  json.set("reason", Json::string(rejected.reason));
  json.set("detail", embedded_json(rejected.detail));
  json.set("before", embedded_json(rejected.before));
  json.set("after", embedded_json(rejected.after));
  return json;
}

Json to_json(const SyncResult& result) {
  Json json = Json::object();
  json.set("verdicts", to_json(result.verdicts));
  json.set("pulled", Json::integer(result.pulled));
  json.set("changes", Json::integer(result.changes));
  json.set("resynced", Json::boolean(result.resynced));
  json.set("forked", Json::boolean(result.forked));
  json.set("set_aside", Json::integer(result.set_aside));
  return json;
}

Json to_json(const Finding& finding) {
  Json json = Json::object();
  json.set("place", Json::string(finding.place));
  json.set("check", Json::string(finding.check));
  json.set("state", Json::string(finding.state));
  json.set("message", Json::string(finding.message));
  json.set("hint", text_or_null(finding.hint));
  return json;
}

Json to_json(const Error& error) {
  Json json = Json::object();
  json.set("class", Json::string(error_class_name(error.error_class())));
  json.set("code", Json::string(error.code()));
  json.set("message", Json::string(error.message()));
  json.set("detail", text_or_null(error.detail()));
  json.set("hint", text_or_null(error.hint()));
  return json;
}

}  // namespace objectos
