// From a commit on the server to the row in the file of a live device, and from one device's file
// to another's. 1,000 updates at a steady 50 a second; the floor, a listener that is told by NOTIFY
// and reads the row with a SELECT, takes turns with it.
//
// A clock runs from the instant before the write is asked for (a statement that commits by itself)
// until whoever waits has read the row.
#include <poll.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "contacts.h"
#include "measurement.h"
#include "objectos/sync_engine.h"

namespace bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t table_rows = 10'000;
constexpr int updates = 1'000, turns = 10, per_turn = updates / turns;
constexpr std::chrono::milliseconds step{20};  // 50 a second

// The ids of the contacts that are updated, in turn.
std::vector<std::string> row_ids(Postgres& server) {
  const PgResult rows =
      server.query("SELECT id FROM contacts ORDER BY created LIMIT " + std::to_string(updates));
  std::vector<std::string> ids;
  for (int row = 0; row < PQntuples(rows.get()); row++)
    ids.push_back(PQgetvalue(rows.get(), row, 0));
  return ids;
}

// Milliseconds of each of `count` writes: `write(i)` begins one, `wait(i)` returns when it arrived.
template <typename Write, typename Wait>
void timed(int first, int count, std::vector<double>& into, Write&& write, Wait&& wait) {
  Clock::time_point due = Clock::now() + step;
  for (int i = first; i < first + count; i++, due += step) {
    std::this_thread::sleep_until(due);
    const Clock::time_point begin = Clock::now();
    write(i);
    wait(i);
    into.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
}

double percentile(std::vector<double> samples, double share) {
  std::sort(samples.begin(), samples.end());
  const auto at = static_cast<std::size_t>(share * static_cast<double>(samples.size() - 1));
  return samples[at];
}

// A file's rows, as its listeners hear of them and as they stand in it.
class LiveDevice {
 public:
  LiveDevice(const std::string& name, const std::string& server)
      : path_(fresh(name)), engine_(options(path_, server)) {
    engine_.clone();
    token_ = engine_.on_change("contacts", [this](const objectos::Change&) {
      const std::lock_guard<std::mutex> guard(mutex_);
      ++heard_;
      changed_.notify_all();
    });
    engine_.start();
    if (!engine_.wait_until_synced(std::chrono::seconds(20)))
      throw std::runtime_error("a device does not come live");
    reader_ = std::make_unique<Sqlite>(path_);
    app_ = std::make_unique<Sqlite>(path_);
  }
  ~LiveDevice() { engine_.stop(); }
  LiveDevice(const LiveDevice&) = delete;
  LiveDevice& operator=(const LiveDevice&) = delete;

  // Until the contact has this telephone number.
  void wait_for(const std::string& id, const std::string& phone) {
    const Clock::time_point end = Clock::now() + std::chrono::seconds(20);
    for (;;) {
      std::size_t heard = 0;
      {
        const std::lock_guard<std::mutex> guard(mutex_);
        heard = heard_;
      }
      if (has(id, phone)) return;
      std::unique_lock<std::mutex> lock(mutex_);
      if (!changed_.wait_until(lock, end, [&] { return heard_ != heard; }))
        throw std::runtime_error("an update does not arrive");
    }
  }
  // As the app would, over a connection of its own.
  void write(const std::string& id, const std::string& phone) {
    app_->run("UPDATE contacts SET phone = '" + phone + "' WHERE id = '" + id + "'");
  }

 private:
  static std::string fresh(const std::string& name) {
    const std::string path = bench_file(name);
    remove_file(path);
    return path;
  }
  static objectos::Options options(const std::string& path, const std::string& server) {
    objectos::Options made;
    made.database = path;
    made.server = server;
    made.live = true;
    return made;
  }
  bool has(const std::string& id, const std::string& phone) {
    SqliteStatement row(*reader_, "SELECT phone FROM contacts WHERE id = ?1");
    row.bind(1, std::string_view(id));
    return row.step() && row.text(0) == phone;
  }

  std::string path_;
  objectos::SyncEngine engine_;
  objectos::Subscription token_;
  std::unique_ptr<Sqlite> reader_, app_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t heard_ = 0;
};

// What a program without sync would do: LISTEN, and a SELECT when it is told.
class BareListener {
 public:
  BareListener() : session_("objectos_bench") {
    session_.run("LISTEN bare");
    session_.run("PREPARE one (uuid) AS SELECT * FROM contacts_bare WHERE id = $1");
  }
  void wait_for(const std::string& id, const std::string& phone) {
    for (;;) {
      pollfd descriptor{PQsocket(session_.raw()), POLLIN, 0};
      if (poll(&descriptor, 1, 20'000) <= 0) throw std::runtime_error("nothing was told");
      PQconsumeInput(session_.raw());
      bool told = false;
      while (PGnotify* notification = PQnotifies(session_.raw())) {
        PQfreemem(notification);
        told = true;
      }
      if (!told) continue;
      const PgResult row = session_.query("EXECUTE one ('" + id + "')");
      if (PQgetvalue(row.get(), 0, PQfnumber(row.get(), "phone")) == phone) return;
    }
  }

 private:
  Postgres session_;
};

std::vector<Measurement> measure() {
  const std::string server_string = fresh_database("objectos_bench");
  Postgres server("objectos_bench");
  for (const char* table : {"contacts_bare", "contacts"}) {
    create_contacts(server, table);
    server.run(insert_contacts_sql(table, table_rows));
  }
  server.run("SELECT sync_enable('contacts')");
  server.run("VACUUM ANALYZE contacts");
  server.run("VACUUM ANALYZE contacts_bare");
  std::vector<double> floor, live, between;
  BareListener bare;
  LiveDevice phone("live_phone.db", server_string);
  const std::vector<std::string> ids = row_ids(server);
  const auto id = [&](int i) { return ids[static_cast<std::size_t>(i)]; };
  const auto number = [](const char* way, int i) { return way + std::to_string(i); };
  const auto update = [&](const std::string& table, int i, const std::string& rest) {
    server.run("UPDATE " + table + " SET phone = '" + number("live ", i) + "' WHERE id = '" +
               id(i) + "'" + rest);
  };
  for (int turn = 0; turn < turns; turn++) {
    const int first = turn * per_turn;
    timed(
        first, per_turn, floor, [&](int i) { update("contacts_bare", i, "; NOTIFY bare"); },
        [&](int i) { bare.wait_for(id(i), number("live ", i)); });
    timed(
        first, per_turn, live, [&](int i) { update("contacts", i, ""); },
        [&](int i) { phone.wait_for(id(i), number("live ", i)); });
  }
  LiveDevice desk("live_desk.db", server_string);
  timed(
      0, updates, between,
      [&](int i) { (i % 2 == 0 ? phone : desk).write(id(i), number("device ", i)); },
      [&](int i) { (i % 2 == 0 ? desk : phone).wait_for(id(i), number("device ", i)); });
  const auto told = [&](const std::string& name, const std::string& what, double goal,
                        const std::vector<double>& samples, bool against_floor) {
    Measurement result{name, what, "NOTIFY and a SELECT of the row", goal, updates, {}, {}, {}};
    result.ours = {percentile(samples, 0.5) / 1000};
    if (against_floor) result.floor = {percentile(floor, 0.5) / 1000};
    result.extra = {
        {"p50_ms", percentile(samples, 0.5)},     {"p90_ms", percentile(samples, 0.9)},
        {"p99_ms", percentile(samples, 0.99)},    {"longest_ms", percentile(samples, 1)},
        {"floor_p50_ms", percentile(floor, 0.5)}, {"floor_p99_ms", percentile(floor, 0.99)}};
    return result;
  };
  Measurement p99 = told("live_p99", "the same, the 99th percentile", 10, live, false);
  p99.ours = {percentile(live, 0.99)};
  p99.unit = "ms";
  return {
      told("live_p50", "commit on the server to the row in a live device's file", 2, live, true),
      p99,
      told("live_device_p50", "a write in one device's file to the row in another's", 4, between,
           true)};
}

}  // namespace

Suite live_suite() {
  return {{"live_p50", "live_p99", "live_device_p50"}, measure};
}

}  // namespace bench
