// One random history: what may happen to a few devices, a server and the network between, drawn
// from a seed. Every step is written down, so that a failure can be read; the seed repeats it (the
// network's threads aside, whose timing is not the seed's).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "objectos/sync_engine.h"
#include "tests/e2e/faulty_network.h"
#include "tests/e2e/random_runs.h"
#include "tests/e2e/replica.h"

namespace e2e {

// A column whose name's first letter says what it holds: t text, i integer, b boolean, s a set of
// texts (text[]), o the role that owns the row, p the key of a parent.
using Columns = std::vector<std::string>;

struct Table {
  std::string name, parent;
  Columns columns;  // without id
};

struct Device {
  std::string label, file, user;  // user: the role it syncs as
  std::unique_ptr<objectos::SyncEngine> engine;
  bool has_old_connection = false;  // one of the bad weather, which it may only now find dead
};

class HistoryWorld : private Dice {
 public:
  // Tables of its own in a server that many histories share, one after the other.
  HistoryWorld(Server& server, std::uint64_t seed);
  ~HistoryWorld();
  HistoryWorld(const HistoryWorld&) = delete;
  HistoryWorld& operator=(const HistoryWorld&) = delete;

  void run(int steps);
  // Clear weather; everybody syncs until nothing is queued and all have seen the same.
  void settle();
  // What must hold then. All of these add to problems().
  void check();
  // What happened, and what is wrong with it: one line each; no line is a good history.
  const std::string& steps() const { return steps_; }
  const std::string& problems() const { return problems_; }

  // The roles that devices sync as; made once in a server.
  static void make_roles(Server& server);

 private:
  void note(const std::string& text) { steps_ += text + "\n"; }
  void wrong(const std::string& text) { problems_ += text + "\n"; }

  // history_setting.cpp: tables, devices, schema changes.
  void make_tables();
  std::string enable_sql(const Table& table);
  void make_devices();
  void open(Device& device);
  void change_schema();

  // history_edits.cpp: statements that both databases understand.
  std::string key(const Table& table);
  std::string value(const std::string& column, bool local);
  std::string assignment(const std::string& column, bool local);
  std::string statement(const Table& table, const Columns& columns, bool local);
  Columns local_columns(const Device& device, const Table& table);
  std::string local_statement(const Device& device);
  void edit(Device& device);
  std::string all_rows(const Device& device);
  void undo(Device& device);
  void edit_by_psql();

  // history_world.cpp
  void step();
  bool sync(Device& device);
  void resolve(Device& device);
  void new_history();
  void prune();
  void change_weather();
  void reopen(Device& device);
  void sound(const Device& device);
  void compare(const Device& device, const Table& table);

  Server& server_;
  std::string prefix_;
  Directory directory_;
  FaultyNetwork network_;
  bool calm_ = true;
  bool guarded_ = false;  // the children are under row-level security
  int columns_made_ = 0;
  std::vector<Table> tables_;
  std::vector<Device> devices_;
  std::string steps_, problems_;
};

}  // namespace e2e
