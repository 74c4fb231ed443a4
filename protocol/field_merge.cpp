#include "protocol/field_merge.h"

#include <algorithm>

#include "protocol/combine.h"
#include "protocol/fnv.h"

namespace objectos {

namespace {

// The clock of the value that stands in the row: the stored one if it is about this very value,
// else a plain write's.
FieldClock present_clock(const FieldInput& input) {
  if (input.stored != nullptr && input.stored->value_hash == hash_value(input.server)) {
    return *input.stored;
  }
  return {input.row_modified_at_us, {}, hash_value(input.server), false};
}

bool stored_counts(const FieldInput& input) {
  return input.stored != nullptr && input.stored->value_hash == hash_value(input.server);
}

// The clock to keep for `value`: the later of the two, so that no older write passes it.
FieldClock later_clock(const FieldInput& input, bool beside_present, std::string_view value) {
  FieldClock clock = input.client_clock;
  if (beside_present) {
    FieldClock present = present_clock(input);
    if (clock_before(clock, present)) clock = present;
  }
  clock.value_hash = hash_value(value);
  clock.own = false;
  return clock;
}

FieldOutcome decide_by_clock(const FieldInput& input, bool competing) {
  FieldOutcome outcome;
  FieldClock present = present_clock(input);
  bool own = stored_counts(input) && present.own;
  bool wins = own || clock_before(present, input.client_clock);
  outcome.collided = competing || !wins;
  outcome.settled = outcome.collided;
  if (outcome.collided) {
    outcome.resolution = wins ? Resolution::client_wins : Resolution::server_wins;
  }
  outcome.write = wins;
  if (wins) outcome.clock = later_clock(input, own, input.client);
  return outcome;
}

FieldOutcome take_client(const FieldInput& input, bool clocked) {
  FieldOutcome outcome;
  outcome.write = true;
  if (clocked) outcome.clock = later_clock(input, stored_counts(input), input.client);
  return outcome;
}

FieldOutcome collision(Resolution resolution) {
  FieldOutcome outcome;
  outcome.collided = true;
  outcome.write = resolution == Resolution::client_wins;
  outcome.resolution = resolution;
  return outcome;
}

// An undo: over what the undone mutation wrote, and over nothing else. Its clock is a write's, and
// no earlier than that of the value it replaces, so that no older write comes after it.
FieldOutcome take_back(const FieldInput& input, bool clocked) {
  if (input.client == input.server) return {};
  const std::optional<std::string_view> wrote =
      input.base || !input.unmoved ? input.base : std::optional(input.server);
  if (wrote != input.server) return collision(Resolution::server_wins);
  FieldOutcome outcome;
  outcome.write = true;
  if (clocked) outcome.clock = later_clock(input, true, input.client);
  return outcome;
}

FieldOutcome combine(const FieldInput& input) {
  std::optional<std::string_view> base = input.base;
  if (!base && input.unmoved) base = input.server;
  if (!base) {  // nobody knows what the client changed
    return input.client == input.server ? FieldOutcome() : collision(Resolution::server_wins);
  }
  FieldOutcome outcome;
  if (input.client == *base) return outcome;
  std::optional<std::string> value = input.strategy == Strategy::counter
                                         ? combine_counter(*base, input.client, input.server)
                                         : combine_set(*base, input.client, input.server);
  const bool changed = *base != input.server;
  if (!value) {
    if (changed && input.client != input.server) return collision(Resolution::server_wins);
    value = std::string(input.client);
  }
  outcome.write = *value != input.server;
  if (*value != input.client) outcome.value = std::move(value);
  outcome.collided = outcome.settled = changed && input.client != input.server;
  if (outcome.collided) outcome.resolution = Resolution::merged;
  return outcome;
}

}  // namespace

const char* to_string(Strategy strategy) noexcept {
  switch (strategy) {
    case Strategy::lww:
      return "lww";
    case Strategy::merge:
      return "merge";
    case Strategy::server_wins:
      return "server_wins";
    case Strategy::client_wins:
      return "client_wins";
    case Strategy::manual:
      return "manual";
    case Strategy::counter:
      return "counter";
    case Strategy::set:
      return "set";
    case Strategy::text:
      return "text";
    case Strategy::function:
      return "function";
  }
  return "merge";
}

std::optional<Strategy> parse_strategy(std::string_view name) noexcept {
  for (Strategy strategy :
       {Strategy::lww, Strategy::merge, Strategy::server_wins, Strategy::client_wins,
        Strategy::manual, Strategy::counter, Strategy::set, Strategy::text}) {
    if (name == to_string(strategy)) return strategy;
  }
  return std::nullopt;
}

const char* to_string(Resolution resolution) noexcept {
  switch (resolution) {
    case Resolution::none:
      return "";
    case Resolution::client_wins:
      return "client_wins";
    case Resolution::server_wins:
      return "server_wins";
    case Resolution::manual:
      return "manual";
    case Resolution::merged:
      return "merged";
  }
  return "";
}

std::optional<Resolution> parse_resolution(std::string_view name) noexcept {
  for (Resolution resolution : {Resolution::none, Resolution::client_wins, Resolution::server_wins,
                                Resolution::manual, Resolution::merged}) {
    if (name == to_string(resolution)) return resolution;
  }
  return std::nullopt;
}

bool clock_before(const FieldClock& a, const FieldClock& b) noexcept {
  if (a.timestamp_us != b.timestamp_us) return a.timestamp_us < b.timestamp_us;
  return a.mutation_id < b.mutation_id;
}

std::string hash_value(std::string_view canonical_value) {
  return to_hex64(fnv1a64(canonical_value));
}

FieldOutcome merge_field(const FieldInput& input) {
  if (input.strategy == Strategy::counter || (input.strategy == Strategy::set && !input.undo)) {
    return combine(input);
  }
  const bool merges = input.strategy == Strategy::merge || input.strategy == Strategy::text;
  Strategy strategy = merges ? input.on_conflict : input.strategy;
  bool clocked = strategy == Strategy::lww;
  if (input.undo) return take_back(input, clocked);
  if (input.client == input.server) {  // nobody loses; only the clock may move on
    FieldOutcome outcome;
    bool competing = input.base && *input.base != input.server;
    if (clocked) {
      outcome.clock = later_clock(input, competing || stored_counts(input), input.server);
    }
    return outcome;
  }
  // Where nobody wrote since, a value other than the base is what the server made (by a trigger, a
  // default) of this client's own mutation: no other edit.
  bool changed = !input.unmoved && !(input.base && *input.base == input.server);
  if (input.strategy == Strategy::lww) {
    if (stored_counts(input)) return decide_by_clock(input, changed);
    return changed ? decide_by_clock(input, true) : take_client(input, true);
  }
  if (!changed) return take_client(input, clocked);
  if (clocked) return decide_by_clock(input, true);

  switch (strategy) {
    case Strategy::client_wins:
      return collision(Resolution::client_wins);
    case Strategy::server_wins:
      return collision(Resolution::server_wins);
    case Strategy::function: {
      FieldOutcome outcome = collision(Resolution::none);
      outcome.settled = outcome.ask_function = true;
      return outcome;
    }
    default:
      return collision(Resolution::manual);
  }
}

}  // namespace objectos
