// A fork: the server knows this client's numbers for other edits than the file holds, because the
// file was copied, or an old copy of it was put back. It asks what became of its edits, takes a new
// identity and goes on.
#include "engine/sync_session.h"
#include "fault_point.h"
#include "objectos/error.h"
#include "protocol/json.h"

namespace objectos {

namespace {

constexpr std::size_t kAskedAtOnce = 5'000;

std::string asked_json(const std::vector<QueuedMutation>& queue, std::size_t from, std::size_t to) {
  std::string text = "[";
  for (std::size_t i = from; i < to; ++i) {
    text += (i > from ? ",{\"id\":" : "{\"id\":") + json_string(queue[i].id) +
            ",\"client_sequence\":" + std::to_string(queue[i].client_sequence) + "}";
  }
  return text + "]";
}

}  // namespace

void SyncSession::take_new_identity(SyncResult& result) {
  const std::string before = database_.state().client_id;
  // Kept in the file: asked again after a crash, under the same name, the server says the same.
  const std::string fresh = database_.next_client_id(new_client_id());
  events_.log(LogLevel::warning,
              "This file is a copy, or was restored: it goes on as client " + fresh + ".");
  fault_point("fork.named");
  std::vector<QueuedMutation> open;
  for (QueuedMutation& mutation : database_.queue()) {
    if (mutation.state != "judged") open.push_back(std::move(mutation));
  }
  std::vector<StoredVerdict> fates;
  for (std::size_t at = 0; at == 0 || at < open.size(); at += kAskedAtOnce) {
    const std::size_t end = std::min(open.size(), at + kAskedAtOnce);
    for (const VerdictRow& row : transport_.fork(before, fresh, asked_json(open, at, end)))
      fates.push_back(stored_form(row));
  }
  fault_point("fork.asked");
  transport_.act_as(fresh);
  std::unique_ptr<WriteScope> scope = events_.begin_write();
  const auto set_aside = database_.adopt_identity(
      fresh, fates, [&] { scope->begun(database_); }, [&] { scope->renumbered(database_); });
  scope->rejected(set_aside);
  scope.reset();
  for (const Rejection& rejection : set_aside) events_.rejection(public_form(rejection));
  events_.stored(database_);
  result.forked = true;
  result.set_aside += static_cast<std::int64_t>(set_aside.size());
}

}  // namespace objectos
