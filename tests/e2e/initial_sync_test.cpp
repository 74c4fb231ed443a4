// The initial sync: begun again after a kill wherever it was, in a file of its own and in one that
// holds the app's tables; its memory and its counts.
#include <doctest/doctest.h>

#include <csignal>

#include "objectos/sync_engine.h"
#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

struct Shelf : Synced {
  explicit Shelf(const std::string& rows) {
    server.exec("CREATE TABLE books (id int PRIMARY KEY, title text)");
    server.exec("CREATE TABLE loans (id serial PRIMARY KEY, book int)");
    server.exec("SELECT sync_enable('books'), sync_enable('loans')");
    server.exec("INSERT INTO books " + rows);
    server.exec("INSERT INTO loans (book) SELECT i FROM generate_series(1, 30) i");
  }
  void check_rows() {
    for (const char* table : {"books", "loans"}) {
      const std::vector<std::string> columns = {"id"};
      CHECK(local_rows(phone, table, columns) == server_rows(server, table, columns));
    }
    CHECK(broken_records(phone) == "");
  }
};

}  // namespace

TEST_CASE(
    "an initial sync into the app's own file that is killed begins again, and loses nothing") {
  int killed = 0;
  for (const std::string& point : fault_points("client/src", "fault_point")) {
    CAPTURE(point);
    Shelf shelf("SELECT i, 'title ' || i FROM generate_series(1, 200) i");
    shell("sqlite3 " + shelf.file + " \"CREATE TABLE mine (a); INSERT INTO mine VALUES ('kept')\"");
    const Ended first =
        command("clone " + shell_quoted(shelf.server.conninfo()) + " " + shelf.file, point);
    if (first.signal != SIGKILL) continue;
    ++killed;
    CHECK(local(shelf.phone, "SELECT a FROM mine") == "kept");
    const Ended again = shelf.clone();
    const bool complete = again.code == 1 && again.output.find("file_exists") != std::string::npos;
    CHECK_MESSAGE((again.code == 0 || complete), again.output);
    local(shelf.phone, "INSERT INTO loans (book) VALUES (7); UPDATE mine SET a = a || '!'");
    CHECK(shelf.sync().code == 0);
    shelf.check_rows();
    CHECK(local(shelf.phone, "SELECT a FROM mine") == "kept!");
    CHECK(shelf.server.exec("SELECT count(*) FROM loans WHERE book = 7") == "2");
  }
  CHECK(killed >= 5);
}

// 240 MB of wide rows through a process that may have 64 MiB of data above SQLite's cache, which is
// 96 MiB while a table is loaded.
TEST_CASE(
    "an initial sync needs no more than 64 MB above SQLite's cache, whatever the table's size") {
  Shelf shelf("SELECT i, repeat('wide ', 4000) FROM generate_series(1, 12000) i");
  const std::string bound = "ulimit -d " + std::to_string((96 + 64) * 1024) + "; ";
  for (const bool in_place : {false, true}) {
    CAPTURE(in_place);
    const std::string path = shelf.directory.file(in_place ? "app.db" : "new.db");
    if (in_place) shell("sqlite3 " + shell_quoted(path) + " 'CREATE TABLE mine (a)'");
    const Ended made = command(
        "clone " + shell_quoted(shelf.server.conninfo()) + " " + shell_quoted(path), {}, bound);
    CHECK_MESSAGE(made.code == 0, made.output);
    CHECK(local(path, "SELECT count(*) || ' ' || sum(length(title)) FROM books") ==
          "12000 240000000");
  }
}

TEST_CASE("the progress of an initial sync counts every row once and ends at what is in the file") {
  Shelf shelf("SELECT i, 'title ' || i FROM generate_series(1, 12345) i");
  objectos::Options options;
  options.database = shelf.phone;
  options.server = shelf.server.conninfo();
  objectos::SyncEngine engine(options);
  objectos::Progress last;
  bool rises = true;
  std::string objects;
  auto token = engine.on_progress([&](const objectos::Progress& progress) {
    rises = rises && progress.pulled >= last.pulled && progress.bytes >= last.bytes;
    if (progress.object != last.object) objects += progress.object + " ";
    last = progress;
  });
  CHECK(engine.clone().pulled == 12375);
  CHECK(engine.drain(std::chrono::seconds(20)));  // callbacks come from another thread
  CHECK(rises);
  CHECK(last.pulled == 12375);
  CHECK(last.bytes > 12345 * 10);
  CHECK(objects == "books loans ");
  shelf.check_rows();
}
