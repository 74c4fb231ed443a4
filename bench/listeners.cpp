#include "listeners.h"

#include <poll.h>

namespace bench {

Listeners::Listeners(const std::string& database, int count) {
  for (int i = 0; i < count; i++) {
    sessions_.push_back(std::make_unique<Postgres>(database));
    sessions_.back()->value("SELECT sync_listen('listener " + std::to_string(i) + "')");
    sessions_.back()->run("LISTEN objectos_sync");
  }
  thread_ = std::thread([this] { drain(); });
}

Listeners::~Listeners() {
  stop_ = true;
  thread_.join();
}

void Listeners::drain() {
  std::vector<pollfd> descriptors;
  for (const auto& session : sessions_)
    descriptors.push_back({PQsocket(session->raw()), POLLIN, 0});
  while (!stop_) {
    if (poll(descriptors.data(), descriptors.size(), 100) <= 0) continue;
    for (std::size_t i = 0; i < descriptors.size(); i++) {
      if (descriptors[i].revents == 0) continue;
      PGconn* const connection = sessions_[i]->raw();
      PQconsumeInput(connection);
      while (PGnotify* told = PQnotifies(connection)) {
        PQfreemem(told);
        ++heard_;
      }
    }
  }
}

}  // namespace bench
