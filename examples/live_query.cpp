// A list on the screen that is always true: a live query tells what to add, remove and change,
// whoever wrote: this app, another program on the device, or another device.
//
//   live_query SERVER FILE     e.g. live_query postgresql:///todo live.db
//
// Runs until Enter. Meanwhile write from elsewhere:
//   sqlite3 live.db "INSERT INTO todos (title, done) VALUES ('Buy milk', 0)"
//   psql todo -c "UPDATE todos SET done = true"
#include <objectos/sync_engine.h>

#include <filesystem>
#include <iostream>

using objectos::QueryChange;
using objectos::Row;

std::string text(const Row& row) {  // the query's columns: id, title, done
  return row[1].text() + (row[2].integer() != 0 ? " (done)" : "");
}

// Runs on a thread of the engine's own, one call at a time. An app with a UI has Options::executor
// or Delivery::poll to get its calls where it draws.
void show(const QueryChange& change) {
  if (!change.error.empty()) std::cout << "! " << change.error << "\n";
  for (const Row& row : change.removed) std::cout << "- " << text(row) << "\n";
  for (const Row& row : change.added) std::cout << "+ " << text(row) << "\n";
  for (const objectos::ChangedRow& row : change.changed) {
    std::cout << "* " << text(row.before) << " -> " << text(row.after) << "\n";
  }
  std::cout << "= " << change.rows.size() << " todos" << std::endl;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: live_query SERVER FILE\n";
    return 2;
  }
  try {
    objectos::Options options{.database = argv[2], .server = argv[1]};
    objectos::SyncEngine engine(options);
    if (!std::filesystem::exists(options.database)) engine.clone();

    // The key is among the columns, so a row that changed is told as one that changed. Without it,
    // it would be one removed and one added. The token keeps the query alive.
    const objectos::Subscription token =
        engine.watch("SELECT id, title, done FROM todos ORDER BY title", show);
    engine.start();  // live: what others commit is here at once
    std::cin.get();
    engine.stop();
    return 0;
  } catch (const objectos::Error& error) {
    std::cerr << error.message() << " [" << error.code() << "]\n" << error.hint() << "\n";
    return 1;
  }
}
