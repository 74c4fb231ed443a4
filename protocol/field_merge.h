// The rule for one field of an update: whose value stays.
//
// Values are canonical JSON texts (canonical_json of the wire form), compared byte by byte.
//
// merge: what only one side changed is taken, equal values never collide, and what both changed
// goes to the object's on_conflict. server_wins, client_wins, manual: the same, with that outcome.
// lww: every write has the clock (timestamp, mutation id); the higher one stays, whatever the order
// of arrival. Under merge with on_conflict lww, clocks are asked only when both sides changed.
// counter, set: both sides' changes count (combine.h), whatever the version says: the client's
// change is the difference from its base. function: as merge, and what both changed goes to an SQL
// function. text: edits are merged before anything is decided (text_history.h); a value whose edit
// nobody knows is decided as under merge.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace objectos {

enum class Strategy { lww, merge, server_wins, client_wins, manual, counter, set, text, function };
const char* to_string(Strategy strategy) noexcept;
// Not of function: that one is named with its function (object_rules.h).
std::optional<Strategy> parse_strategy(std::string_view name) noexcept;

enum class Resolution { none, client_wins, server_wins, manual, merged };
// "" for none.
const char* to_string(Resolution resolution) noexcept;
std::optional<Resolution> parse_resolution(std::string_view name) noexcept;

// Field name → canonical JSON text. A missing field and a null are different things.
using FieldValues = std::map<std::string, std::string, std::less<>>;

// Who wrote a field's value last, under lww.
struct FieldClock {
  std::int64_t timestamp_us = 0;
  std::string mutation_id;  // "" for a plain write
  std::string value_hash;   // hash_value() of the value written
  // Written by the client that pushes now: its own later write builds on it, and wins even if its
  // clock was set back or stands still within the same millisecond. Set by the caller; not stored.
  bool own = false;
  bool operator==(const FieldClock&) const = default;
};
using FieldClocks = std::map<std::string, FieldClock, std::less<>>;

// Orders by timestamp, then mutation id (bytes).
bool clock_before(const FieldClock& a, const FieldClock& b) noexcept;

// What field_clocks stores to tell whether the row still holds the value the clock is about.
std::string hash_value(std::string_view canonical_value);

struct FieldInput {
  std::string_view client;               // the value the client wrote
  std::optional<std::string_view> base;  // what it was before, if the client said so
  std::string_view server;               // the row's present value
  bool unmoved = false;  // nobody wrote the field after the version that the client edited
  bool undo = false;     // `client` is to take back `base`: only where that still stands
  Strategy strategy = Strategy::merge;   // of the field; merge = on_conflict decides collisions
  Strategy on_conflict = Strategy::lww;  // not merge
  FieldClock client_clock;               // clamped to the server's now
  const FieldClock* stored = nullptr;    // from field_clocks, if any
  std::int64_t row_modified_at_us = 0;   // clock of a plain write
};

struct FieldOutcome {
  bool write = false;                // the client's value goes into the row
  std::optional<std::string> value;  // written instead of the client's
  bool collided = false;             // both sides changed it, to different values
  bool settled = false;              // collided, and clocks, counter, set or function decide
  bool ask_function = false;         // collided; resolution is open until it has answered
  Resolution resolution = Resolution::none;  // of a collision
  std::optional<FieldClock> clock;           // to be stored
};

FieldOutcome merge_field(const FieldInput& input);

}  // namespace objectos
