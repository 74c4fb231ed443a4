// docs/operational_transform.md, The session.
#include "protocol/text_session.h"

#include <algorithm>
#include <utility>

#include "protocol/errors.h"

namespace objectos {

namespace {

// Moves the edits from `first` on over a change that came below them; the change, above them.
TextOperation carry(std::vector<TextEdit>& edits, std::size_t first, TextOperation change,
                    ot::Side edits_side) {
  for (std::size_t i = first; i < edits.size() && !change.changes_nothing(); ++i) {
    auto [edit, above] = ot::transform_both(edits[i].operation, change, edits_side);
    edits[i].operation = std::move(edit);
    change = std::move(above);
  }
  return change;
}

// What the first `count` edits do to the base, as one.
TextOperation composed(const std::vector<TextEdit>& edits, std::size_t count) {
  std::vector<TextOperation> operations;
  operations.reserve(count);
  for (std::size_t i = 0; i < count; ++i) operations.push_back(edits[i].operation);
  return ot::compose_all(operations);
}

// Takes edit `i` out; what that changes for those after it, and in the text.
TextOperation take_out(TextState& state, std::size_t i) {
  const std::string below = ot::apply(state.base, composed(state.edits, i));
  TextOperation inverse = ot::invert(state.edits[i].operation, below);
  state.edits.erase(state.edits.begin() + static_cast<std::ptrdiff_t>(i));
  return carry(state.edits, i, std::move(inverse), ot::Side::right);
}

}  // namespace

TextSession::TextSession(TextState state) : state_(std::move(state)) {
  text_ = ot::apply(state_.base, composed(state_.edits, state_.edits.size()));
}

std::size_t TextSession::index_of(std::string_view mutation) const {
  const auto found = std::find_if(state_.edits.begin(), state_.edits.end(),
                                  [&](const TextEdit& edit) { return edit.mutation == mutation; });
  return static_cast<std::size_t>(found - state_.edits.begin());
}

TextOperation TextSession::settle(TextState next, const TextOperation& change) {
  std::string text = ot::apply(text_, change);
  TextOperation told = change;
  text_ = std::move(text);
  state_ = std::move(next);
  return told;
}

void TextSession::edit(const std::string& mutation, const TextOperation& operation) {
  std::string text = ot::apply(text_, operation);
  if (!state_.edits.empty() && !state_.edits.back().is_sent &&
      state_.edits.back().mutation == mutation) {
    state_.edits.back().operation = ot::compose(state_.edits.back().operation, operation);
  } else {
    state_.edits.push_back({mutation, operation, false, {}, 0});
  }
  text_ = std::move(text);
}

bool TextSession::freeze() {
  std::vector<TextEdit>& edits = state_.edits;
  if (edits.empty() || edits.back().is_sent) return false;
  if (edits.front().is_sent && edits.front().sent_at != state_.revision) return false;
  const auto sent = [](const TextEdit& edit) { return edit.is_sent; };
  const auto first = std::find_if_not(edits.begin(), edits.end(), sent);
  std::vector<TextOperation> copies;
  for (auto edit = first; edit != edits.end(); ++edit) copies.push_back(edit->operation);
  for (std::size_t i = 0; i < copies.size(); ++i) {
    TextEdit& edit = first[static_cast<std::ptrdiff_t>(i)];
    edit.is_sent = true;
    edit.sent = std::move(copies[i]);
    edit.sent_at = state_.revision;
  }
  return true;
}

void TextSession::unfreeze(std::string_view mutation) {
  for (std::size_t i = index_of(mutation); i < state_.edits.size(); ++i) {
    state_.edits[i].is_sent = false;
    state_.edits[i].sent = {};
    state_.edits[i].sent_at = 0;
  }
}

TextOperation TextSession::take(const TextStep& step) {
  if (step.revision <= state_.revision) return {};
  if (!step.continues(state_.revision))
    throw ProtocolError(ErrorCode::malformed_message, "a step of a text does not continue it",
                        "It was made of revision " + std::to_string(step.since) +
                            ", the text here is of revision " + std::to_string(state_.revision) +
                            ".",
                        "Pull again.");
  TextState next = state_;
  next.base = ot::apply(state_.base, step.operation);
  next.revision = step.revision;
  const std::size_t own = step.own.empty() ? next.edits.size() : index_of(step.own);
  TextOperation change = step.operation;
  std::size_t first = 0;
  if (own == 0 && !next.edits.empty()) {
    if (next.edits[0].operation == step.operation)
      change = {};
    else
      change = ot::compose(ot::invert(next.edits[0].operation, state_.base), step.operation);
    first = 1;
  }
  change = carry(next.edits, first, std::move(change), step.own_side);
  if (first == 1) {
    next.edits.erase(next.edits.begin());
  } else if (own < next.edits.size()) {
    // Edits before it are still here though it was judged: it came as others' did, and goes.
    change = ot::compose(change, take_out(next, own));
  }
  return settle(std::move(next), change);
}

TextOperation TextSession::take_text(std::string_view text, std::int64_t revision,
                                     const std::vector<std::string>& committed) {
  if (revision < state_.revision) return {};
  const auto is_committed = [&](const TextEdit& edit) {
    return std::find(committed.begin(), committed.end(), edit.mutation) != committed.end();
  };
  TextState next = state_;
  const auto rest = std::find_if_not(next.edits.begin(), next.edits.end(), is_committed);
  const auto known = static_cast<std::size_t>(rest - next.edits.begin());
  const std::string with_known = ot::apply(next.base, composed(next.edits, known));
  next.edits.erase(next.edits.begin(), rest);
  next.base = text;
  next.revision = revision;
  TextOperation change = carry(next.edits, 0, ot::diff(with_known, text), ot::Side::right);
  for (std::size_t i = next.edits.size(); i > 0; --i) {
    if (is_committed(next.edits[i - 1])) change = ot::compose(change, take_out(next, i - 1));
  }
  return settle(std::move(next), change);
}

TextOperation TextSession::withdraw(std::string_view mutation) {
  const std::size_t index = index_of(mutation);
  if (index == state_.edits.size()) return {};
  TextState next = state_;
  const TextOperation change = take_out(next, index);
  return settle(std::move(next), change);
}

}  // namespace objectos
