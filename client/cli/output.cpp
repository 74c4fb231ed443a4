#include "output.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "protocol/message_fields.h"

namespace objectos::cli {

namespace {

Json embedded(const std::string& text) {
  if (text.empty()) return {};
  try {
    return parse_json(text);
  } catch (const std::exception&) {
    return Json::string(text);
  }
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
  json.set("detail", embedded(verdict.detail));
  return json;
}

Json to_json(const Status& status) {
  Json json = Json::object();
  json.set("complete", Json::boolean(status.complete));
  json.set("pending", Json::integer(status.pending));
  json.set("conflicts", Json::integer(status.conflicts));
  json.set("rejections", Json::integer(status.rejections));
  json.set("last_sync", text_or_null(status.last_sync));
  json.set("server", text_or_null(status.server));
  json.set("user_id", text_or_null(status.user_id));
  json.set("client_id", text_or_null(status.client_id));
  json.set("epoch", text_or_null(status.epoch));
  Json objects = Json::array();
  for (const std::string& object : status.objects) objects.push_back(Json::string(object));
  json.set("objects", objects);
  return json;
}

void print(const Json& json) {
  std::cout << write_json(json) << '\n';
}

std::string text_of(const Json& json) {
  return json.is_string() ? json.text() : write_json(json);
}

}  // namespace

Output::Output(bool json, bool quiet) : json_(json), quiet_(quiet) {
  const char* no_colour = std::getenv("NO_COLOR");
  colour_ = !json && isatty(STDOUT_FILENO) && (no_colour == nullptr || *no_colour == '\0');
  bar_ = !json && !quiet && isatty(STDERR_FILENO);
}

std::string Output::colour(const char* code, const std::string& text) const {
  return colour_ ? std::string("\033[") + code + "m" + text + "\033[0m" : text;
}

void Output::progress(const Progress& progress) {
  if (!bar_) return;
  char line[160];
  if (progress.phase == Phase::pushing && progress.push_total > 0) {
    auto filled = static_cast<int>(20 * progress.pushed / progress.push_total);
    std::snprintf(line, sizeof line, "push [%.*s%*s] %lld/%lld", filled, "####################",
                  20 - filled, "", static_cast<long long>(progress.pushed),
                  static_cast<long long>(progress.push_total));
  } else {
    std::snprintf(line, sizeof line, "%s %s %lld rows, %.1f MB", phase_name(progress.phase),
                  progress.object.c_str(), static_cast<long long>(progress.pulled),
                  static_cast<double>(progress.bytes) / 1e6);
  }
  std::cerr << "\r\033[K" << line << std::flush;
  bar_drawn_ = true;
}

void Output::end_progress() {
  if (bar_drawn_) std::cerr << "\r\033[K" << std::flush;
  bar_drawn_ = false;
}

void Output::verdict_line(const Verdict& verdict) const {
  const char* code = verdict.status == "applied"    ? "32"
                     : verdict.status == "merged"   ? "36"
                     : verdict.status == "conflict" ? "33"
                                                    : "31";
  std::cout << "  " << colour(code, verdict.status) << "  " << verdict.operation << ' '
            << verdict.object << ' ' << verdict.record_id;
  if (!verdict.reason.empty()) std::cout << "  (" << verdict.reason << ')';
  if (!verdict.resolution.empty()) std::cout << "  -> " << verdict.resolution;
  if (verdict.duplicate) std::cout << "  [seen before]";
  std::cout << '\n';
  Json detail = embedded(verdict.detail);
  if (const Json* message = detail.find("message")) {
    std::cout << "      " << text_of(*message) << '\n';
  }
  const Json* fields = detail.find("conflicts");
  if (fields == nullptr) return;
  for (const Json& field : fields->items()) {
    auto show = [&](const char* name) {
      const Json* value = field.find(name);
      return value != nullptr ? text_of(*value) : std::string("-");
    };
    std::cout << "      " << show("field") << ": here " << show("client_value")
              << ", on the server " << show("server_value") << " -> " << show("resolution") << '\n';
  }
}

void Output::result(const SyncResult& result, const Status& status) {
  if (json_) {
    Json json = Json::object();
    Json verdicts = Json::array();
    for (const Verdict& verdict : result.verdicts) verdicts.push_back(to_json(verdict));
    json.set("verdicts", verdicts);
    json.set("pulled", Json::integer(result.pulled));
    json.set("changes", Json::integer(result.changes));
    json.set("resynced", Json::boolean(result.resynced));
    json.set("status", to_json(status));
    return print(json);
  }
  if (!quiet_) {
    for (const Verdict& verdict : result.verdicts) verdict_line(verdict);
  }
  if (result.resynced) std::cout << "The replica was read anew; queued edits were kept.\n";
  std::cout << result.verdicts.size() << " pushed, " << result.changes << " records changed here";
  if (status.pending > 0) std::cout << ", " << status.pending << " still queued";
  if (status.conflicts > 0) {
    std::cout << ", " << colour("33", std::to_string(status.conflicts) + " conflicts open");
  }
  std::cout << '\n';
}

void Output::status(const Status& status) {
  if (json_) return print(to_json(status));
  std::cout << "server      " << status.server << '\n'
            << "user        " << status.user_id << '\n'
            << "last sync   " << (status.last_sync.empty() ? "never" : status.last_sync) << '\n'
            << "complete    " << (status.complete ? "yes" : "no: run clone again") << '\n'
            << "queued      " << status.pending << '\n'
            << "conflicts   " << status.conflicts << '\n'
            << "rejections  " << status.rejections << '\n';
  for (const std::string& object : status.objects) std::cout << "object      " << object << '\n';
}

void Output::pending(const std::vector<PendingMutation>& list) {
  if (!json_) {
    for (const PendingMutation& m : list) {
      std::cout << m.client_sequence << "  " << m.operation << ' ' << m.object << ' ' << m.record_id
                << "  " << m.data << '\n';
    }
    if (list.empty()) std::cout << "Nothing is queued.\n";
    return;
  }
  Json all = Json::array();
  for (const PendingMutation& m : list) {
    Json json = Json::object();
    json.set("id", Json::string(m.id));
    json.set("client_sequence", Json::integer(m.client_sequence));
    json.set("object", Json::string(m.object));
    json.set("record_id", Json::string(m.record_id));
    json.set("operation", Json::string(m.operation));
    json.set("data", embedded(m.data));
    json.set("timestamp", Json::string(m.timestamp));
    json.set("version", integer_or_null(m.version));
    json.set("state", Json::string(m.state));
    all.push_back(json);
  }
  print(all);
}

void Output::conflicts(const std::vector<Conflict>& list) {
  if (!json_) {
    for (const Conflict& c : list) {
      std::cout << colour("33", c.conflict_id) << "  " << c.object << ' ' << c.record_id << "  ("
                << c.reason << ")\n    before  " << c.base << "\n    client  " << c.client
                << "\n    server  " << c.server << '\n';
    }
    if (list.empty()) std::cout << "No conflict is open.\n";
    return;
  }
  Json all = Json::array();
  for (const Conflict& c : list) {
    Json json = Json::object();
    json.set("conflict_id", Json::string(c.conflict_id));
    json.set("mutation_id", text_or_null(c.mutation_id));
    json.set("object", Json::string(c.object));
    json.set("record_id", Json::string(c.record_id));
    json.set("reason", Json::string(c.reason));
    json.set("base", embedded(c.base));
    json.set("client", embedded(c.client));
    json.set("server", embedded(c.server));
    all.push_back(json);
  }
  print(all);
}

void Output::verdict(const Verdict& verdict) {
  if (json_) return print(to_json(verdict));
  verdict_line(verdict);
}

void Output::done(const std::string& sentence) {
  if (!json_) {
    std::cout << sentence << '\n';
    return;
  }
  Json json = Json::object();
  json.set("done", Json::boolean(true));
  print(json);
}

void Output::error(const Error& error, int exit_code) {
  end_progress();
  if (json_) {
    Json inner = Json::object();
    inner.set("class", Json::string(error_class_name(error.error_class())));
    inner.set("code", Json::string(error.code()));
    inner.set("message", Json::string(error.message()));
    inner.set("detail", text_or_null(error.detail()));
    inner.set("hint", text_or_null(error.hint()));
    inner.set("exit_code", Json::integer(exit_code));
    Json json = Json::object();
    json.set("error", inner);
    return print(json);
  }
  std::cerr << "objectos-sync: " << error.message() << " [" << error.code() << "]\n";
  if (!error.detail().empty()) std::cerr << "  detail: " << error.detail() << '\n';
  if (!error.hint().empty()) std::cerr << "  what to do: " << error.hint() << '\n';
}

}  // namespace objectos::cli
