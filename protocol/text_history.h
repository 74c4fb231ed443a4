// One text field of one record, as the server holds it: committed operations, numbered by the
// revision that each made. docs/operational_transform.md, The server.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/limits.h"
#include "protocol/operational_transform.h"
#include "protocol/text_session.h"

namespace objectos {

// A committed operation. Revisions ascend, and need not be neighbours: the server takes the
// record's versions, which other columns' changes draw, too. So the text at any revision from
// `since` up to `revision` is the one that the operation was made of.
struct TextRevision {
  std::int64_t since = 0;     // the revision of the operation before; 0: it is the first one
  std::int64_t revision = 0;  // the one that it makes
  std::string client;         // "" for plain SQL
  std::string mutation;       // "" where there is none
  TextOperation operation;
  // Several that were composed, or that are not kept: nobody's own, and no step of anybody.
  bool composed = false;
};

// The operations that led to the newest text, ascending and without gaps; as many of the last ones
// as are kept (or were read).
struct TextHistory {
  std::int64_t revision = 0;  // the newest; not below that of the last operation
  std::span<const TextRevision> operations;
};

// The steps for `client`, whose text is of revision `since`: its own operations each by itself,
// what others committed between them composed. Others' text that goes to different sides of the
// client's own stays in different steps, up to text_revisions_behind_max revisions. Nothing if the
// history does not reach back to `since` operation by operation, or a step would have more than
// text_components_max components: the client needs the whole text.
std::optional<std::vector<TextStep>> text_steps(const TextHistory& history, std::string_view client,
                                                std::int64_t since);

// Commits the operations that a client pushes for one field, in order, each made of the text after
// the one before and the first of revision r.
class TextCommit {
 public:
  TextCommit(std::string_view client, std::int64_t revision, const TextHistory& history,
             std::int64_t behind_max = limits::text_revisions_behind_max);

  // Whether the client must pull first: r is more than `behind_max` revisions behind, or beyond
  // what the history reaches back to operation by operation, or an operation of the client's own
  // was committed after r and not passed(). What is pushed builds on that as it was sent, which
  // only the client knows.
  bool needs_pull() const noexcept;

  // The operation as it is to be committed, made of the newest text; not if needs_pull(). Throws
  // OS007 where it would grow beyond the limits (nothing more can be committed then); whether it
  // fits the text is apply()'s to say.
  TextOperation commit(const TextOperation& sent);

  // An operation of the chain that was committed before: those after it build on it. `revision`:
  // the one that it made, or, if it had become nothing, the newest one when it was judged.
  void passed(const TextOperation& sent, std::int64_t revision);

  // Whether nothing of others' is between r and the next operation.
  bool is_current() const noexcept { return after_.empty(); }

 private:
  struct After {
    std::int64_t revision;
    bool is_own;
    ot::Side side;  // of the client's text against it
    TextOperation operation;
  };
  TextOperation carried(TextOperation operation, std::size_t first, std::size_t last);

  std::vector<After> after_;  // each over what was passed and committed
  bool reaches_ = true;       // from r, as far as it may be
};

}  // namespace objectos
