#include "tests/e2e/history_world.h"

#include <algorithm>
#include <utility>

namespace e2e {

using objectos::Error;
using objectos::ErrorClass;

HistoryWorld::HistoryWorld(Server& server, std::uint64_t seed)
    : Dice(seed), server_(server), prefix_("h" + std::to_string(seed)), network_(seed) {
  make_tables();
  make_devices();
}

HistoryWorld::~HistoryWorld() {
  devices_.clear();
  for (auto table = tables_.rbegin(); table != tables_.rend(); ++table)
    server_.exec("DROP TABLE " + table->name);
}

void HistoryWorld::run(int steps) {
  for (int i = 0; i < steps && problems_.empty(); ++i) step();
}

void HistoryWorld::step() {
  const int what = below(100);
  if (what < 20) return edit_by_psql();
  if (what < 25) return change_weather();
  if (what < 29) return change_schema();
  if (what < 30) return new_history();
  if (what < 31) return prune();
  Device& device = pick(devices_);
  if (what < 43)
    undo(device);
  else if (what < 70)
    edit(device);
  else if (what < 94)
    sync(device);
  else if (what < 98)
    resolve(device);
  else
    reopen(device);
  sound(device);
}

void HistoryWorld::change_weather() {
  calm_ = !calm_;
  note(calm_ ? "the network is good" : "the network is bad");
  network_.set_weather(calm_ ? Weather{} : Weather{.ending_chance = 70, .bytes_max = 8'000});
  network_.drop_all();
  for (Device& each : devices_) each.has_old_connection = true;
}

void HistoryWorld::reopen(Device& device) {
  note(device.label + ": the app is started again");
  device.engine.reset();
  open(device);
}

void HistoryWorld::new_history() {
  note("psql: SELECT sync_new_epoch()");
  server_.exec("SELECT sync_new_epoch()");
}

// As if all devices had been away for longer than the server waits for them.
void HistoryWorld::prune() {
  note("psql: everything is pruned");
  server_.exec(
      "BEGIN; SET LOCAL objectos_sync.client_retention = 0; SELECT sync_prune('0'); COMMIT");
}

// Whether the exchange ended well. What a bad network does is transient; nothing else may fail.
bool HistoryWorld::sync(Device& device) {
  const int way = below(10);
  const std::string verb = way == 0 ? "push" : way == 1 ? "pull" : "sync";
  try {
    const objectos::SyncResult result = way == 0   ? device.engine->push_now()
                                        : way == 1 ? device.engine->pull_now()
                                                   : device.engine->sync_now();
    std::string verdicts;
    for (const objectos::Verdict& verdict : result.verdicts)
      verdicts += " " + verdict.record_id + "=" + verdict.status + (verdict.duplicate ? "!" : "");
    note(device.label + ": " + verb + " done" + verdicts + (result.resynced ? " resynced" : ""));
    return true;
  } catch (const Error& error) {
    const std::string text =
        device.label + ": " + verb + " ended by " + error.code() + " " + error.message();
    note(text);
    const bool may_fail = !calm_ || std::exchange(device.has_old_connection, false);
    if (!may_fail || error.error_class() != ErrorClass::transient)
      wrong(text + " " + error.detail());
    return false;
  }
}

// What the device has not heard yet may have ended the conflict, or refuse its values.
void HistoryWorld::resolve(Device& device) {
  const std::vector<objectos::Conflict> open = device.engine->conflicts();
  if (open.empty()) return;
  const std::string id = pick(open).conflict_id;
  const std::string choice = chance(50) ? "client_wins" : "server_wins";
  try {
    const std::string status = device.engine->resolve(id, choice).status;
    note(device.label + ": resolve " + choice + " " + status);
  } catch (const Error& error) {
    const std::string text = device.label + ": resolve " + choice + " " + error.code() + " " +
                             error.message() + " " + error.detail();
    note(text);
    const bool expected = error.code() == "OS012" || error.error_class() == ErrorClass::rejected ||
                          ((!calm_ || std::exchange(device.has_old_connection, false)) &&
                           error.error_class() == ErrorClass::transient);
    if (!expected) wrong(text);
  }
}

void HistoryWorld::sound(const Device& device) {
  const std::string broken = broken_records(device.file);
  if (!broken.empty()) wrong(device.label + ": not base image and queue: " + broken);
}

void HistoryWorld::settle() {
  if (!problems_.empty()) return;
  calm_ = true;
  note("in the end");
  network_.set_weather({});
  network_.drop_all();
  for (int round = 0; round < 3; ++round)
    for (Device& device : devices_) {
      try {
        device.engine->sync_now();
      } catch (const Error& error) {
        // A connection of the bad weather may only now be found dead.
        if (round > 0 || error.error_class() != ErrorClass::transient)
          wrong(device.label + ": in the end: " + error.code() + " " + error.message() + " " +
                error.detail());
      }
      sound(device);
    }
}

void HistoryWorld::compare(const Device& device, const Table& table) {
  Columns columns = table.columns, theirs = local_columns(device, table);
  std::sort(columns.begin(), columns.end());
  std::sort(theirs.begin(), theirs.end());
  if (columns != theirs) {
    std::string names;
    for (const std::string& column : theirs) names += " " + column;
    return wrong(device.label + ": " + table.name + " has the columns" + names);
  }
  columns.insert(columns.begin(), "id");
  Columns at_server;
  for (const std::string& column : columns) {
    std::string form = column;
    if (column[0] == 'b') form += "::int";
    if (column[0] == 's') form = "translate(to_jsonb(" + column + ")::text, ' ', '')";
    at_server.push_back(form);
  }
  const std::string here = local_rows(device.file, table.name, columns);
  server_.exec("SET ROLE " + device.user);
  const std::string there = server_rows(server_, table.name, at_server);
  server_.exec("RESET ROLE");
  if (here != there)
    wrong(device.label + ": " + table.name + " holds\n" + here + "\nand the server\n" + there);
  if (leftovers(device.file, table.name) != kNoLeftovers)
    wrong(device.label + ": " + table.name + ": " + leftovers(device.file, table.name));
}

void HistoryWorld::check() {
  if (!problems_.empty()) return;
  for (const Device& device : devices_) {
    for (const Table& table : tables_) compare(device, table);
    const std::string open = std::to_string(device.engine->conflicts().size());
    server_.exec("SET ROLE " + device.user);
    const std::string open_there =
        server_.exec("SELECT count(*) FROM sync_conflicts() WHERE status = 'open'");
    server_.exec("RESET ROLE");
    if (open != open_there)
      wrong(device.label + ": " + open + " open conflicts, the server says " + open_there);
  }
  const std::string twice = server_.exec(
      "SELECT count(*) - count(DISTINCT (client_id, client_sequence)) FROM "
      "objectos_sync.mutations WHERE client_sequence IS NOT NULL AND operation <> 'conflict'");
  if (twice != "0") wrong(twice + " mutations took effect twice");
}

}  // namespace e2e
