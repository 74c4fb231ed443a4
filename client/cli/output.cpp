#include "output.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "engine/public_json.h"
#include "printing.h"

namespace objectos::cli {

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
  std::cout << "  " << colour(code, verdict.status) << "  ";
  if (!verdict.operation.empty()) std::cout << verdict.operation << ' ';  // resolve has none
  std::cout << verdict.object << ' ' << verdict.record_id;
  if (!verdict.reason.empty()) std::cout << "  (" << verdict.reason << ')';
  if (!verdict.resolution.empty()) std::cout << "  -> " << verdict.resolution;
  if (verdict.duplicate) std::cout << "  [seen before]";
  std::cout << '\n';
  Json detail = embedded_json(verdict.detail);
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
    Json json = to_json(result);
    json.set("status", to_json(status));
    return print(json);
  }
  if (!quiet_) {
    for (const Verdict& verdict : result.verdicts) verdict_line(verdict);
  }
  if (result.resynced) std::cout << "The replica was read anew; queued edits were kept.\n";
  if (result.forked) {
    std::cout << "This file is a copy, or was restored; it goes on under a new identity.\n";
    if (result.set_aside > 0)
      std::cout << "Set aside: " << counted(result.set_aside, "edit")
                << ", which objectos-sync rejections lists.\n";
  }
  std::cout << result.verdicts.size() << " pushed, " << counted(result.changes, "record")
            << " changed here";
  if (status.pending > 0) std::cout << ", " << status.pending << " still queued";
  if (status.conflicts > 0) {
    std::cout << ", " << colour("33", counted(status.conflicts, "conflict") + " open");
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
      std::cout << m.client_sequence << "  " << m.id << "  " << m.operation << ' ' << m.object
                << ' ' << m.record_id << "  " << m.data << '\n';
    }
    if (list.empty()) std::cout << "Nothing is queued.\n";
    return;
  }
  print(to_json(list));
}

void Output::discarded(const std::vector<PendingMutation>& list) {
  if (json_) return print(to_json(list));
  for (const PendingMutation& m : list)
    std::cout << "discarded  " << m.operation << ' ' << m.object << ' ' << m.record_id << '\n';
}

void Output::retried(const std::string& mutation_id) {
  if (!json_) {
    std::cout << (mutation_id.empty() ? "The row is that way already; the rejection is forgotten."
                                      : "Queued again as " + mutation_id + ".")
              << '\n';
    return;
  }
  Json json = Json::object();
  json.set("mutation_id", mutation_id.empty() ? Json() : Json::string(mutation_id));
  print(json);
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
  print(to_json(list));
}

void Output::verdict(const Verdict& verdict) {
  if (json_) return print(to_json(verdict));
  verdict_line(verdict);
}

void Output::findings(const std::vector<Finding>& list) {
  if (json_) return print(to_json(list));
  for (const Finding& finding : list) {
    const char* code = finding.state == "ok" ? "32" : finding.state == "note" ? "33" : "31";
    std::cout << colour(code, finding.state) << std::string(9 - finding.state.size(), ' ')
              << finding.place << ": " << finding.message << '\n';
    if (!finding.hint.empty()) std::cout << "         -> " << finding.hint << '\n';
  }
}

void Output::subscription(const std::string& json) {
  if (!json_) {
    std::cout << (json.empty() ? "everything" : json) << '\n';
    return;
  }
  Json answer = Json::object();
  answer.set("subscription", json.empty() ? Json() : parse_json(json));
  print(answer);
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
    Json inner = to_json(error);
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
