// A bad network between client and server: a TCP port on the loopback interface whose bytes go to
// the server's unix socket and back, and are counted. What goes wrong is drawn from a seed, or said
// beforehand. The bytes are PostgreSQL's protocol without TLS, so that whole answers can be told.
//
// What can happen to a connection, each at most once:
//  - dropped:     reset in the middle, after a number of bytes in one direction;
//  - truncated:   the same, but what was sent arrives, and then a proper end;
//  - lost answer: the server did what it was asked, whole, and its answer goes nowhere: whoever
//                 connects again and says it again has said it twice;
// and to every chunk of bytes: a delay, and no more than so many bytes a second.
//
// Threads: every member may be called from any thread. Each connection has a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace e2e {

enum class Direction { to_server, to_client };

// How one connection ends.
struct Ending {
  enum class Kind { dropped, truncated, lost_answer } kind = Kind::dropped;
  Direction direction = Direction::to_server;  // of what is counted (not for lost answers)
  long after = 0;                              // bytes, or answers that arrive before
};

// What a connection meets when nothing was said beforehand; chances in percent.
struct Weather {
  int ending_chance = 0;   // the connection ends early, in one of the three ways
  int bytes_max = 20'000;  // before it is dropped or truncated
  int answers_max = 12;    // before one is lost
  int delay_chance = 0;    // of a chunk
  int delay_ms_max = 0;
  long bytes_per_second = 0;  // 0: as fast as it goes
};

// What arrives at this socket of a TCP connection is lost, and not acknowledged; or is not any
// more.
void lose_what_arrives(int socket, bool lost);

class FaultyNetwork {
 public:
  explicit FaultyNetwork(std::uint64_t seed = 0, Weather weather = {});
  ~FaultyNetwork();
  FaultyNetwork(const FaultyNetwork&) = delete;
  FaultyNetwork& operator=(const FaultyNetwork&) = delete;

  // The connection string of a server, led through here.
  std::string conninfo(std::string direct) const;
  // What the connections from now on meet.
  void set_weather(Weather weather);
  // The next connection ends like this, whatever the weather.
  void end_next(Ending ending);
  // Ends every connection that there is now.
  void drop_all() { ++drops_; }
  // While held, nothing passes in either direction and no connection ends.
  void hold(bool held) { held_ = held; }
  // While it swallows, what the client sends is lost before it arrives, without a word, and nothing
  // is sent to it: a cut cable. (A held network acknowledges what it keeps.)
  void swallow(bool swallowing) { swallowing_ = swallowing; }

  // From now on what goes to the client is kept, one text for each connection.
  void record() { recording_ = true; }
  // What was kept since it was asked last. With no request under way it begins and ends with whole
  // messages of the protocol.
  std::vector<std::string> take_recorded();

  // Bytes in both directions since it was asked last; the same per direction since the beginning.
  long bytes() { return bytes_.exchange(0); }
  long bytes(Direction direction) const { return passed_[index(direction)]; }
  long answers() const { return answers_; }  // that arrived whole
  int connections() const { return connections_; }
  int endings() const { return endings_; }            // connections ended by the network
  int lost_answers() const { return lost_answers_; }  // among them

 private:
  struct Link;  // one connection
  static std::size_t index(Direction direction) {
    return direction == Direction::to_server ? 0 : 1;
  }
  void accept_connections();
  void carry(int client, int server, std::uint64_t seed, std::optional<Ending> ending,
             Weather weather);
  std::optional<Ending> draw_ending(const Weather& weather);
  bool pass(Link& link, Direction direction);
  bool deliver(Link& link, Direction direction, const char* bytes, long count);
  void dawdle(Link& link, long bytes);

  int listening_ = -1;
  int port_ = 0;
  std::mutex mutex_;  // guards what the next connection meets, and the list of threads
  std::mt19937_64 random_;
  Weather weather_;
  std::optional<Ending> next_ending_;
  std::list<std::thread> links_;
  std::map<const Link*, std::string> recorded_;  // guarded by recorded_mutex_
  std::mutex recorded_mutex_;
  std::atomic<bool> done_{false}, held_{false}, swallowing_{false}, recording_{false};
  std::atomic<int> drops_{0}, connections_{0}, endings_{0}, lost_answers_{0};
  std::atomic<long> bytes_{0}, answers_{0};
  std::atomic<long> passed_[2] = {0, 0};
  std::thread accepting_;
};

}  // namespace e2e
