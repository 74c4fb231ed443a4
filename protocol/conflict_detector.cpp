#include "protocol/conflict_detector.h"

#include <algorithm>

#include "protocol/errors.h"

namespace objectos {

namespace {

std::optional<std::string> value_of(const FieldValues& values, const std::string& field) {
  auto found = values.find(field);
  if (found == values.end()) return std::nullopt;
  return found->second;
}

void conflict(Decision& decision, Reason reason, Resolution resolution) {
  decision.status = Status::conflict;
  decision.reason = reason;
  decision.resolution = resolution;
}

void list_fields(Decision& decision, const Edit& edit, const ServerState& state,
                 Resolution resolution) {
  for (const auto& [field, value] : edit.data) {
    std::optional<std::string> server;
    if (state.exists) server = value_of(state.values, field);
    decision.conflicts.push_back(
        {field, value_of(edit.original, field), value, server, resolution});
  }
}

Strategy strategy_of(const ObjectRules& rules, const std::string& field) {
  auto found = rules.fields.find(field);
  return found == rules.fields.end() ? rules.strategy : found->second;
}

FieldClock client_clock(const Edit& edit, const ServerState& state) {
  return {std::min(edit.timestamp_us, state.now_us), edit.mutation_id, {}, false};
}

void write_outcome(Decision& decision, const std::string& field, const std::string& client,
                   const FieldOutcome& outcome) {
  if (!outcome.write) return;
  decision.write[field] = outcome.value.value_or(client);
  if (outcome.value) decision.computed.insert(field);
}

void decide_insert(Decision& decision, const Edit& edit, const ServerState& state) {
  if (state.exists && edit.undo) {  // its group's other members go on
    conflict(decision, Reason::version_mismatch, Resolution::server_wins);
    list_fields(decision, edit, state, Resolution::server_wins);
    std::erase_if(decision.conflicts, [](const FieldConflict& field) {
      return field.client_value == field.server_value;
    });
    return;
  }
  if (state.exists) {
    decision.status = Status::rejected;
    decision.reason = Reason::version_mismatch;
    decision.resolution = Resolution::server_wins;
    return;
  }
  decision.action = Action::insert;
  decision.write = edit.data;
}

bool original_differs(const Edit& edit, const ServerState& state) {
  for (const auto& [field, value] : edit.original) {
    if (value_of(state.values, field) != value) return true;
  }
  return false;
}

// What the insert wrote, or its writer saw, and is something else now.
void list_changed(Decision& decision, const Edit& edit, const ServerState& state) {
  for (const auto& [field, value] : edit.original) {
    const std::optional<std::string> server = value_of(state.values, field);
    if (server == value) continue;
    decision.conflicts.push_back({field, value, std::nullopt, server, Resolution::server_wins});
  }
}

// Takes back an insert: only a record that is as its writer left it goes.
void decide_uninsert(Decision& decision, const Edit& edit, std::optional<std::int64_t> version,
                     const ServerState& state) {
  list_changed(decision, edit, state);
  const bool known = version || !edit.original.empty();
  const bool moved = version && *version != state.version;
  if (known && !moved && decision.conflicts.empty()) {
    decision.action = Action::remove;
    return;
  }
  conflict(decision, moved || !known ? Reason::version_mismatch : Reason::concurrent_update,
           Resolution::server_wins);
}

void decide_delete(Decision& decision, const Edit& edit, std::optional<std::int64_t> version,
                   const ServerState& state, const ObjectRules& rules) {
  if (!state.exists) return;
  if (is_another_record(version, state)) {  // the record it meant is gone
    conflict(decision, Reason::deleted, Resolution::server_wins);
    return;
  }
  if (edit.undo) return decide_uninsert(decision, edit, version, state);
  bool moved = version ? *version != state.version : original_differs(edit, state);
  if (!moved) {
    decision.action = Action::remove;
    return;
  }
  bool update_wins = rules.deletes == DeleteRule::update_wins;
  Reason reason = version ? Reason::version_mismatch : Reason::concurrent_update;
  conflict(decision, reason, update_wins ? Resolution::server_wins : Resolution::client_wins);
  if (!update_wins) decision.action = Action::remove;
}

void decide_deleted(Decision& decision, const Edit& edit, const ServerState& state,
                    const ObjectRules& rules) {
  bool reinsert = rules.deletes == DeleteRule::update_wins && !edit.undo && !state.exists &&
                  state.deleted_values.has_value();
  Resolution resolution = reinsert ? Resolution::client_wins : Resolution::server_wins;
  conflict(decision, Reason::deleted, resolution);
  list_fields(decision, edit, state, resolution);
  if (!reinsert) return;
  decision.action = Action::reinsert;
  decision.write = *state.deleted_values;
  for (const auto& [field, value] : edit.data) {
    FieldInput input;
    input.client = value;
    input.strategy = strategy_of(rules, field);
    const bool combines = input.strategy == Strategy::counter || input.strategy == Strategy::set;
    const auto base = edit.original.find(field);
    const auto last = decision.write.find(field);
    if (!combines || base == edit.original.end() || last == decision.write.end()) {
      decision.write[field] = value;
      continue;
    }
    const std::string server = last->second;
    input.base = base->second;
    input.server = server;
    write_outcome(decision, field, value, merge_field(input));
  }
}

// What the field was when the client changed it: as the client says, or the log.
std::optional<std::string> base_of(const Edit& edit, const ServerState& state,
                                   const std::string& field) {
  const auto base = value_of(edit.original, field);
  return base || !state.changed_since ? base : value_of(*state.changed_since, field);
}

// One resolution of all collisions: theirs, or merged if they differ; manual stands over all.
Resolution overall(const std::vector<FieldConflict>& conflicts) {
  Resolution all = Resolution::none;
  for (const FieldConflict& one : conflicts) {
    if (one.resolution == Resolution::manual) return Resolution::manual;
    if (all == Resolution::none) all = one.resolution;
    if (all != one.resolution) all = Resolution::merged;
  }
  return all;
}

void ask(Decision& decision, const ObjectRules& rules, const std::string& field) {
  const auto own = rules.functions.find(field);
  if (own != rules.functions.end()) {
    decision.calls.push_back({own->second, false, {field}});
    return;
  }
  const auto whole = std::find_if(decision.calls.begin(), decision.calls.end(),
                                  [](const MergeCall& call) { return call.whole; });
  if (whole != decision.calls.end()) {
    whole->fields.push_back(field);
  } else {
    decision.calls.push_back({rules.function, true, {field}});
  }
}

FieldOutcome decide_field(const Edit& edit, const std::string& field, const std::string& value,
                          bool same_version, const ServerState& state, const ObjectRules& rules,
                          const FieldClocks& stored) {
  auto server = state.values.find(field);
  if (server == state.values.end()) {
    throw ProtocolError(ErrorCode::invalid_mutation, "there is no field " + field,
                        "Mutation " + edit.mutation_id + ".", "Send only fields of the object.",
                        field);
  }
  const auto merged = edit.merged.find(field);
  if (merged != edit.merged.end()) {
    FieldOutcome outcome;
    outcome.write = merged->second;
    return outcome;
  }
  FieldInput input;
  input.client = value;
  auto base = edit.original.find(field);
  if (base != edit.original.end()) input.base = base->second;
  input.server = server->second;
  input.unmoved = same_version && !state.contested.contains(field);
  if (!input.base && !input.unmoved && state.changed_since) {
    const auto before = state.changed_since->find(field);
    if (before != state.changed_since->end())
      input.base = before->second;
    else
      input.unmoved = !state.contested.contains(field);
  }
  input.undo = edit.undo;
  input.strategy = strategy_of(rules, field);
  input.on_conflict = rules.on_conflict;
  input.client_clock = client_clock(edit, state);
  auto clock = stored.find(field);
  if (clock != stored.end()) input.stored = &clock->second;
  input.row_modified_at_us = state.modified_at_us;
  return merge_field(input);
}

void decide_update(Decision& decision, const Edit& edit, std::optional<std::int64_t> version,
                   const ServerState& state, const ObjectRules& rules, const FieldClocks& stored) {
  if (!state.exists || is_another_record(version, state)) {
    decide_deleted(decision, edit, state, rules);
    return;
  }
  bool same_version = version && *version == state.version;
  bool collided = false, settled = true;
  for (const auto& [field, value] : edit.data) {
    FieldOutcome outcome = decide_field(edit, field, value, same_version, state, rules, stored);
    collided |= outcome.collided;
    settled &= !outcome.collided || outcome.settled;
    write_outcome(decision, field, value, outcome);
    if (outcome.ask_function) ask(decision, rules, field);
    if (outcome.clock) decision.clocks[field] = *outcome.clock;
    if (!outcome.collided) continue;
    decision.conflicts.push_back({field, base_of(edit, state, field), value,
                                  state.values.find(field)->second, outcome.resolution});
    if (outcome.resolution == Resolution::manual) decision.manual_fields.push_back(field);
  }
  if (!decision.write.empty()) decision.action = Action::update;
  bool moved = version && !same_version;
  if (!settled) {
    decision.status = Status::conflict;
  } else if (moved || collided) {
    decision.status = Status::merged;
  }
  if (collided) {
    bool base_known = decision.conflicts.front().base.has_value();
    decision.reason = base_known ? Reason::concurrent_update : Reason::version_mismatch;
  } else if (moved) {
    decision.reason = Reason::version_mismatch;
  }
  decision.resolution = overall(decision.conflicts);
}

}  // namespace

const char* to_string(Status status) noexcept {
  switch (status) {
    case Status::applied:
      return "applied";
    case Status::merged:
      return "merged";
    case Status::conflict:
      return "conflict";
    case Status::rejected:
      return "rejected";
  }
  return "rejected";
}

const char* to_string(Reason reason) noexcept {
  switch (reason) {
    case Reason::none:
      return "";
    case Reason::version_mismatch:
      return "version_mismatch";
    case Reason::concurrent_update:
      return "concurrent_update";
    case Reason::deleted:
      return "deleted";
  }
  return "";
}

const char* to_string(Action action) noexcept {
  switch (action) {
    case Action::none:
      return "none";
    case Action::insert:
      return "insert";
    case Action::update:
      return "update";
    case Action::remove:
      return "delete";
    case Action::reinsert:
      return "reinsert";
  }
  return "none";
}

// A version is given out once: a record that still has that version is the one, whatever was
// deleted meanwhile under its key.
bool is_another_record(std::optional<std::int64_t> version, const ServerState& state) {
  return version && state.last_delete_version && *state.last_delete_version >= *version &&
         *version != state.version;
}

Edit edit_of(const Mutation& mutation, std::int64_t now_us) {
  Edit edit{mutation.operation,
            mutation.id,
            mutation.timestamp_us.value_or(now_us),
            mutation.version,
            {},
            {},
            mutation.undo_of.has_value(),
            {}};
  for (const auto& [name, value] : mutation.data.members()) {
    edit.data[name] = canonical_json(value);
  }
  for (const auto& [name, value] : mutation.original.members()) {
    edit.original[name] = canonical_json(value);
  }
  return edit;
}

Decision decide(const Edit& edit, std::optional<std::int64_t> effective_version,
                const ServerState& state, const ObjectRules& rules, const FieldClocks& stored) {
  Decision decision;
  decision.client_version = edit.version;
  if (state.exists) decision.server_version = state.version;
  switch (edit.operation) {
    case Operation::insert:
      decide_insert(decision, edit, state);
      break;
    case Operation::remove:
      decide_delete(decision, edit, effective_version, state, rules);
      break;
    case Operation::update:
      decide_update(decision, edit, effective_version, state, rules, stored);
      break;
  }
  return decision;
}

void take_answer(Decision& decision, const MergeCall& call, const ServerState& state,
                 const FieldValues& answer) {
  for (const auto& [field, value] : answer) {
    if (value_of(state.values, field) == value) continue;
    decision.write[field] = value;
    decision.computed.insert(field);
  }
  for (FieldConflict& one : decision.conflicts) {
    if (std::find(call.fields.begin(), call.fields.end(), one.field) == call.fields.end()) continue;
    const auto given = answer.find(one.field);
    const bool server = given == answer.end() || given->second == one.server_value;
    const bool client = !server && given->second == one.client_value;
    one.resolution = server   ? Resolution::server_wins
                     : client ? Resolution::client_wins
                              : Resolution::merged;
  }
  if (decision.action == Action::none && !decision.write.empty()) decision.action = Action::update;
  decision.resolution = overall(decision.conflicts);
}

void take_computed(Decision& decision, const ServerState& state, const std::string& field,
                   const std::string& canonical) {
  decision.write[field] = canonical;
  if (decision.action != Action::update || value_of(state.values, field) != canonical) return;
  decision.write.erase(field);
  if (decision.write.empty()) decision.action = Action::none;
}

std::string Decision::describe() const {
  std::string line = std::string(to_string(status)) + " action=" + to_string(action);
  if (reason != Reason::none) line += std::string(" reason=") + to_string(reason);
  if (resolution != Resolution::none) line += std::string(" resolution=") + to_string(resolution);
  for (const auto& [field, value] : write) line += " " + field + ":=" + value;
  for (const FieldConflict& item : conflicts) {
    line += " [" + item.field + " client=" + item.client_value.value_or("-") +
            " server=" + item.server_value.value_or("-") + " " + to_string(item.resolution) + "]";
  }
  return line;
}

}  // namespace objectos
