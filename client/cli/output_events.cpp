// What `watch` and `presence` print.
#include <iostream>

#include "engine/public_json.h"
#include "output.h"
#include "printing.h"

namespace objectos::cli {

namespace {

void print_event(const char* name, const Json& value) {
  Json json = Json::object();
  json.set("event", Json::string(name));
  for (const auto& [member, held] : value.members()) json.set(member, held);
  print(json);
  std::cout.flush();
}

}  // namespace

void Output::event(const Change& change) {
  if (json_) return print_event("change", to_json(change));
  std::cout << origin_name(change.origin) << "  " << change.operation << ' ' << change.object << ' '
            << change.record_id;
  if (!change.after.empty()) std::cout << "  " << change.after;
  std::cout << std::endl;
}

void Output::event(const Verdict& verdict) {
  if (json_) return print_event("verdict", to_json(verdict));
  verdict_line(verdict);
  std::cout.flush();
}

void Output::event(const RejectedMutation& rejected) {
  if (json_) return print_event("rejection", to_json(rejected));
}

void Output::event(const Conflict& conflict) {
  if (json_) return print_event("conflict", to_json(conflict));
  std::cout << colour("33", "conflict") << "  " << conflict.object << ' ' << conflict.record_id
            << "  " << conflict.conflict_id << std::endl;
}

// For people only what they would do something about: online or not, how, and why.
void Output::event(const Status& status) {
  if (json_) return print_event("status", to_json(status));
  std::string line = status.online ? "online" : "offline";
  if (status.online && status.live == Live::listening) line += ", listening";
  if (status.online && status.live == Live::polling) line += ", polling: " + status.live_reason;
  if (status.last_error) line += ": " + *status.last_error;
  if (line == told_) return;
  told_ = line;
  std::cout << colour(status.online ? "32" : "33", line) << std::endl;
}

void Output::event(const PresenceEvent& event) {
  if (json_) return print_event("presence", to_json(event));
  const std::string kind = presence_kind_name(event.kind);
  const bool bad = event.kind == PresenceKind::offline || event.kind == PresenceKind::refused;
  std::cout << colour(bad ? "33" : "36", kind);
  if (!event.user_id.empty()) std::cout << "  " << event.user_id << ' ' << event.client_id;
  if (!event.payload.empty()) std::cout << "  " << event.payload;
  if (!event.error.empty()) std::cout << ": " << event.error;
  std::cout << '\n';
  for (const PresentClient& client : event.present)
    std::cout << "  " << client.user_id << ' ' << client.client_id << "  " << client.state << '\n';
  std::cout.flush();
}

}  // namespace objectos::cli
