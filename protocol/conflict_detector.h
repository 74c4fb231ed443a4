// What becomes of one pushed mutation: a pure function from (mutation, server state, rules) to a
// Decision, which is a value that can be printed and tested before anything is done.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/field_merge.h"
#include "protocol/messages.h"
#include "protocol/object_rules.h"

namespace objectos {

// The part of a mutation that decides, with values as canonical JSON texts of the columns' wire
// forms (so a caller may normalise them first).
struct Edit {
  Operation operation = Operation::update;
  std::string mutation_id;
  std::int64_t timestamp_us = 0;
  std::optional<std::int64_t> version;  // the one edited; nothing = no version check
  FieldValues data;
  FieldValues original;
  // Takes back an earlier mutation (`undo_of`): `original` is what that one wrote. It gives way to
  // whatever was done since, under every strategy (docs/conflicts.md, "Undo").
  bool undo = false;
  // Fields of `data` that hold what is to stand in the row (texts, with the client's edit merged
  // in), and whether that is something else than what stands there.
  std::map<std::string, bool, std::less<>> merged = {};
};

// Takes the mutation's values as they are; no timestamp in it means now_us.
Edit edit_of(const Mutation& mutation, std::int64_t now_us);

struct ServerState {
  bool exists = false;
  std::int64_t version = 0;
  FieldValues values;  // at least the fields of the edit's data and original
  std::int64_t modified_at_us = 0;
  std::int64_t now_us = 0;  // client clocks are clamped to it
  // Fields that the log shows as changed after the edit's effective version, with their values at
  // it. Asked for fields whose `original` the client did not say; unknown (nothing) counts them all
  // as changed once the version has moved.
  std::optional<FieldValues> changed_since;
  // Fields on which an earlier mutation of the client's chain lost: the effective version does not
  // vouch for them.
  std::set<std::string, std::less<>> contested;
  std::optional<std::int64_t> last_delete_version;  // newest delete of it in the log
  std::optional<FieldValues> deleted_values;        // the whole row of that delete
};

enum class Status { applied, merged, conflict, rejected };
const char* to_string(Status status) noexcept;

enum class Reason { none, version_mismatch, concurrent_update, deleted };
// "" for none.
const char* to_string(Reason reason) noexcept;

enum class Action { none, insert, update, remove, reinsert };
const char* to_string(Action action) noexcept;

struct FieldConflict {
  std::string field;
  std::optional<std::string> base;          // canonical JSON texts
  std::optional<std::string> client_value;  // nothing: deleted by the client
  std::optional<std::string> server_value;  // nothing: the record is gone
  Resolution resolution = Resolution::none;
  bool operator==(const FieldConflict&) const = default;
};

// Collided fields that a user's SQL function decides.
struct MergeCall {
  std::string function;  // schema.name, quoted where needed
  bool whole = false;    // the object's: takes and gives objects of fields; else one field's values
  std::vector<std::string> fields;
};

struct Decision {
  Status status = Status::applied;
  Reason reason = Reason::none;
  Resolution resolution = Resolution::none;
  Action action = Action::none;
  FieldValues write;  // columns and values of the insert, update or reinsert
  std::set<std::string, std::less<>> computed;  // of `write`: not the client's own text
  std::vector<MergeCall> calls;                 // to be made; take_answer() has what they give
  std::vector<FieldConflict> conflicts;
  std::vector<std::string> manual_fields;  // not written; a conflict is to be opened for them
  FieldClocks clocks;                      // to be stored (also when action is none)
  std::optional<std::int64_t> client_version;
  std::optional<std::int64_t> server_version;
  // One line for logs and test failures.
  std::string describe() const;
};

// Deleted since the version that was edited, and made again.
bool is_another_record(std::optional<std::int64_t> version, const ServerState& state);

// `effective_version` is the version the edit builds on: edit.version, or, for a chain of the same
// client's mutations, the version after its earlier one.
// Throws OS006 if state.values lacks a field of the edit.
Decision decide(const Edit& edit, std::optional<std::int64_t> effective_version,
                const ServerState& state, const ObjectRules& rules, const FieldClocks& stored);

// A merge function's answer: the values of fields, canonical. Fields it left out stay the server's.
void take_answer(Decision& decision, const MergeCall& call, const ServerState& state,
                 const FieldValues& answer);

// The text of a computed value as its column's type holds it.
void take_computed(Decision& decision, const ServerState& state, const std::string& field,
                   const std::string& canonical);

}  // namespace objectos
