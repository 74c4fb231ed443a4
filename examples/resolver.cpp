// Conflicts decided by the app: two devices edit the same note offline, and the app keeps both.
//
//   resolver SERVER DIRECTORY      e.g. resolver postgresql:///todo /tmp
//
// The server's side (todos.sql) says that two edits of one `note` are a manual conflict. A rule
// that needs nobody's taste belongs there, into sync_enable: "later edit wins", counters, sets.
#include <objectos/sync_engine.h>

#include <filesystem>
#include <iostream>
#include <thread>

using objectos::ConflictQuestion;
using objectos::Decision;
using objectos::SyncEngine;
using objectos::Transaction;

// The question holds JSON: {"note": "…"} before both edits, as a device wrote it, and as the server
// has it. This app asks SQLite to put the two together; any JSON library does as well.
Decision keep_both(SyncEngine& engine, const ConflictQuestion& question) {
  if (question.fields != std::vector<std::string>{"note"}) return Decision::later();
  std::cout << "asked: base " << question.base << ", local " << question.local << ", remote "
            << question.remote << std::endl;
  std::string both;
  engine.transaction([&](Transaction& transaction) {
    const auto rows = transaction.query(
        "SELECT json_object('note', json_extract(?1, '$.note') || '; ' || json_extract(?2, "
        "'$.note'))",
        {question.remote, question.local});
    both = rows[0][0].text();
  });
  return Decision::values(both);  // or client_wins(), server_wins(), later()
}

std::string note(SyncEngine& engine) {
  std::string text;
  engine.transaction([&](Transaction& transaction) {
    text = transaction.query("SELECT note FROM todos WHERE title = 'Bake a cake'")[0][0].text();
  });
  return text;
}

void write(SyncEngine& engine, const std::string& sql) {
  engine.transaction([&](Transaction& transaction) { transaction.execute(sql); });
}

int run(const std::string& server, const std::string& directory) {
  SyncEngine phone({.database = directory + "/phone.db", .server = server, .device = "phone"});
  SyncEngine tablet({.database = directory + "/tablet.db", .server = server, .device = "tablet"});
  if (!std::filesystem::exists(directory + "/phone.db")) phone.clone();
  write(phone, "INSERT INTO todos (title, done, note) VALUES ('Bake a cake', 0, 'for Ada')");
  phone.sync_now();
  if (!std::filesystem::exists(directory + "/tablet.db")) tablet.clone();
  tablet.sync_now();

  write(phone, "UPDATE todos SET note = 'with cherries' WHERE title = 'Bake a cake'");
  write(tablet, "UPDATE todos SET note = 'without sugar' WHERE title = 'Bake a cake'");
  phone.sync_now();   // the first one is applied
  tablet.sync_now();  // the second one collides: the server's note stays, and the conflict is open
  std::cout << "tablet: " << note(tablet) << ", " << tablet.status().conflicts
            << " conflict open\n";

  // An app sets its resolver when it starts. It is asked where callbacks run, as long as it likes
  // to think; syncs go on meanwhile. The background loop sends what it decided. The conflict is
  // over when the decided row is here.
  const objectos::Subscription token = tablet.set_resolver(
      "todos", [&](const ConflictQuestion& question) { return keep_both(tablet, question); });
  tablet.start();
  for (int i = 0; i < 200 && tablet.status().conflicts > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  tablet.stop();
  phone.sync_now();
  std::cout << "tablet: " << note(tablet) << ", " << tablet.status().conflicts
            << " conflicts open\n"
            << "phone: " << note(phone) << "\n";
  return note(phone) == note(tablet) ? 0 : 1;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: resolver SERVER DIRECTORY\n";
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const objectos::Error& error) {
    std::cerr << error.message() << " [" << error.code() << "]\n" << error.hint() << "\n";
    return 1;
  }
}
