// PresenceHub: what others do, and the lists of who is there.
#include <algorithm>

#include "engine/presence_hub.h"
#include "objectos/error.h"

namespace objectos {

// What changes the lists; and what is told, unless it is in a list that is told afterwards.
void PresenceHub::apply(const PresenceEvent& event, const std::set<std::string>& silent) {
  std::vector<std::string> told;
  {
    std::lock_guard lock(mutex_);
    each_joined(event.channel, [&](const std::string& key, Channel& channel) {
      apply_to(channel, event);
      if (silent.count(key) == 0) told.push_back(key);
    });
  }
  for (const std::string& key : told) tell(key, event);
}

void PresenceHub::apply_to(Channel& channel, const PresenceEvent& event) {
  const auto same = std::find_if(
      channel.present.begin(), channel.present.end(), [&](const PresentClient& client) {
        return client.client_id == event.client_id && client.user_id == event.user_id;
      });
  const bool there = same != channel.present.end();
  const bool comes = event.kind == PresenceKind::join || event.kind == PresenceKind::update;
  if (comes && there) same->state = event.payload;
  if (comes && !there) channel.present.push_back({event.client_id, event.user_id, event.payload});
  if (event.kind != PresenceKind::leave) return;
  if (there) channel.present.erase(same);
  if (event.client_id != connection_->client_id()) return;
  channel.present.clear();
  channel.joined = channel.listed = false;
  channel.refused = true;
}

// Lists come before the news that go on from them.
void PresenceHub::hear() {
  std::set<std::string> fresh;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, channel] : channels_) {
      if (channel.joined && !channel.listed) fresh.insert(name);
    }
  }
  const bool wanted = std::exchange(news_wanted_, false);
  if (fresh.empty() && !wanted) return;
  for (const std::string& name : fresh) {
    std::vector<PresentClient> present;
    const bool in = accepted(name, [&] { present = connection_->list(name); });
    std::lock_guard lock(mutex_);
    const auto found = channels_.find(name);
    if (found == channels_.end()) continue;
    found->second.present = std::move(present);
    found->second.listed = in;
    found->second.refused = !in;
  }
  const PresenceConnection::News news = connection_->news();
  if (news.lost) {
    std::lock_guard lock(mutex_);
    for (auto& [name, channel] : channels_) channel.listed = false;
    news_wanted_ = true;
    wake_.set();
    return;
  }
  for (const PresenceEvent& event : news.events) apply(event, fresh);
  for (const std::string& name : fresh) {
    PresenceEvent event;
    {
      std::lock_guard lock(mutex_);
      const auto found = channels_.find(name);
      if (found == channels_.end() || !found->second.listed) continue;
      event.present = found->second.present;
    }
    tell(name, std::move(event));
  }
}

}  // namespace objectos
