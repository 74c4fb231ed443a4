// Live devices over a long time (make soak; a short one in make check).
//
//   LIVE_CLIENTS=10   devices at a time; the long run takes 200
//   LIVE_SECONDS=5    for so long; the long run takes 600
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "objectos/sync_engine.h"
#include "protocol/json.h"
#include "tests/e2e/random_runs.h"
#include "tests/e2e/support.h"

using namespace e2e;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch())
      .count();
}

long resident_kib() {
  long total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

double processor_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

template <typename Condition>
bool becomes(std::chrono::seconds within, Condition&& condition) {
  for (const auto end = Clock::now() + within; Clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(20ms);
  }
  return condition();
}

// From the instant before a row was written until a device was told of it, of all devices.
class Latencies {
 public:
  void add(std::int64_t us) {
    const std::lock_guard lock(mutex_);
    all_.push_back(us);
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }
  double ms(double share) {
    const std::lock_guard lock(mutex_);
    std::sort(all_.begin(), all_.end());
    if (all_.empty()) return 0;
    return static_cast<double>(
               all_[static_cast<std::size_t>(share * static_cast<double>(all_.size() - 1))]) /
           1000;
  }

 private:
  std::mutex mutex_;
  std::vector<std::int64_t> all_;
};

std::string server_rows(Server& server) {
  return server.exec("SELECT string_agg(id || ':' || n, ',' ORDER BY id) FROM ticks");
}
std::string file_rows(const std::string& file) {
  return local(file,
               "SELECT group_concat(id || ':' || n, ',') FROM (SELECT * FROM ticks ORDER BY id)");
}

struct Device {
  Device(const std::string& path, const std::string& server, Latencies& latencies)
      : file(path), engine(options(path, server)) {
    engine.clone();
    token = engine.on_change("ticks", [&latencies](const objectos::Change& change) {
      if (change.operation != "update") return;
      latencies.add(now_us() - std::stoll(objectos::parse_json(change.after).find("at")->text()));
    });
    engine.start();
  }
  static objectos::Options options(const std::string& path, const std::string& server) {
    objectos::Options made;
    made.database = path;
    made.server = server;
    made.live = true;
    return made;
  }
  bool is_listening() { return engine.status().live == objectos::Live::listening; }

  std::string file;
  objectos::SyncEngine engine;
  objectos::Subscription token;
};

}  // namespace

TEST_CASE("live devices hear of every change, for as long as there are changes" *
          doctest::test_suite("torture")) {
  const auto clients = number_from("LIVE_CLIENTS", 10), seconds = number_from("LIVE_SECONDS", 5);
  Server server;
  server.exec(
      "CREATE TABLE ticks (id int PRIMARY KEY, n int NOT NULL, at bigint NOT NULL);"
      "INSERT INTO ticks SELECT g, 0, 0 FROM generate_series(1, 20) g;"
      "SELECT sync_enable('ticks')");
  Directory directory;
  Latencies latencies;
  const long before = resident_kib();
  std::vector<std::unique_ptr<Device>> devices;
  for (std::uint64_t i = 0; i < clients; ++i) {
    devices.push_back(std::make_unique<Device>(directory.file(std::to_string(i) + ".db"),
                                               server.conninfo(), latencies));
  }
  for (const auto& device : devices) REQUIRE(becomes(60s, [&] { return device->is_listening(); }));
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  const auto half = Clock::now() + std::chrono::seconds(seconds) / 2;
  long at_half = 0;
  std::uint64_t written = 0;
  for (auto due = Clock::now(); Clock::now() < end; due += 500ms) {
    std::this_thread::sleep_until(due);
    if (at_half == 0 && Clock::now() >= half) at_half = resident_kib();
    server.exec("UPDATE ticks SET n = n + 1, at = " + std::to_string(now_us()) +
                " WHERE id = " + std::to_string(1 + written++ % 20));
  }
  const std::string wanted = server_rows(server);
  for (const auto& device : devices)
    CHECK_MESSAGE(becomes(30s, [&] { return file_rows(device->file) == wanted; }), device->file);
  CHECK(becomes(30s, [&] { return latencies.count() >= written * clients; }));
  CHECK(latencies.count() == written * clients);
  const long after = resident_kib();
  std::cout << clients << " devices, " << seconds << " s, " << written << " changes, "
            << latencies.count() << " arrivals: p50 " << latencies.ms(0.5) << " ms, p99 "
            << latencies.ms(0.99) << " ms, longest " << latencies.ms(1) << " ms; "
            << (at_half - before) / static_cast<long>(clients) << " KiB of memory a device, "
            << (after - at_half) << " KiB more in the second half, of all together\n";
  // The arrivals that are noted here take 8 bytes each, and as much again while they are sorted.
  CHECK(after - at_half < 2048 + static_cast<long>(written * clients * 16 / 1024));
}

TEST_CASE("an idle live device asks nothing and takes no processor time, and the notifier goes" *
          doctest::test_suite("torture")) {
  const auto seconds = number_from("LIVE_SECONDS", 5);
  Server server;
  server.exec(
      "CREATE TABLE ticks (id int PRIMARY KEY, n int NOT NULL, at bigint NOT NULL);"
      "SELECT sync_enable('ticks')");
  Directory directory;
  Latencies latencies;
  Device device(directory.file("idle.db"), server.conninfo(), latencies);
  REQUIRE(becomes(30s, [&] { return device.is_listening(); }));
  const std::string mine =
      "FROM pg_stat_activity WHERE datname = current_database() AND pid <>"
      " pg_backend_pid() AND backend_type ";
  REQUIRE(becomes(30s, [&] {
    return server.exec("SELECT objectos_sync.notifier() ->> 'state'") == "idle" &&
           server.exec("SELECT bool_and(state = 'idle') " + mine + "= 'client backend'") == "t";
  }));
  std::this_thread::sleep_for(1s);
  const std::string last = server.exec("SELECT max(state_change) " + mine + "= 'client backend'");
  const double began = processor_seconds();
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  const double used = processor_seconds() - began;
  std::cout << seconds << " s of idleness took " << used << " s of processor time\n";
  CHECK(server.exec("SELECT max(state_change) " + mine + "= 'client backend'") == last);
  CHECK(server.exec("SELECT count(*) " + mine + "LIKE 'objectos%'") == "0");
  CHECK(used < 0.1);
  // It is there all the same.
  server.exec("INSERT INTO ticks VALUES (1, 1, 1)");
  CHECK(becomes(20s, [&] { return file_rows(device.file) == "1:1"; }));
}
