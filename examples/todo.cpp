// A todo list on two devices: both edit offline, both sync, and both end with the same list.
//
//   todo SERVER DIRECTORY      e.g. todo postgresql:///todo /tmp
//
// Each device would be a program of its own; here they are two engines, each with its own file.
#include <objectos/sync_engine.h>

#include <filesystem>
#include <iostream>
#include <string>

using objectos::SyncEngine;
using objectos::Transaction;

// The first start fills the file from the server; later ones have it already.
void prepare(SyncEngine& engine, const std::string& file) {
  if (!std::filesystem::exists(file)) engine.clone();
}

// A write asks no server. What one transaction() writes reaches the server as a whole or not at
// all. (Any SQLite library could write the file as well; triggers in it queue the edits.)
void write(SyncEngine& engine, const std::string& sql, const std::vector<objectos::Value>& values) {
  engine.transaction([&](Transaction& transaction) { transaction.execute(sql, values); });
}

std::string list(SyncEngine& engine) {
  std::string text;
  engine.transaction([&](Transaction& transaction) {
    for (const objectos::Row& row :
         transaction.query("SELECT title, done FROM todos ORDER BY title")) {
      text += (row[1].integer() != 0 ? "  [x] " : "  [ ] ") + row[0].text() + "\n";
    }
  });
  return text;
}

// Sends the queued edits, fetches everybody else's, and tells what became of the own ones.
void sync(SyncEngine& engine, const std::string& device) {
  const objectos::SyncResult result = engine.sync_now();
  std::cout << device << " syncs: " << result.verdicts.size() << " edits sent";
  for (const objectos::Verdict& verdict : result.verdicts) std::cout << ", " << verdict.status;
  std::cout << "\n";
}

int run(const std::string& server, const std::string& directory) {
  const std::string phone_file = directory + "/phone.db", tablet_file = directory + "/tablet.db";
  SyncEngine phone({.database = phone_file, .server = server, .device = "phone"});
  SyncEngine tablet({.database = tablet_file, .server = server, .device = "tablet"});
  prepare(phone, phone_file);
  write(phone, "INSERT INTO todos (title, done) VALUES (?1, 0)", {"Buy milk"});
  sync(phone, "phone");
  prepare(tablet, tablet_file);

  // Both are on a train now. The key of a new row is a random UUID, made by the file itself.
  write(phone, "UPDATE todos SET title = ?2 WHERE title = ?1", {"Buy milk", "Buy oat milk"});
  write(phone, "INSERT INTO todos (title, done) VALUES (?1, 0)", {"Call Ada"});
  write(tablet, "UPDATE todos SET done = 1 WHERE title = ?1", {"Buy milk"});
  write(tablet, "INSERT INTO todos (title, done) VALUES (?1, 0)", {"Answer Grace"});
  std::cout << "phone, offline, " << phone.status().pending << " edits queued:\n" << list(phone);
  std::cout << "tablet, offline, " << tablet.status().pending << " edits queued:\n" << list(tablet);

  // Back in the network. Each edited another field of the milk, so both edits stay.
  sync(phone, "phone");
  sync(tablet, "tablet");
  sync(phone, "phone");
  std::cout << "phone:\n" << list(phone) << "tablet:\n" << list(tablet);
  const bool same = list(phone) == list(tablet);
  std::cout << (same ? "Both are the same.\n" : "They differ!\n");
  return same ? 0 : 1;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: todo SERVER DIRECTORY\n";
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const objectos::Error& error) {  // the only kind that the library throws
    std::cerr << error.message() << " [" << error.code() << "]\n" << error.hint() << "\n";
    return 1;
  }
}
