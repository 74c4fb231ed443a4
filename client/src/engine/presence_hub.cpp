#include "engine/presence_hub.h"

#include <poll.h>

#include <algorithm>

#include "engine/given_values.h"
#include "objectos/error.h"

namespace objectos {

namespace {

// Between two states that are sent: what comes faster is seen by nobody.
constexpr auto kUpdatePause = std::chrono::milliseconds(40);
// A connection that is told is asked all the same now and then.
constexpr auto kLookPause = std::chrono::seconds(30);
constexpr std::size_t kBroadcastsMax = 100;

}  // namespace

class PresenceHub::ChannelLink final : public Presence::Link {
 public:
  ChannelLink(std::shared_ptr<PresenceHub> hub, std::string channel, Subscription subscription)
      : hub_(std::move(hub)),
        channel_(std::move(channel)),
        subscription_(std::move(subscription)) {}
  ~ChannelLink() override {
    subscription_.cancel();
    hub_->leave(channel_);
  }
  void update(const std::string& state) override { hub_->update(channel_, state); }
  void broadcast(const std::string& payload) override { hub_->broadcast(channel_, payload); }
  std::vector<PresentClient> list() const override { return hub_->list(channel_); }

 private:
  const std::shared_ptr<PresenceHub> hub_;
  const std::string channel_;
  Subscription subscription_;
};

PresenceHub::PresenceHub(Ways ways)
    : ways_(std::move(ways)), backoff_(ways_.backoff_first.count(), ways_.backoff_max.count()) {
  wake_.open();
}

PresenceHub::~PresenceHub() {
  close();
  if (thread_.joinable()) thread_.join();
}

std::unique_ptr<Presence::Link> PresenceHub::join(const std::string& channel,
                                                  const std::string& state, Callback callback) {
  check_json(state, "state");
  PresenceEvent known;
  Subscription subscription;
  {
    std::lock_guard lock(mutex_);
    Channel& entry = channels_[channel];
    ++entry.links;
    entry.dirty = entry.dirty || entry.state != state;
    entry.state = state;
    entry.refused = false;
    subscription = entry.listeners.add(std::move(callback));
    if (entry.listed) known.present = entry.present;
    known.channel = entry.listed ? channel : "";
  }
  if (!known.channel.empty()) tell(channel, std::move(known));
  auto link = std::make_unique<ChannelLink>(shared_from_this(), channel, std::move(subscription));
  start();
  return link;
}

void PresenceHub::broadcast(const std::string& channel, const std::string& payload) {
  check_json(payload, "payload");
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    if (broadcasts_.size() >= kBroadcastsMax) {
      throw Error(ErrorClass::transient, "too_many_broadcasts",
                  "A hundred broadcasts wait for being sent.", {},
                  "Say less, and only the newest.");
    }
    broadcasts_.push_back({channel, payload});
  }
  start();
}

void PresenceHub::update(const std::string& channel, const std::string& state) {
  check_json(state, "state");
  std::lock_guard lock(mutex_);
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return;
  found->second.dirty = found->second.dirty || found->second.state != state;
  found->second.state = state;
  found->second.refused = false;
  each_joined(found->second.name, [&](const auto&, Channel& same) { same.state = state; });
  wake_.set();
}

std::vector<PresentClient> PresenceHub::list(const std::string& channel) const {
  std::lock_guard lock(mutex_);
  const auto found = channels_.find(channel);
  return found != channels_.end() ? found->second.present : std::vector<PresentClient>();
}

void PresenceHub::leave(const std::string& channel) {
  std::lock_guard lock(mutex_);
  const auto found = channels_.find(channel);
  if (found == channels_.end() || --found->second.links > 0) return;
  if (found->second.joined) left_.push_back(found->second.name);
  channels_.erase(found);
  wake_.set();
}

// From a log callback on the hub's thread: it runs already, or is about to end.
void PresenceHub::start() {
  wake_.set();
  if (running_.load() == std::this_thread::get_id()) return;
  std::lock_guard lifecycle(lifecycle_mutex_);
  {
    std::lock_guard lock(mutex_);
    if (!stopping_ || closed_ || (channels_.empty() && broadcasts_.empty())) return;
  }
  if (thread_.joinable()) thread_.join();
  {
    std::lock_guard lock(mutex_);
    stopping_ = false;
  }
  thread_ = std::thread([this] { run(); });
}

// Whoever waits for the thread holds lifecycle_mutex_, so the thread itself must not want it.
void PresenceHub::stop() {
  const auto ask = [this] {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    broadcasts_.clear();
    if (connection_) connection_->cancel();
    wake_.set();
  };
  if (running_.load() == std::this_thread::get_id()) return ask();
  std::lock_guard lifecycle(lifecycle_mutex_);
  ask();
  if (thread_.joinable()) thread_.join();
}

void PresenceHub::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  stop();
}

bool PresenceHub::is_stopping() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

void PresenceHub::tell(const std::string& channel, PresenceEvent event) {
  Listeners<PresenceEvent> listeners;
  {
    std::lock_guard lock(mutex_);
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return;
    listeners = found->second.listeners;
  }
  event.channel = channel;
  ways_.post([listeners, event = std::move(event), report = ways_.report] {
    return listeners.call(event, report);
  });
}

bool PresenceHub::accepted(const std::string& channel, const std::function<void()>& call) {
  try {
    call();
    return true;
  } catch (const Error& error) {
    if (!connection_->is_open() || error.retryable()) throw;
    PresenceEvent event;
    event.kind = PresenceKind::refused;
    event.error = error.message();
    tell(channel, std::move(event));
    if (ways_.log) ways_.log(error.message());
    return false;
  }
}

// Only the newest state of each channel is sent, and not too often.
void PresenceHub::send_updates() {
  if (Clock::now() < update_at_) return;
  std::vector<Broadcast> updates;
  {
    std::lock_guard lock(mutex_);
    for (auto& [name, channel] : channels_) {
      if (!channel.joined || !std::exchange(channel.dirty, false)) continue;
      updates.push_back({name, channel.state});
    }
  }
  for (const Broadcast& each : updates) {
    update_at_ = Clock::now() + kUpdatePause;
    if (!accepted(each.channel, [&] { connection_->update(each.channel, each.payload); })) continue;
    // Nobody tells this session what it said itself.
    std::lock_guard lock(mutex_);
    const auto found = channels_.find(each.channel);
    if (found == channels_.end()) continue;
    each_joined(found->second.name, [&](const auto&, Channel& same) {
      for (PresentClient& client : same.present) {
        if (client.client_id == connection_->client_id()) client.state = each.payload;
      }
    });
  }
}

void PresenceHub::join_channels() {
  std::vector<Broadcast> wanted;
  {
    std::lock_guard lock(mutex_);
    for (auto& [name, channel] : channels_) {
      if (channel.joined || channel.refused) continue;
      channel.dirty = false;
      wanted.push_back({name, channel.state});
    }
  }
  for (const Broadcast& each : wanted) {
    std::string name;
    const bool in =
        accepted(each.channel, [&] { name = connection_->join(each.channel, each.payload); });
    std::lock_guard lock(mutex_);
    const auto found = channels_.find(each.channel);
    if (found != channels_.end()) {
      // The state that was said last is that of the other spellings, too.
      if (in) {
        each_joined(name, [&](const auto&, Channel& same) {
          same.state = each.payload;
          for (PresentClient& client : same.present) {
            if (client.client_id == connection_->client_id()) client.state = each.payload;
          }
        });
      }
      found->second.name = name;
      found->second.joined = in;
      found->second.refused = !in;
    } else if (in) {
      left_.push_back(name);
    }
  }
}

void PresenceHub::send_broadcasts() {
  for (;;) {
    Broadcast next;
    {
      std::lock_guard lock(mutex_);
      if (broadcasts_.empty()) return;
      next = std::move(broadcasts_.front());
      broadcasts_.pop_front();
    }
    accepted(next.channel, [&] { connection_->broadcast(next.channel, next.payload); });
  }
}

// Not where the app is in it again, or under another spelling: to the server it is one.
void PresenceHub::leave_channels() {
  std::vector<std::string> left;
  {
    std::lock_guard lock(mutex_);
    left.swap(left_);
    std::erase_if(left, [this](const std::string& name) {
      bool stays = false;
      each_joined(name, [&](const auto&, const Channel&) { stays = true; });
      return stays;
    });
  }
  for (const std::string& channel : left) accepted(channel, [&] { connection_->leave(channel); });
}

void PresenceHub::work() {
  if (!connection_) {
    auto made = ways_.connect();
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    connection_ = std::move(made);
  }
  if (!connection_->is_open()) {
    connection_->open(ways_.silence);
    news_wanted_ = true;
  }
  join_channels();
  send_updates();
  send_broadcasts();
  leave_channels();
  if (connection_->take_notice()) news_wanted_ = true;
  hear();
  backoff_.reset();
  told_offline_ = false;
}

void PresenceHub::go_offline(const std::string& why) {
  std::vector<std::string> names;
  {
    std::lock_guard lock(mutex_);
    connection_.reset();
    left_.clear();
    broadcasts_.clear();
    for (auto& [name, channel] : channels_) {
      channel.joined = channel.listed = channel.refused = false;
      channel.present.clear();
      names.push_back(name);
    }
  }
  if (std::exchange(told_offline_, true)) return;
  for (const std::string& name : names) {
    PresenceEvent event;
    event.kind = PresenceKind::offline;
    event.error = why;
    tell(name, std::move(event));
  }
}

void PresenceHub::wait(std::chrono::milliseconds longest, bool connected) {
  pollfd descriptors[] = {{wake_.descriptor(), POLLIN, 0},
                          {connected ? connection_->socket() : -1, POLLIN, 0}};
  const int ready = ::poll(descriptors, 2, static_cast<int>(longest.count()));
  if (ready == 0 && connected) news_wanted_ = true;
  if (descriptors[0].revents != 0) wake_.clear();
}

void PresenceHub::run() {
  using std::chrono::milliseconds;
  running_ = std::this_thread::get_id();
  const auto failed = [this](const std::string& why) {
    if (is_stopping()) return milliseconds(0);
    if (ways_.log) ways_.log(why);
    go_offline(why);
    return milliseconds(backoff_.next_delay_ms(ways_.random()));
  };
  while (!is_stopping()) {
    milliseconds pause{0};
    try {
      work();
    } catch (const Error& error) {
      pause = failed(error.message());
    } catch (const std::exception& error) {  // bad_alloc
      pause = failed(error.what());
    }
    if (is_stopping()) break;
    if (pause.count() > 0) {
      // What the app says meanwhile does not make a server come back.
      const auto end = Clock::now() + pause;
      while (!is_stopping() && Clock::now() < end)
        wait(std::chrono::ceil<milliseconds>(end - Clock::now()), false);
      continue;
    }
    milliseconds longest = connection_->is_told() ? milliseconds(kLookPause) : ways_.poll_interval;
    {
      std::lock_guard lock(mutex_);
      const bool dirty = std::any_of(channels_.begin(), channels_.end(), [](const auto& each) {
        return each.second.dirty && each.second.joined;
      });
      if (dirty) longest = std::min(longest, milliseconds(kUpdatePause));
    }
    wait(longest, true);
  }
  told_offline_ = true;  // whoever stops it knows
  go_offline("");
  told_offline_ = false;
  running_ = std::thread::id{};
}

}  // namespace objectos
