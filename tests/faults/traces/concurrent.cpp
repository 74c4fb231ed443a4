#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "protocol/text_history.h"
#include "protocol/text_session.h"
#include "tests/faults/traces/replays.h"
#include "tests/faults/traces/transactions.h"

namespace objectos {

std::vector<Transaction> transactions_of(const Json& recording) {
  std::vector<Transaction> transactions;
  TransactionCounts written{};
  for (const Json& json : member(recording, "txns").items()) {
    Transaction one;
    one.writer = count_of(member(json, "agent"));
    if (one.writer > 1) throw std::runtime_error("it has more than two writers");
    for (const Json& parent : member(json, "parents").items()) {
      const TransactionCounts& seen = transactions.at(count_of(parent)).seen;
      for (std::size_t i = 0; i < 2; ++i) one.seen[i] = std::max(one.seen[i], seen[i]);
    }
    if (one.seen[one.writer]++ != written[one.writer]++)
      throw std::runtime_error("a writer does not know an edit of its own");
    for (const Json& patch : member(json, "patches").items())
      one.operations.push_back(operation_of(patch));
    transactions.push_back(std::move(one));
  }
  return transactions;
}

namespace {

// Two writers and what is committed between them.
class Replay {
 public:
  explicit Replay(const std::string& start) : text_(start) {
    for (TextSession* session : {&sessions_[0], &sessions_[1]})
      *session = TextSession(TextState{start, 0, {}});
  }

  void write(const Transaction& transaction) {
    const std::size_t writer = transaction.writer, other = 1 - writer;
    if (transaction.seen[other] > committed_[other]) {
      commit(other, transaction.seen[other]);
      pull(writer);
    }
    const std::string mutation = name_of(writer, written_[writer]++);
    for (const TextOperation& one : transaction.operations) sessions_[writer].edit(mutation, one);
    if (transaction.operations.empty()) sessions_[writer].edit(mutation, {});
  }

  // Everything is committed and pulled by both; the text.
  const std::string& finish() {
    for (std::size_t writer : {0U, 1U}) commit(writer, written_[writer]);
    for (std::size_t writer : {0U, 1U}) {
      pull(writer);
      if (sessions_[writer].text() != text_ || !sessions_[writer].state().edits.empty())
        throw std::runtime_error("the two writers do not end with the same text");
    }
    return text_;
  }

 private:
  static std::string name_of(std::size_t writer, std::size_t number) {
    return std::to_string(writer) + "-" + std::to_string(number);
  }
  TextHistory history() const { return {static_cast<std::int64_t>(revisions_.size()), revisions_}; }

  // What the writer made as its first `count` transactions, so far as it is not committed.
  void commit(std::size_t writer, std::size_t count) {
    TextSession& session = sessions_[writer];
    const std::vector<TextEdit>& edits = session.state().edits;
    if (edits.empty() || count <= committed_[writer]) return;
    // Frozen before the last pull, but not committed then: what a server calls pull first.
    if (edits[0].sent_at != session.state().revision) session.unfreeze(edits[0].mutation);
    session.freeze();
    TextCommit chain(std::to_string(writer), session.state().revision, history(),
                     std::numeric_limits<std::int64_t>::max());
    const std::size_t first = written_[writer] - edits.size();
    for (std::size_t i = 0; first + i < count; ++i) {
      if (first + i < committed_[writer])
        chain.passed(edits[i].sent, revision_of_[writer][first + i]);
      else
        add(writer, edits[i].mutation, chain.commit(edits[i].sent));
    }
    committed_[writer] = count;
  }
  void add(std::size_t writer, const std::string& mutation, TextOperation operation) {
    text_ = ot::apply(text_, operation);
    const auto since = static_cast<std::int64_t>(revisions_.size());
    revisions_.push_back(
        {since, since + 1, std::to_string(writer), mutation, std::move(operation)});
    revision_of_[writer].push_back(since + 1);
  }
  void pull(std::size_t writer) {
    TextSession& session = sessions_[writer];
    const auto steps =
        text_steps(history(), std::to_string(writer), session.state().revision).value();
    for (const TextStep& step : steps) session.take(step);
  }

  std::string text_;
  std::array<TextSession, 2> sessions_{TextSession(TextState{}), TextSession(TextState{})};
  std::vector<TextRevision> revisions_;
  std::array<std::vector<std::int64_t>, 2> revision_of_;  // of each transaction
  TransactionCounts written_{}, committed_{};
};

}  // namespace

std::string replay_concurrent(const Json& recording) {
  const Json* start = recording.find("startContent");
  const std::vector<Transaction> transactions = transactions_of(recording);
  Replay replay(start ? start->text() : "");
  for (const Transaction& one : transactions) replay.write(one);
  if (replay.finish() != member(recording, "endContent").text())
    throw std::runtime_error("the two writers end with another text than they did");
  return std::to_string(transactions.size()) + " transactions of two writers, who end with the" +
         " text of the recording";
}

}  // namespace objectos
