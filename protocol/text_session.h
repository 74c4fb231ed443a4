// One text field of one record, as a client holds it: the text of the server's revision (the base
// image) and the client's own edits over it. docs/operational_transform.md, The session.
//
// Invariants: text() is the base with all edits applied, in order. Sent edits come before unsent
// ones. What was sent of an edit (`sent`, `sent_at`) never changes while it is sent, whatever comes
// meanwhile; `operation` is the same edit as it stands now.
//
// Pure: what is read, stored or sent is the caller's business, and so is time. One thread at a
// time. Every function either does the whole of it or throws and leaves the session as it was.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/operational_transform.h"
#include "protocol/text_operation.h"

namespace objectos {

// What a pull tells of a text field: what was committed between two revisions. Revisions need not
// be neighbours (text_history.h): the text of any one from `since` up to the step's is the same.
struct TextStep {
  std::int64_t since = 0;     // the revision that it was made of
  std::int64_t revision = 0;  // the one that it makes
  std::string own;            // the mutation, where it is the pulling client's; "" otherwise
  // Of the pulling client's own text against this, where both insert at one place.
  ot::Side own_side = ot::Side::right;
  TextOperation operation;
  // Of several operations: the revision that the first of them made. 0 of a single one.
  std::int64_t first = 0;
  // Whether it can be taken where the text is of revision r, below the step's.
  bool continues(std::int64_t r) const noexcept {
    return since <= r && r < (first == 0 ? revision : first);
  }
  bool operator==(const TextStep&) const = default;
};

struct TextEdit {
  std::string mutation;  // the mutation's id
  TextOperation operation;
  bool is_sent = false;
  TextOperation sent;        // what goes to the server, the first time and every time
  std::int64_t sent_at = 0;  // the revision that `sent` was made of
  bool operator==(const TextEdit&) const = default;
};

struct TextState {
  std::string base;
  std::int64_t revision = 0;
  std::vector<TextEdit> edits;  // each of the text after the one before
  bool operator==(const TextState&) const = default;
};

class TextSession {
 public:
  // Throws if an edit does not fit its text.
  explicit TextSession(TextState state);

  const TextState& state() const noexcept { return state_; }
  // What the user sees.
  const std::string& text() const noexcept { return text_; }

  // A local edit of text(). Composed with the last one if that is of the same mutation and was not
  // sent. Throws OS006 where it reaches beyond the text.
  void edit(const std::string& mutation, const TextOperation& operation);

  // Freezes the unsent edits for a push. False, and nothing is done, if there is none, or one that
  // was sent at an older revision is still there: it must come back by a pull first.
  bool freeze();

  // The server wants a pull first (or judged nothing from here on): the edit of this mutation and
  // those after it are unsent again, as they stand now. Nothing if there is none.
  void unfreeze(std::string_view mutation);

  // A step of a pull. What was committed rules: where an own edit was committed otherwise than it
  // stands here, the difference is made good, and later edits move. Steps at or below the revision
  // are skipped. Throws OS005 if the step does not continue it. Returns what it changed in text(),
  // for cursors.
  TextOperation take(const TextStep& step);

  // The whole text, where there are no steps (the revision is too old): edits whose mutations are
  // `committed` are in it and go, the rest moves over the difference. Skipped if it is older.
  TextOperation take_text(std::string_view text, std::int64_t revision,
                          const std::vector<std::string>& committed);

  // The edit was rejected: it is taken back, later ones stay. Nothing if there is none.
  TextOperation withdraw(std::string_view mutation);

 private:
  std::size_t index_of(std::string_view mutation) const;
  TextOperation settle(TextState next, const TextOperation& change);

  TextState state_;
  std::string text_;
};

}  // namespace objectos
