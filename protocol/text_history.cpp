// docs/operational_transform.md, The server.
#include "protocol/text_history.h"

#include <algorithm>
#include <utility>

#include "protocol/errors.h"
#include "protocol/limits.h"

namespace objectos {

namespace {

bool is_own(const TextRevision& one, std::string_view client) {
  return !one.mutation.empty() && one.client == client;
}

// What was committed after `revision`. Nothing if the history does not have it one by one.
std::optional<std::span<const TextRevision>> after_revision(const TextHistory& history,
                                                            std::int64_t revision) {
  if (revision > history.revision) return std::nullopt;
  const auto operations = history.operations;
  const auto first =
      std::upper_bound(operations.begin(), operations.end(), revision,
                       [](std::int64_t at, const TextRevision& one) { return at < one.revision; });
  if (first != operations.end() && (first->since > revision || first->composed))
    return std::nullopt;
  return std::span(first, operations.end());
}

// Composes neighbours into steps.
class StepWriter {
 public:
  explicit StepWriter(std::vector<TextStep>& steps) : steps_(steps) {}

  void own(const TextRevision& one) {
    flush();
    steps_.push_back({one.since, one.revision, one.mutation, ot::Side::right, one.operation, 0});
  }
  void foreign(const TextRevision& one, ot::Side side) {
    if (!run_.empty() && next_.own_side != side) flush();
    if (run_.empty()) next_ = {one.since, one.revision, {}, side, {}, 0};
    if (!run_.empty() && next_.first == 0) next_.first = next_.revision;
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

std::optional<std::vector<TextStep>> text_steps(const TextHistory& history, std::string_view client,
                                                std::int64_t since) {
  const auto after = after_revision(history, since);
  if (!after) return std::nullopt;
  std::vector<TextStep> steps;
  const bool many = static_cast<std::int64_t>(after->size()) > limits::text_revisions_behind_max;
  StepWriter writer(steps);
  std::optional<ot::Side> side;
  for (const TextRevision& one : *after) {
    if (is_own(one, client)) {
      writer.own(one);
      continue;
    }
    if (!many || !side) side = ot::side_of(client, one.client);
    writer.foreign(one, *side);
  }
  writer.flush();
  if (std::any_of(steps.begin(), steps.end(), [](const TextStep& step) {
        return step.operation.components().size() > limits::text_components_max;
      }))
    return std::nullopt;
  return steps;
}

TextCommit::TextCommit(std::string_view client, std::int64_t revision, const TextHistory& history,
                       std::int64_t behind_max) {
  const auto after = after_revision(history, revision);
  reaches_ = after && static_cast<std::int64_t>(after->size()) <= behind_max;
  if (!reaches_) return;
  after_.reserve(after->size());
  for (const TextRevision& one : *after)
    after_.push_back(
        {one.revision, is_own(one, client), ot::side_of(client, one.client), one.operation});
}

bool TextCommit::needs_pull() const noexcept {
  return !reaches_ ||
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
  TextOperation committed = carried(sent, 0, after_.size());
  if (committed.components().size() > limits::text_components_max)
    throw ProtocolError(ErrorCode::limit_exceeded, "the text operation has too many components",
                        "Moved over what was committed it has " +
                            std::to_string(committed.components().size()) + ", at most " +
                            std::to_string(limits::text_components_max) + " are allowed.");
  return committed;
}

void TextCommit::passed(const TextOperation& sent, std::int64_t revision) {
  const auto own = std::find_if(after_.begin(), after_.end(),
                                [&](const After& one) { return one.revision >= revision; });
  const bool stands = own != after_.end() && own->revision == revision && own->is_own;
  const auto end = !stands && own != after_.end() && own->revision == revision ? own + 1 : own;
  carried(sent, 0, static_cast<std::size_t>(end - after_.begin()));
  if (stands) after_.erase(own);
}

}  // namespace objectos
