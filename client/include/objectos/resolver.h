// Conflicts decided by the app: SyncEngine::set_resolver(). Plain data.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace objectos {

// An open manual conflict. JSON members hold an object with a member per colliding field, in wire
// form; base and local are empty where nobody knows them.
struct ConflictQuestion {
  std::string conflict_id;
  std::string object;
  std::string record_id;
  std::string reason;
  std::string base;    // before both edits
  std::string local;   // what the device wrote (this one, or the one that opened the conflict)
  std::string remote;  // what the server holds
  std::string row;     // the whole local row as it is now; empty: no row
  std::vector<std::string> fields;  // the colliding ones
};

struct Decision {
  enum class Kind { later, client_wins, server_wins, values };
  Kind kind = Kind::later;
  std::string values_json{};  // with `values`: a JSON object, a value per colliding field

  static Decision client_wins() { return {Kind::client_wins}; }
  static Decision server_wins() { return {Kind::server_wins}; }
  static Decision values(std::string json) { return {Kind::values, std::move(json)}; }
  // Not asked again before the row changes, the resolver is set anew, or the engine is a new one.
  static Decision later() { return {Kind::later}; }
};

using Resolver = std::function<Decision(const ConflictQuestion&)>;

}  // namespace objectos
