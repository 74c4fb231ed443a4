// The file is not what it should be, or cannot be written: exit code 5 and a sentence that says
// what to do; nothing is made beside it, the queue is intact, and with the cause gone the work goes
// on.
#include <doctest/doctest.h>

#include <fstream>

#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

struct World : Synced {
  World() {
    server.exec("CREATE TABLE notes (id int PRIMARY KEY, body text)");
    server.exec("SELECT sync_enable('notes')");
    server.exec("INSERT INTO notes SELECT i, 'start' FROM generate_series(1, 20) i");
  }
  void check_same() {
    CHECK(local_rows(phone, "notes", {"id", "body"}) ==
          server_rows(server, "notes", {"id", "body"}));
    CHECK(broken_records(phone) == "");
    CHECK(leftovers(phone, "notes") == kNoLeftovers);
  }
};

bool says(const Ended& ended, const std::string& part) {
  return ended.output.find(part) != std::string::npos;
}

// Permissions count for root too, once it has given up passing over them.
const char* const kWithoutPrivileges =
    "if [ $(id -u) = 0 ]; then exec setpriv --bounding-set=-all --inh-caps=-all -- sh -c ";

Ended unprivileged(const std::string& arguments) {
  const std::string line = shell_quoted(program() + " " + arguments);
  return shell(kWithoutPrivileges + line + "; else " + program() + " " + arguments + "; fi");
}

}  // namespace

TEST_CASE("a text, another program's database and a directory are refused by every command") {
  World world;
  const std::string text = world.directory.file("letter.txt");
  std::ofstream(text) << "Dear reader, this is no database, only a letter that goes on for a bit.";
  const std::string other = world.directory.file("other.db");
  std::ofstream(other).close();
  local(other, "PRAGMA application_id = 77; CREATE TABLE t (a); INSERT INTO t VALUES (1)");
  const std::string folder = world.directory.file("folder");
  std::filesystem::create_directory(folder);
  const std::string clone = "clone " + shell_quoted(world.server.conninfo()) + " ";
  for (const std::string& path : {text, other, folder}) {
    for (const char* verb : {"sync ", "push ", "pull ", "status ", "pending ", "conflicts ",
                             "detach ", clone.c_str()}) {
      CAPTURE(std::string(verb) + path);
      Ended ended = command(std::string(verb) + shell_quoted(path));
      CHECK_MESSAGE(ended.code == 5, ended.output);
      CHECK_MESSAGE(says(ended, "[file_not_ours]"), ended.output);
      CHECK_MESSAGE(says(ended, "what to do: "), ended.output);
    }
    CHECK_FALSE(std::filesystem::exists(path + "-engine-lock"));
    CHECK_FALSE(std::filesystem::exists(path + "-wal"));
  }
  CHECK(local(other, "SELECT a FROM t") == "1");
  CHECK(local(other, "SELECT count(*) FROM sqlite_master") == "1");
}

TEST_CASE("a read-only file, and one in a read-only directory, are left as they are") {
  World world;
  REQUIRE(world.clone().code == 0);
  local(world.phone, "UPDATE notes SET body = 'offline' WHERE id = 1");
  for (const std::string& path : {world.phone, world.directory.file("")}) {
    CAPTURE(path);
    std::filesystem::permissions(path, std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::remove);
    if (path != world.phone) std::filesystem::remove(world.phone + "-engine-lock");
    Ended ended = unprivileged("sync " + world.phone);
    CHECK_MESSAGE(ended.code == 5, ended.output);
    CHECK_MESSAGE(says(ended, "[file_read_only]"), ended.output);
    CHECK_MESSAGE(says(ended, "what to do: Make the file and its directory writable"),
                  ended.output);
    std::filesystem::permissions(path, std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
    CHECK(local(world.phone, "SELECT count(*) FROM _mutations WHERE state = 'pending'") == "1");
  }
  CHECK(world.sync().code == 0);
  CHECK(world.server.exec("SELECT body FROM notes WHERE id = 1") == "offline");
  world.check_same();
}

// A limit on the size of files is a full disk to SQLite: write() fails. SIGXFSZ is ignored, or it
// would kill.
TEST_CASE(
    "no room for what is pulled: code 5, verdicts kept, nothing of the round, and it goes on") {
  World world;
  REQUIRE(world.clone().code == 0);
  local(world.phone, "UPDATE notes SET body = 'offline' WHERE id = 1");
  world.server.exec(
      "INSERT INTO notes SELECT i, repeat('x', 5000) FROM generate_series(100, 600) i");
  const std::string before = local(world.phone, "SELECT checkpoint FROM _sync_state");
  Ended full = command("sync " + world.file, "", "trap '' XFSZ; ulimit -f 2000; ");
  CHECK_MESSAGE(full.code == 5, full.output);
  CHECK_MESSAGE(says(full, "[disk_full]"), full.output);
  CHECK_MESSAGE(says(full, "the local database could not be written"), full.output);
  CHECK_MESSAGE(says(full, "nothing was changed"), full.output);
  CHECK(local(world.phone, "SELECT count(*) FROM notes") == "20");
  CHECK(local(world.phone, "SELECT checkpoint FROM _sync_state") == before);
  CHECK(local(world.phone, "SELECT state FROM _mutations") == "judged");
  CHECK(broken_records(world.phone) == "");
  CHECK(world.sync().code == 0);
  world.check_same();
  CHECK(world.pushed() == "1");
}

TEST_CASE("no room for anything: code 5, the queue is intact, and it is sent when there is room") {
  World world;
  REQUIRE(world.clone().code == 0);
  local(world.phone, "UPDATE notes SET body = 'offline' WHERE id < 5");
  for (const char* verb : {"sync ", "push ", "pull "}) {
    CAPTURE(verb);
    Ended full = command(std::string(verb) + world.file, "", "trap '' XFSZ; ulimit -f 1; ");
    CHECK_MESSAGE(full.code == 5, full.output);
    CHECK_MESSAGE(says(full, "[disk_full]"), full.output);
    CHECK(local(world.phone, "SELECT count(*) FROM _mutations WHERE state = 'pending'") == "4");
  }
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.verdicts") == "0");
  const std::string fresh = world.directory.file("fresh.db");
  Ended none = command("clone " + shell_quoted(world.server.conninfo()) + " " + fresh, "",
                       "trap '' XFSZ; ulimit -f 20; ");
  CHECK_MESSAGE(none.code == 5, none.output);
  CHECK(world.clone_into(fresh).code == 0);
  CHECK(world.sync().code == 0);
  world.check_same();
}

// A disk of one megabyte, in a mount namespace of its own that goes with the process.
TEST_CASE("a disk that is really full: code 5, then room, then everything arrives") {
  World world;
  const std::string unshare = geteuid() == 0 ? "unshare -m " : "unshare -rm ";
  if (shell(unshare + "mount -t tmpfs none /mnt").code != 0) {
    MESSAGE("this machine lets nobody mount; the tests with a size limit stand for this one");
    return;
  }
  const std::string sync = program() + " sync phone.db; echo code $?; ";
  const std::string count = "sqlite3 phone.db 'SELECT count(*) FROM _mutations'; ";
  Ended ended = shell(
      unshare + "sh -c " +
      shell_quoted("mount -t tmpfs -o size=1m none " + world.directory.file("") + " && cd " +
                   world.directory.file("") + " && " + program() + " clone \"" +
                   world.server.conninfo() + "\" phone.db; sqlite3 phone.db \"UPDATE notes SET " +
                   "body = id WHERE id < 5\"; cat /dev/zero >filler 2>/dev/null; " + sync +
                   "echo nothing >/dev/null; rm filler; " + count + sync + count));
  CAPTURE(ended.output);
  CHECK(says(ended, "[disk_full]"));
  CHECK(says(ended, "code 5\n4\n"));
  CHECK(says(ended, "code 0\n0\n"));
  CHECK(world.server.exec("SELECT count(*) FROM notes WHERE body = id::text") == "4");
}
