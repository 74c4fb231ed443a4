// SyncEngine::presence() and the handle it gives.
#include "objectos/presence.h"

#include <utility>

#include "engine/engine_impl.h"
#include "engine/given_values.h"
#include "engine/signer.h"
#include "engine/translated.h"

namespace objectos {

const char* presence_kind_name(PresenceKind kind) noexcept {
  switch (kind) {
    case PresenceKind::listed:
      return "listed";
    case PresenceKind::offline:
      return "offline";
    case PresenceKind::refused:
      return "refused";
    case PresenceKind::join:
      return "join";
    case PresenceKind::update:
      return "update";
    case PresenceKind::leave:
      return "leave";
    case PresenceKind::user_online:
      return "user_online";
    case PresenceKind::user_offline:
      return "user_offline";
    case PresenceKind::broadcast:
      return "broadcast";
  }
  return "listed";
}

Presence::Presence() = default;
Presence::Presence(std::unique_ptr<Link> link) : link_(std::move(link)) {}
Presence::Presence(Presence&&) noexcept = default;
Presence& Presence::operator=(Presence&&) noexcept = default;
Presence::~Presence() = default;

void Presence::update(const std::string& state) {
  if (link_) link_->update(state);
}
void Presence::broadcast(const std::string& payload) {
  if (link_) link_->broadcast(payload);
}
std::vector<PresentClient> Presence::list() const {
  return link_ ? link_->list() : std::vector<PresentClient>();
}

// The file says who this is and, where the options do not, which server it belongs to.
std::unique_ptr<PresenceConnection> SyncEngine::Impl::presence_connection() const {
  return translated([this] {
    const auto state = open_beside()->state();
    const std::string server = options_.server.empty() ? state.server : options_.server;
    if (server.empty()) no_server();
    return std::make_unique<PresenceConnection>(server, patience(), RequestSigner::of(options_),
                                                state.client_id);
  });
}

PresenceHub& SyncEngine::Impl::presence_hub() {
  std::lock_guard lock(presence_mutex_);
  if (!presence_) {
    PresenceHub::Ways ways;
    ways.connect = [this] { return presence_connection(); };
    ways.post = [this](std::function<int()> task) {
      dispatcher_.post(std::move(task));
      dispatcher_.announce();
    };
    ways.report = report_;
    ways.log = [this](const std::string& text) { log(LogLevel::warning, text); };
    ways.random = options_.timing.random;
    ways.backoff_first = options_.timing.backoff_first;
    ways.backoff_max = options_.timing.backoff_max;
    ways.silence = options_.timing.live_silence;
    ways.poll_interval = options_.timing.live_poll_interval;
    presence_ = std::make_shared<PresenceHub>(std::move(ways));
  }
  return *presence_;
}

// Only one that there is: start() and stop() of an engine without channels need none.
std::shared_ptr<PresenceHub> SyncEngine::Impl::known_presence_hub() {
  std::lock_guard lock(presence_mutex_);
  return presence_;
}

Presence SyncEngine::presence(const std::string& channel, const std::string& state,
                              std::function<void(const PresenceEvent&)> callback) {
  return Presence(impl_->presence_hub().join(channel, state, std::move(callback)));
}

void SyncEngine::broadcast(const std::string& channel, const std::string& payload) {
  impl_->presence_hub().broadcast(channel, payload);
}

}  // namespace objectos
