// Two devices and a psql edit the same few records at random, and the command is killed at random
// fault points. Invariants: local row = base image and queue after every step (promise 3); once the
// queues are empty, both files equal the server (promise 5) and no mutation took effect twice.
// SEED=n repeats one seed, SEEDS=n runs that many (default 20).
#include <doctest/doctest.h>

#include <csignal>
#include <iostream>
#include <random>
#include <vector>

#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

const std::vector<std::string> kColumns = {"id", "name", "amount", "done"};
const std::vector<std::string> kServerColumns = {"id", "name", "amount", "done::int"};
const std::vector<std::string> kFaults = {"push_before_send",
                                          "push_answered",
                                          "push_verdicts_stored",
                                          "round_begun",
                                          "round_page",
                                          "round_received",
                                          "round_before_commit",
                                          "round_after_commit",
                                          "ack_before",
                                          "ack_after",
                                          "store.freeze.after_commit",
                                          "store.verdicts.before_commit",
                                          "store.verdicts.after_commit",
                                          "store.round.before_commit",
                                          "store.round.after_commit"};
const std::vector<std::string> kStrategies = {"lww", "merge", "server_wins", "client_wins",
                                              "manual"};
const std::vector<std::string> kOnConflict = {"lww", "server_wins", "client_wins", "manual"};

class RandomWorld {
 public:
  explicit RandomWorld(std::uint64_t seed) : random_(seed) {
    server_.exec(
        "CREATE TABLE items (id text PRIMARY KEY, name text, amount int CHECK (amount >= 0), "
        "done boolean DEFAULT false)");
    std::string enable = "SELECT sync_enable('items', strategy => '" + pick(kStrategies) +
                         "', on_conflict => '" + pick(kOnConflict) + "', deletes => '" +
                         (chance(50) ? "deletion_wins" : "update_wins") + "')";
    step(enable);
    server_.exec(enable);
    server_.exec("INSERT INTO items SELECT 'k' || i, 'start', i FROM generate_series(0, 5) i");
    for (const std::string& file : files_) {
      Ended ended = command("clone " + shell_quoted(server_.conninfo()) + " " + shell_quoted(file));
      REQUIRE_MESSAGE(ended.code == 0, ended.output);
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      int what = below(10);
      if (what < 5) edit(files_[below(2)]);
      if (what == 5 || what == 6) edit_by_psql();
      if (what > 6) sync(files_[below(2)], chance(40));
    }
  }
  void settle() {
    for (int round = 0; round < 2; ++round)
      for (const std::string& file : files_) sync(file, false);
    sync(files_[0], false);
  }
  void check() {
    for (const std::string& file : files_) {
      CHECK(leftovers(file, "items") == kNoLeftovers);
      CHECK(local_rows(file, "items", kColumns) == server_rows(server_, "items", kServerColumns));
    }
    CHECK(server_.exec("SELECT count(*) - count(DISTINCT (client_id, client_sequence)) FROM "
                       "objectos_sync.mutations WHERE client_sequence IS NOT NULL") == "0");
  }
  const std::string& steps() const { return steps_; }

 private:
  int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  bool chance(int percent) { return below(100) < percent; }
  std::string pick(const std::vector<std::string>& list) {
    return list[static_cast<std::size_t>(below(static_cast<int>(list.size())))];
  }
  std::string key() { return "'k" + std::to_string(below(9)) + "'"; }
  std::string name() { return chance(15) ? "NULL" : "'v" + std::to_string(below(1000)) + "'"; }
  void step(const std::string& text) { steps_ += text + "\n"; }

  // Valid in SQLite and PostgreSQL alike; a negative amount is what the server refuses.
  std::string statement(bool may_be_refused) {
    std::string amount = std::to_string(may_be_refused && chance(20) ? -1 : below(100));
    switch (below(7)) {
      case 0:
        return "DELETE FROM items WHERE id = " + key();
      case 1:
      case 2:
        return "INSERT INTO items (id, name, amount) VALUES (" + key() + ", " + name() + ", " +
               amount + ") ON CONFLICT (id) DO UPDATE SET name = excluded.name";
      case 3:
        return "UPDATE items SET done = NOT done, name = " + name() + " WHERE id = " + key();
      case 4:
        return "UPDATE items SET amount = " + amount + " WHERE id = " + key();
      case 5:
        return "UPDATE items SET name = " + name() + ", amount = " + amount +
               " WHERE id = " + key();
      default:
        return "UPDATE items SET name = " + name() + " WHERE id IN (" + key() + ", " + key() + ")";
    }
  }
  void edit(const std::string& file) {
    std::string sql = statement(true);
    if (chance(15))
      sql = "BEGIN; INSERT INTO _group DEFAULT VALUES; " + sql + "; " + statement(true) +
            "; DELETE FROM _group; COMMIT";
    step(short_name(file) + sql);
    local(file, sql);
    sound(file);
  }
  void edit_by_psql() {
    std::string sql = statement(false);
    step("psql: " + sql);
    server_.exec(sql);
  }
  void sync(const std::string& file, bool kill) {
    std::string fault = kill ? pick(kFaults) : "";
    const std::string way = chance(50) ? "sync --frames on " : "sync ";
    step(short_name(file) + way + fault);
    Ended ended = command(way + shell_quoted(file), fault);
    bool done = ended.code == 0 || ended.code == 3 || ended.code == 4;
    CHECK_MESSAGE((done || (kill && ended.signal == SIGKILL)), ended.output);
    sound(file);
  }
  void sound(const std::string& file) { CHECK(broken_records(file) == ""); }
  std::string short_name(const std::string& file) { return file == files_[0] ? "A: " : "B: "; }

  std::mt19937_64 random_;
  Server server_;
  Directory directory_;
  std::vector<std::string> files_ = {directory_.file("a.db"), directory_.file("b.db")};
  std::string steps_;
};

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace

TEST_CASE("random edits on two devices and the server, with kills, converge") {
  std::uint64_t first = number_from("SEED", 1), count = number_from("SEEDS", 20);
  if (std::getenv("SEED") != nullptr) count = 1;
  std::cout << "seeds " << first << " to " << first + count - 1 << " (SEED=n repeats one)\n";
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    CAPTURE(seed);
    RandomWorld world(seed);
    world.run(30);
    world.settle();
    INFO(world.steps());
    world.check();
  }
}
