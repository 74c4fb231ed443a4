// How push tells capture whose mutation a statement is, and how capture tells push what became of
// it.
//
// Push sets a scope around each statement that applies mutations. Capture consumes it only for the
// statement's own table and the trigger depth just below push: rows changed by cascades and user
// triggers are side effects, logged with an id of their own, the pusher's client_id and no
// client_sequence. Aborts clear the scope.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "pg_ext/boundary.h"
#include "protocol/conflict_detector.h"
#include "protocol/sha256.h"
#include "protocol/text_operation.h"

namespace objectos::server {

// What is committed of an edit of a text.
struct CommittedText {
  TextOperation operation;
  TextOperation inverse;                     // takes it back
  std::shared_ptr<const std::string> after;  // the text that it leaves; none: others follow at once
};
using CommittedTexts = std::map<std::string, CommittedText, std::less<>>;

// Edits of a record's texts that are written with the mutation after them, and logged before it.
struct PushedLink {
  std::string mutation_id;  // uuid text
  std::optional<std::int64_t> client_sequence;
  const CommittedTexts* texts = nullptr;  // lives as long as the scope
  std::int64_t version = 0;               // drawn for it, below that of the row

  // Filled by capture, if it was captured with its mutation:
  std::int64_t sequence = 0;
  std::string seal;
};

struct PushedMutation {
  std::string record_id;
  std::string mutation_id;  // uuid text
  std::optional<std::int64_t> client_sequence;
  std::string operation;              // "insert", "update", "delete"
  const FieldValues* sent = nullptr;  // what the client sent, canonical; lives as long as the scope
  // Of texts: what is committed, made of the row's text. Lives as long, too.
  const CommittedTexts* texts = nullptr;
  std::vector<PushedLink> links = {};  // before it, in order

  // Filled by capture:
  bool captured = false;  // false after the statement: a no-op, or nothing was hit
  std::int64_t sequence = 0;
  std::int64_t version = 0;  // the row's new version; of a delete: the version deleted
  bool exact = false;
  bool texts_moved = false;  // a trigger made other texts of what was written
  std::string seal;          // of the log row; empty where the scope has none
};

struct PushScope {
  Oid relid = 0;
  std::string client_id;
  std::optional<std::string> user_id;  // default: sync_user_id()
  std::optional<std::string> device;
  const HmacSha256* seal = nullptr;       // of a signed push: its log rows are sealed
  std::vector<PushedMutation> mutations;  // of this statement; record_ids are distinct

  int trigger_depth = 0;  // set by with_push_scope
  std::unordered_map<std::string, std::size_t> by_record;
};

PushScope* current_push_scope() noexcept;
bool push_is_direct(const PushScope& scope,
                    Oid relid);  // is this trigger call the pushed statement's own?

namespace detail {
PushScope* enter_push_scope(PushScope* scope);
void leave_push_scope(PushScope* previous) noexcept;
}  // namespace detail

// Runs `work` (the apply statement) under `scope`. Nested scopes (a user trigger that pushes)
// restore the outer one.
template <typename Work>
auto with_push_scope(PushScope& scope, Work&& work) -> decltype(work()) {
  struct Leave {
    PushScope* previous;
    ~Leave() { detail::leave_push_scope(previous); }  // plain assignment: no backend call
  } leave{detail::enter_push_scope(&scope)};
  return work();
}

}  // namespace objectos::server
