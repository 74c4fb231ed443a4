// A server and clients of one text field, in one process: what they send one another is a value, so
// that a test can lose, delay, repeat and reorder it. Sessions and history are the product's.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/text_history.h"
#include "protocol/text_session.h"
#include "tests/protocol/text_dice.h"

namespace objectos {

struct PushedText {
  std::string mutation;
  std::int64_t revision = 0;
  TextOperation operation;
};

struct TextPushAnswer {
  std::vector<std::string> committed;   // also those that were before
  std::optional<std::string> rejected;  // nothing after it was judged
  std::optional<std::string> pull_first;
};

struct TextPullAnswer {
  std::int64_t revision = 0;
  std::optional<std::vector<TextStep>> steps;
  std::string text;                    // without steps
  std::vector<std::string> committed;  // of the client, likewise
};

// What a server may do wrong, to prove that the clients bear it.
enum class TextFault { none, other_sides };

class TextServer {
 public:
  TextServer(std::string text, std::int64_t behind_max, TextFault fault = TextFault::none)
      : text_(std::move(text)), behind_max_(behind_max), fault_(fault) {}

  const std::string& text() const { return text_; }
  std::int64_t revision() const { return revision_; }

  // Judges at most `most` of the mutations that it has not judged; rejects the one named.
  TextPushAnswer push(const std::string& client, const std::vector<PushedText>& edits,
                      std::size_t most, bool rejects) {
    TextPushAnswer answer;
    std::optional<TextCommit> chain;
    for (const PushedText& edit : edits) {
      const auto known = judged_.find(edit.mutation);
      if (known != judged_.end() && known->second == 0) {
        answer.rejected = edit.mutation;
        return answer;
      }
      if (!chain) {
        const std::vector<TextRevision> operations = history_for(client);
        chain.emplace(client, edit.revision, TextHistory{revision_, operations}, behind_max_);
      }
      if (known != judged_.end()) {
        chain->passed(edit.operation, known->second);
        answer.committed.push_back(edit.mutation);
        continue;
      }
      if (most-- == 0 || chain->needs_pull()) {
        answer.pull_first = edit.mutation;
        return answer;
      }
      if (rejects) {
        judged_[edit.mutation] = 0;
        answer.rejected = edit.mutation;
        return answer;
      }
      commit(client, edit.mutation, chain->commit(edit.operation));
      answer.committed.push_back(edit.mutation);
    }
    return answer;
  }

  TextPullAnswer pull(const std::string& client, std::int64_t since) const {
    TextPullAnswer answer{revision_, text_steps({revision_, history_}, client, since), {}, {}};
    if (answer.steps) return answer;
    answer.text = text_;
    for (const auto& [mutation, revision] : judged_) {
      if (revision != 0 && mutation.starts_with(client + "-")) answer.committed.push_back(mutation);
    }
    return answer;
  }

  // UPDATE … SET body = text, in psql.
  void write(const std::string& text) { commit("", "", ot::diff(text_, text)); }

  // Retention: what is older than the newest `kept` revisions is composed into blocks of two, and
  // beyond the newest twice as many it goes.
  void prune(std::size_t kept) {
    std::size_t old = history_.size() > kept ? history_.size() - kept : 0;
    for (std::size_t i = 0; i + 1 < old; ++i, --old) {
      TextRevision& one = history_[i];
      const TextRevision& next = history_[i + 1];
      one = {one.since, next.revision, "", "", ot::compose(one.operation, next.operation), true};
      history_.erase(history_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    }
    if (history_.size() > 2 * kept)
      history_.erase(history_.begin(), history_.end() - static_cast<std::ptrdiff_t>(2 * kept));
  }

 private:
  std::vector<TextRevision> history_for(const std::string& client) const {
    std::vector<TextRevision> history = history_;
    for (TextRevision& one : history) {
      if (fault_ == TextFault::other_sides && one.client != client)
        one.client = client < one.client ? "" : "~";  // as if it were on the other side
    }
    return history;
  }

  void commit(const std::string& client, const std::string& mutation, TextOperation operation) {
    text_ = ot::apply(text_, operation);
    history_.push_back({revision_, revision_ + 1, client, mutation, std::move(operation), false});
    ++revision_;
    if (!mutation.empty()) judged_[mutation] = revision_;
  }

  std::string text_;
  std::int64_t revision_ = 0;
  std::int64_t behind_max_;
  TextFault fault_;
  std::vector<TextRevision> history_;
  std::map<std::string, std::int64_t> judged_;  // its revision; 0: rejected
};

class TextClient {
 public:
  TextClient(std::string name, std::string text)
      : name_(std::move(name)), session_(TextState{std::move(text), 0, {}}) {}

  const std::string& name() const { return name_; }
  TextSession& session() { return session_; }
  // How many own edits were committed otherwise than they stood here.
  std::size_t healed() const { return healed_; }
  bool idle() const { return session_.state().edits.empty(); }

  void edit(const TextOperation& operation) {
    session_.edit(name_ + "-" + std::to_string(next_), operation);
  }
  // The edits that are under way, after freezing what can be.
  std::vector<PushedText> push() {
    if (session_.freeze()) ++next_;
    std::vector<PushedText> edits;
    for (const TextEdit& edit : session_.state().edits) {
      if (edit.is_sent) edits.push_back({edit.mutation, edit.sent_at, edit.sent});
    }
    return edits;
  }
  void answered(const TextPushAnswer& answer) {
    if (answer.rejected) {
      const auto& edits = session_.state().edits;
      for (std::size_t i = 0; i + 1 < edits.size(); ++i) {
        if (edits[i].mutation == *answer.rejected && edits[i + 1].is_sent) {
          session_.unfreeze(edits[i + 1].mutation);
          break;
        }
      }
      session_.withdraw(*answer.rejected);
    }
    if (answer.pull_first) session_.unfreeze(*answer.pull_first);
  }
  // What came with the answer; nothing where it does not continue the text (pull again).
  std::optional<TextOperation> pulled(const TextPullAnswer& answer, bool heals = true) {
    if (!answer.steps) return session_.take_text(answer.text, answer.revision, answer.committed);
    TextOperation change;
    for (TextStep step : *answer.steps) {
      if (step.revision > session_.state().revision && !step.continues(session_.state().revision))
        return std::nullopt;
      const auto& edits = session_.state().edits;
      if (!edits.empty() && edits.front().mutation == step.own &&
          step.revision > session_.state().revision &&
          !(edits.front().operation == step.operation)) {
        ++healed_;
        if (!heals) step.operation = edits.front().operation;  // as if it had come to the same
      }
      change = ot::compose(change, session_.take(step));
    }
    return change;
  }

 private:
  std::string name_;
  TextSession session_;
  int next_ = 1;
  std::size_t healed_ = 0;
};

}  // namespace objectos
