// Whose writes wake the one who waits: those of every connection to the file, and no other file's.
#include <doctest/doctest.h>
#include <poll.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>

#include "store/file_signal.h"

using objectos::FileSignal;

namespace {

struct File {
  std::string directory = [] {
    std::string made = (std::filesystem::temp_directory_path() / "signal-XXXXXX").string();
    REQUIRE(mkdtemp(made.data()) != nullptr);
    return made;
  }();
  std::string path = directory + "/phone.db";
  sqlite3* connection = nullptr;

  File() {
    REQUIRE(sqlite3_open(path.c_str(), &connection) == SQLITE_OK);
    run(connection, "PRAGMA journal_mode=WAL; CREATE TABLE t (x)");
  }
  ~File() {
    sqlite3_close(connection);
    std::filesystem::remove_all(directory);
  }
  static void run(sqlite3* on, const char* sql) {
    REQUIRE(sqlite3_exec(on, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  }
};

bool readable(const FileSignal& signal) {
  pollfd descriptor{signal.descriptor(), POLLIN, 0};
  return poll(&descriptor, 1, 0) == 1;
}

}  // namespace

TEST_CASE("a commit of any connection is told, what was taken is not told again") {
  File file;
  FileSignal signal;
  REQUIRE(signal.arm(file.path));
  CHECK_FALSE(readable(signal));
  File::run(file.connection, "INSERT INTO t VALUES (1)");
  CHECK(readable(signal));
  CHECK(signal.take());
  CHECK_FALSE(readable(signal));
  CHECK_FALSE(signal.take());
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(file.path.c_str(), &other) == SQLITE_OK);
  File::run(other, "INSERT INTO t VALUES (2)");
  CHECK(signal.take());
  sqlite3_close(other);
}

TEST_CASE("readers, and other files of the directory, wake nobody") {
  File file;
  FileSignal signal;
  REQUIRE(signal.arm(file.path));
  std::ofstream(file.directory + "/other.db-wal") << "something";
  sqlite3* reader = nullptr;
  REQUIRE(sqlite3_open(file.path.c_str(), &reader) == SQLITE_OK);
  File::run(reader, "SELECT * FROM t");
  CHECK_FALSE(readable(signal));
  sqlite3_close(reader);
}

TEST_CASE("after another file took the name, it is to be armed anew") {
  File file;
  FileSignal signal;
  REQUIRE(signal.arm(file.path));
  std::filesystem::copy_file(file.path, file.path + "-backup");
  std::filesystem::rename(file.path + "-backup", file.path);
  CHECK(signal.take());
  CHECK_FALSE(signal.armed());
  CHECK(signal.arm(file.path));
}

TEST_CASE("what is not there cannot be watched") {
  FileSignal signal;
  CHECK_FALSE(signal.arm("/nowhere/phone.db"));
  CHECK_FALSE(signal.armed());
  CHECK(signal.descriptor() == -1);
  CHECK_FALSE(signal.take());
}
