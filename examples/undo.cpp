// Undo and redo: of what this device wrote, offline or not, before or after it was synced, and
// never of what somebody else has written since.
//
//   undo SERVER DIRECTORY      e.g. undo postgresql:///todo /tmp
#include <objectos/sync_engine.h>

#include <filesystem>
#include <iostream>

using objectos::SyncEngine;
using objectos::Transaction;

void write(SyncEngine& engine, const std::string& sql) {
  engine.transaction([&](Transaction& transaction) { transaction.execute(sql); });
}

void show(const std::string& what, SyncEngine& engine) {
  std::cout << what << ":";
  engine.transaction([&](Transaction& transaction) {
    for (const objectos::Row& row :
         transaction.query("SELECT title, done FROM todos ORDER BY title")) {
      std::cout << (row[1].integer() != 0 ? " [x] " : " [ ] ") << row[0].text();
    }
  });
  std::cout << "\n";
}

int run(const std::string& server, const std::string& directory) {
  SyncEngine phone({.database = directory + "/phone.db", .server = server, .device = "phone"});
  SyncEngine tablet({.database = directory + "/tablet.db", .server = server, .device = "tablet"});
  if (!std::filesystem::exists(directory + "/phone.db")) phone.clone();
  write(phone, "INSERT INTO todos (title, done) VALUES ('Buy milk', 0)");
  phone.sync_now();
  if (!std::filesystem::exists(directory + "/tablet.db")) tablet.clone();

  // What one transaction() wrote is undone as one. The server is not asked.
  phone.transaction([](Transaction& transaction) {
    transaction.execute("UPDATE todos SET title = 'Buy oat milk', done = 1");
    transaction.execute("INSERT INTO todos (title, done) VALUES ('Call Ada', 0)");
  });
  show("written", phone);
  phone.undo();
  show("undone", phone);
  phone.redo();
  show("redone", phone);
  phone.sync_now();

  // Somebody else goes on with the title. Undoing takes back what is still the phone's own.
  tablet.sync_now();
  write(tablet, "UPDATE todos SET title = 'Buy soy milk' WHERE title = 'Buy oat milk'");
  tablet.sync_now();
  phone.sync_now();
  for (const objectos::LeftAlone& left : phone.undo().left) {
    std::cout << "stays: " << left.field << " is " << left.found << ", no longer " << left.written
              << "\n";
  }
  phone.sync_now();
  tablet.sync_now();
  show("phone", phone);
  show("tablet", tablet);
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: undo SERVER DIRECTORY\n";
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const objectos::Error& error) {
    std::cerr << error.message() << " [" << error.code() << "]\n" << error.hint() << "\n";
    return 1;
  }
}
