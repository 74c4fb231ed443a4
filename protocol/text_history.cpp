// docs/operational_transform.md, The server.
#include "protocol/text_history.h"

#include <algorithm>
#include <utility>

#include "protocol/limits.h"

namespace objectos {

namespace {

bool is_own(const TextRevision& one, std::string_view client) {
  return !one.mutation.empty() && one.client == client;
}

// The first operation that was not made of an older text than that of `revision`.
auto first_after(std::span<const TextRevision> history, std::int64_t revision) {
  return std::lower_bound(history.begin(), history.end(), revision,
                          [](const TextRevision& one, std::int64_t at) { return one.since < at; });
}

// Composes neighbours into steps.
class StepWriter {
 public:
  explicit StepWriter(std::vector<TextStep>& steps) : steps_(steps) {}

  void own(const TextRevision& one) {
    flush();
    steps_.push_back({one.since, one.revision, one.mutation, ot::Side::right, one.operation});
  }
  void foreign(const TextRevision& one, ot::Side side) {
    if (!run_.empty() && next_.own_side != side) flush();
    if (run_.empty()) next_ = {one.since, one.revision, {}, side, {}};
    next_.revision = one.revision;
    run_.push_back(one.operation);
  }
  void flush() {
    if (run_.empty()) return;
    next_.operation = ot::compose_all(run_);
    steps_.push_back(std::move(next_));
    run_.clear();
  }

 private:
  std::vector<TextStep>& steps_;
  std::vector<TextOperation> run_;
  TextStep next_;
};

}  // namespace

std::optional<std::vector<TextStep>> text_steps(std::span<const TextRevision> history,
                                                std::string_view client, std::int64_t since) {
  const auto first = first_after(history, since);
  std::vector<TextStep> steps;
  if (first == history.end()) {
    if (history.empty() || history.back().revision != since) return std::nullopt;
    return steps;
  }
  if (first->since != since) return std::nullopt;
  const bool many = history.end() - first > limits::text_revisions_behind_max;
  StepWriter writer(steps);
  std::optional<ot::Side> side;
  for (auto one = first; one != history.end(); ++one) {
    if (is_own(*one, client)) {
      writer.own(*one);
      continue;
    }
    if (!many || !side) side = ot::side_of(client, one->client);
    writer.foreign(*one, *side);
  }
  writer.flush();
  return steps;
}

TextCommit::TextCommit(std::string_view client, std::int64_t revision,
                       std::span<const TextRevision> history, std::int64_t behind_max)
    : behind_max_(behind_max) {
  const auto first = first_after(history, revision);
  if (first == history.end()) {
    continues_ = history.empty() || history.back().revision == revision;
    return;
  }
  continues_ = first->since == revision;
  behind_ = history.back().revision - revision;
  if (!continues_ || behind_ > behind_max) return;
  after_.reserve(static_cast<std::size_t>(history.end() - first));
  for (auto one = first; one != history.end(); ++one)
    after_.push_back(
        {one->revision, is_own(*one, client), ot::side_of(client, one->client), one->operation});
}

bool TextCommit::needs_pull() const noexcept {
  return !continues_ || behind_ > behind_max_ ||
         std::any_of(after_.begin(), after_.end(), [](const After& one) { return one.is_own; });
}

TextOperation TextCommit::carried(TextOperation operation, std::size_t first, std::size_t last) {
  for (std::size_t i = first; i < last; ++i) {
    After& one = after_[i];
    auto [moved, over] = ot::transform_both(operation, one.operation, one.side);
    operation = std::move(moved);
    one.operation = std::move(over);
  }
  return operation;
}

TextOperation TextCommit::commit(const TextOperation& sent) {
  ++behind_;
  return carried(sent, 0, after_.size());
}

void TextCommit::passed(const TextOperation& sent, std::int64_t revision) {
  const auto own = std::find_if(after_.begin(), after_.end(),
                                [&](const After& one) { return one.revision == revision; });
  if (own == after_.end()) return;
  carried(sent, 0, static_cast<std::size_t>(own - after_.begin()));
  after_.erase(own);
}

}  // namespace objectos
