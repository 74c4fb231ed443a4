#include "tests/e2e/faulty_network.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace e2e {

namespace {

int connect_to_server() {
  const char* port = std::getenv("PGPORT");
  const std::string path =
      std::string(std::getenv("PGHOST")) + "/.s.PGSQL." + (port != nullptr ? port : "5432");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(made, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return made;
  close(made);
  return -1;
}

// Closing it then resets it: what was on the way is gone.
void reset_on_close(int socket) {
  const linger at_once{1, 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

// Tells where the server's answers end: it says ReadyForQuery after each.
class AnswerCounter {
 public:
  // How many of the bytes belong to answers up to the next end; sets `ended` if it is among them.
  long until_end(const char* bytes, long count, bool& ended) {
    for (long at = 0; at < count; ++at) {
      if (header_ < 5) {
        if (header_ == 0) type_ = bytes[at];
        if (header_ > 0) length_ = length_ << 8 | static_cast<unsigned char>(bytes[at]);
        if (++header_ == 5) left_ = static_cast<long>(length_) - 4;
      } else {
        const long taken = std::min(left_, count - at);
        left_ -= taken;
        at += taken - 1;
      }
      if (header_ < 5 || left_ > 0) continue;
      header_ = 0, length_ = 0;
      if (type_ == 'Z') {
        ended = true;
        return at + 1;
      }
    }
    ended = false;
    return count;
  }

 private:
  char type_ = 0;
  int header_ = 0;
  std::uint32_t length_ = 0;
  long left_ = 0;
};

}  // namespace

// The system asks the filter before TCP sees the packet.
void lose_what_arrives(int socket, bool lost) {
  sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, &nothing};
  const int ignored = 0;
  const int done = lost
                       ? setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program)
                       : setsockopt(socket, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof ignored);
  if (done != 0) throw std::runtime_error("no filter for the socket");
}

struct FaultyNetwork::Link {
  int socket[2];  // of the client, of the server
  std::mt19937_64 random;
  std::optional<Ending> ending;
  Weather weather;
  AnswerCounter counter;
  long passed[2] = {0, 0};
  long answers = 0;  // that began after the last whole one are not counted
};

FaultyNetwork::FaultyNetwork(std::uint64_t seed, Weather weather)
    : random_(seed), weather_(weather) {
  listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listening_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listening_, 16) != 0 ||
      getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no port for the network");
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { accept_connections(); });
}

FaultyNetwork::~FaultyNetwork() {
  done_ = true;
  accepting_.join();
  for (std::thread& link : links_) link.join();
  close(listening_);
}

std::string FaultyNetwork::conninfo(std::string direct) const {
  const std::string host = std::string("host=") + std::getenv("PGHOST");
  direct.replace(direct.find(host), host.size(),
                 "host=127.0.0.1 sslmode=disable gssencmode=disable");
  return direct + " port=" + std::to_string(port_);
}

void FaultyNetwork::set_weather(Weather weather) {
  std::lock_guard lock(mutex_);
  weather_ = weather;
}

std::vector<std::string> FaultyNetwork::take_recorded() {
  std::lock_guard lock(recorded_mutex_);
  std::vector<std::string> texts;
  for (auto& [link, text] : recorded_) texts.push_back(std::move(text));
  recorded_.clear();
  return texts;
}

void FaultyNetwork::end_next(Ending ending) {
  std::lock_guard lock(mutex_);
  next_ending_ = ending;
}

std::optional<Ending> FaultyNetwork::draw_ending(const Weather& weather) {
  const auto below = [&](int bound) {
    return static_cast<long>(random_() % static_cast<unsigned>(std::max(bound, 1)));
  };
  if (below(100) >= weather.ending_chance) return std::nullopt;
  Ending ending;
  ending.kind = static_cast<Ending::Kind>(below(3));
  ending.direction = below(2) == 0 ? Direction::to_server : Direction::to_client;
  ending.after =
      below(ending.kind == Ending::Kind::lost_answer ? weather.answers_max : weather.bytes_max);
  return ending;
}

void FaultyNetwork::accept_connections() {
  bool swallowed = false;
  while (!done_) {
    if (swallowed != swallowing_) lose_what_arrives(listening_, swallowed = swallowing_);
    pollfd waiting{listening_, POLLIN, 0};
    if (poll(&waiting, 1, 20) <= 0) continue;
    const int client = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    const int server = connect_to_server();
    if (client < 0 || server < 0) {
      if (client >= 0) close(client);
      if (server >= 0) close(server);
      continue;
    }
    ++connections_;
    std::lock_guard lock(mutex_);
    std::optional<Ending> ending = next_ending_ ? next_ending_ : draw_ending(weather_);
    next_ending_.reset();
    const std::uint64_t seed = random_();
    links_.emplace_back([this, client, server, seed, ending, weather = weather_] {
      carry(client, server, seed, ending, weather);
    });
  }
}

void FaultyNetwork::carry(int client, int server, std::uint64_t seed, std::optional<Ending> ending,
                          Weather weather) {
  Link link{{client, server}, std::mt19937_64(seed), ending, weather, {}, {0, 0}, 0};
  const int drops = drops_;
  bool open = true, swallowed = false;
  while (open && !done_) {
    if (swallowed != swallowing_) lose_what_arrives(client, swallowed = swallowing_);
    if (held_ || swallowed) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      continue;
    }
    if (drops_ != drops) {
      reset_on_close(client);
      reset_on_close(server);
      ++endings_;
      break;
    }
    pollfd ends[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (poll(ends, 2, 20) <= 0) continue;
    if (ends[0].revents != 0) open = pass(link, Direction::to_server);
    if (open && ends[1].revents != 0) open = pass(link, Direction::to_client);
  }
  close(client);
  close(server);
}

// Both delays are per chunk: a chunk is what one read gives.
void FaultyNetwork::dawdle(Link& link, long bytes) {
  const Weather& weather = link.weather;
  long wait_us = 0;
  if (weather.bytes_per_second > 0) wait_us += bytes * 1'000'000 / weather.bytes_per_second;
  if (weather.delay_chance > static_cast<int>(link.random() % 100) && weather.delay_ms_max > 0)
    wait_us +=
        static_cast<long>(link.random() % static_cast<unsigned>(weather.delay_ms_max)) * 1000;
  for (; wait_us > 0 && !done_; wait_us -= 20'000)
    std::this_thread::sleep_for(std::chrono::microseconds(std::min(wait_us, 20'000L)));
}

bool FaultyNetwork::deliver(Link& link, Direction direction, const char* bytes, long count) {
  dawdle(link, count);
  if (recording_ && direction == Direction::to_client) {
    std::lock_guard lock(recorded_mutex_);
    recorded_[&link].append(bytes, static_cast<std::size_t>(count));
  }
  const int to = link.socket[1 - index(direction)];
  for (long sent = 0; sent < count;) {
    const ssize_t part =
        send(to, bytes + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
    if (part <= 0) return false;
    sent += part;
  }
  bytes_ += count;
  passed_[index(direction)] += count;
  link.passed[index(direction)] += count;
  return true;
}

// Hands one chunk on; false when the connection is over, by an end's will or the network's.
bool FaultyNetwork::pass(Link& link, Direction direction) {
  char buffer[16384];
  const long got = read(link.socket[index(direction)], buffer, sizeof buffer);
  if (got <= 0) return false;
  const bool has_ending = link.ending.has_value();
  const Ending ending = link.ending.value_or(Ending{});
  const bool counts_bytes = has_ending && ending.kind != Ending::Kind::lost_answer;
  if (counts_bytes && ending.direction == direction &&
      link.passed[index(direction)] + got > ending.after) {
    const long rest = std::max(0L, ending.after - link.passed[index(direction)]);
    if (rest > 0) deliver(link, direction, buffer, rest);
    if (ending.kind == Ending::Kind::dropped) {
      reset_on_close(link.socket[0]);
      reset_on_close(link.socket[1]);
    }
    ++endings_;
    return false;
  }
  if (direction == Direction::to_server) return deliver(link, direction, buffer, got);
  for (long at = 0; at < got;) {
    bool ended = false;
    const bool losing =
        has_ending && ending.kind == Ending::Kind::lost_answer && link.answers == ending.after;
    const long part = link.counter.until_end(buffer + at, got - at, ended);
    if (!losing && !deliver(link, direction, buffer + at, part)) return false;
    at += part;
    if (!ended) continue;
    ++link.answers;
    ++answers_;
    if (!losing) continue;
    ++endings_;
    ++lost_answers_;
    return false;
  }
  return true;
}

}  // namespace e2e
