// The initial sync and rounds of many pages, against a real server.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

// Two objects, one of them under row-level security, which COPY leaves to the pull.
struct Guarded {
  Server server;
  Directory directory;
  std::string phone = directory.file("phone.db");
  std::string role = "clone_test_" + std::to_string(getpid());

  Guarded() {
    server.exec("CREATE ROLE " + role + " LOGIN");
    server.exec("CREATE TABLE items (id text PRIMARY KEY, name text)");
    server.exec("CREATE TABLE secrets (id text PRIMARY KEY, owner text)");
    server.exec("SELECT sync_enable('items'), sync_enable('secrets')");
    server.exec("ALTER TABLE secrets ENABLE ROW LEVEL SECURITY");
    server.exec("CREATE POLICY own ON secrets USING (owner = current_user)");
    server.exec("GRANT SELECT ON items, secrets TO " + role);
    server.exec("SELECT sync_grant('" + role + "')");
    server.exec("INSERT INTO items SELECT 'i' || i, 'x' FROM generate_series(1, 5) i");
    server.exec("INSERT INTO secrets SELECT 's' || i, CASE WHEN i <= 3 THEN '" + role +
                "' ELSE 'other' END FROM generate_series(1, 5) i");
  }
  ~Guarded() {
    server.exec("DROP OWNED BY " + role);
    server.exec("DROP ROLE " + role);
  }
  Ended clone(const std::string& fault = {}) {
    std::string conninfo = server.conninfo();
    conninfo.replace(conninfo.find(" user="), conninfo.find(" dbname=") - conninfo.find(" user="),
                     " user=" + role);
    return command("clone " + shell_quoted(conninfo) + " " + shell_quoted(phone), fault);
  }
};

}  // namespace

TEST_CASE("a clone is incomplete until the objects under row-level security are there") {
  Guarded world;
  for (const char* point : {"store.load.after_commit", "round_begun", "store.round.before_commit",
                            "store.publish.before_rename"}) {
    CAPTURE(point);
    CHECK(world.clone(point).signal == SIGKILL);
    Ended sync = command("sync " + shell_quoted(world.phone));
    CHECK(sync.code == 5);
    CHECK_MESSAGE(sync.output.find("Run clone") != std::string::npos, sync.output);
    Ended status = command("status " + shell_quoted(world.phone));
    CHECK_MESSAGE(status.output.find("no: run clone again") != std::string::npos, status.output);
  }
  Ended whole = world.clone();
  CHECK_MESSAGE(whole.code == 0, whole.output);
  CHECK(local(world.phone, "SELECT group_concat(id) FROM (SELECT id FROM items ORDER BY id)") ==
        "i1,i2,i3,i4,i5");
  CHECK(local(world.phone, "SELECT group_concat(id) FROM (SELECT id FROM secrets ORDER BY id)") ==
        "s1,s2,s3");
  CHECK(command("sync " + shell_quoted(world.phone)).code == 0);
}

// 120 MB of rows through a process that may have 80 MB of data.
TEST_CASE("a long round needs no more memory than some of its pages") {
  Server server;
  Directory directory;
  std::string phone = directory.file("phone.db");
  server.exec("CREATE TABLE items (id int PRIMARY KEY, name text)");
  server.exec("SELECT sync_enable('items')");
  REQUIRE(command("clone " + shell_quoted(server.conninfo()) + " " + shell_quoted(phone)).code ==
          0);
  server.exec("INSERT INTO items SELECT i, repeat('x', 2000) FROM generate_series(1, 60000) i");
  Ended pull = command("pull " + shell_quoted(phone), {}, "ulimit -d 80000; ");
  CHECK_MESSAGE(pull.code == 0, pull.output);
  CHECK(local(phone, "SELECT count(*) || ' ' || sum(length(name)) FROM items") ==
        "60000 120000000");
}
