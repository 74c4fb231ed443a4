// All channels that an engine is in, over one connection and on one thread, which begins with the
// first of them and ends in stop().
//
// Order. Of a channel, `listed` comes first, and the events after it go on exactly from there: what
// came between the list and the place it was read at is put into the list and not told.
//
// Threads: every public member may be called from any thread. mutex_ guards what the app and the
// thread share, and is never held while talking to the server or calling out. Events are posted
// without it.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine/backoff.h"
#include "engine/listeners.h"
#include "engine/wake_signal.h"
#include "objectos/presence.h"
#include "transport/presence_connection.h"

namespace objectos {

class Presence::Link {
 public:
  virtual ~Link() = default;
  virtual void update(const std::string& state) = 0;
  virtual void broadcast(const std::string& payload) = 0;
  virtual std::vector<PresentClient> list() const = 0;
};

class PresenceHub : public std::enable_shared_from_this<PresenceHub> {
 public:
  struct Ways {
    // Makes a connection for the file as it is now, not opened yet. On the hub's thread.
    std::function<std::unique_ptr<PresenceConnection>()> connect;
    // Has the task run where callbacks run.
    std::function<void(std::function<int()>)> post;
    ErrorReport report;
    std::function<void(const std::string&)> log;
    std::function<double()> random;
    std::chrono::milliseconds backoff_first, backoff_max, silence, poll_interval;
  };
  using Callback = std::function<void(const PresenceEvent&)>;

  explicit PresenceHub(Ways ways);
  ~PresenceHub();

  std::unique_ptr<Presence::Link> join(const std::string& channel, const std::string& state,
                                       Callback callback);
  void broadcast(const std::string& channel, const std::string& payload);

  // Goes on with the channels there are, after stop().
  void start();
  // Leaves the server, keeps the channels. From a callback of the hub's own thread it ends after
  // it.
  void stop();
  // For ever.
  void close();

 private:
  class ChannelLink;
  struct Channel {
    Listeners<PresenceEvent> listeners;
    int links = 0;
    std::string state;
    bool dirty = false;  // the server does not know the state
    // The server's, once joined: ids of records may be written in several ways, and two entries may
    // be one channel.
    std::string name;
    bool joined = false;
    bool refused = false;  // until the app says something new
    bool listed = false;   // `present` is whole
    std::vector<PresentClient> present;
  };
  struct Broadcast {
    std::string channel, payload;
  };
  using Clock = std::chrono::steady_clock;

  void update(const std::string& channel, const std::string& state);
  std::vector<PresentClient> list(const std::string& channel) const;
  void leave(const std::string& channel);
  // With mutex_ held. Of the channels that are joined those that are this one at the server.
  template <typename Visit>
  void each_joined(const std::string& name, const Visit& visit) {
    for (auto& [key, channel] : channels_) {
      if (channel.joined && channel.name == name) visit(key, channel);
    }
  }

  void run();
  void work();
  void join_channels();
  void send_updates();
  void send_broadcasts();
  void leave_channels();
  void hear();
  void apply(const PresenceEvent& event, const std::set<std::string>& silent);
  void apply_to(Channel& channel, const PresenceEvent& event);
  void go_offline(const std::string& why);
  void wait(std::chrono::milliseconds longest, bool connected);
  void tell(const std::string& channel, PresenceEvent event);
  // False: the server refused it, which is told.
  bool accepted(const std::string& channel, const std::function<void()>& call);
  bool is_stopping() const;

  const Ways ways_;
  mutable std::mutex mutex_;
  std::map<std::string, Channel> channels_;
  std::deque<Broadcast> broadcasts_;
  std::vector<std::string> left_;  // channels that the server is to be told of
  bool stopping_ = true, closed_ = false;
  std::mutex lifecycle_mutex_;  // who makes and joins thread_
  std::thread thread_;
  std::atomic<std::thread::id> running_{};  // the thread, while it runs
  WakeSignal wake_;

  // The thread's own, but for cancel() under mutex_.
  std::unique_ptr<PresenceConnection> connection_;
  Backoff backoff_;
  Clock::time_point update_at_{};
  bool news_wanted_ = false;
  bool told_offline_ = false;
};

}  // namespace objectos
