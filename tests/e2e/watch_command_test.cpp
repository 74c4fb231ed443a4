// watch, as people type it: it stays, prints what changes on either side, and ends at Ctrl-C.
#include <chrono>
#include <thread>

#include "doctest/doctest.h"
#include "objectos/sync_engine.h"
#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

// Until the file holds the text, 20 s at most.
bool comes(const std::string& path, const std::string& text) {
  for (int i = 0; i < 200; i++) {
    std::stringstream all;
    all << std::ifstream(path).rdbuf();
    if (all.str().find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

}  // namespace

TEST_CASE("the watch command prints the changes of both sides until it is interrupted") {
  Synced world;
  world.server.exec(
      "CREATE TABLE contacts (id text PRIMARY KEY, name text); SELECT sync_enable('contacts')");
  REQUIRE(world.clone().code == 0);
  const std::string printed = world.directory.file("printed");
  world.server.exec("INSERT INTO contacts VALUES ('1', 'A.')");
  Ended ended;
  std::thread watching([&] {
    ended = command("watch " + world.file + " --json > " + shell_quoted(printed), {},
                    "echo $$ > " + shell_quoted(world.directory.file("pid")) + "; ");
  });
  CHECK(comes(printed, "\"event\":\"change\",\"object\":\"contacts\",\"record_id\":\"1\""));
  local(world.phone, "UPDATE contacts SET name = 'Ada' WHERE id = '1'");
  CHECK(comes(printed, "\"origin\":\"local\""));
  CHECK(shell("kill -INT $(cat " + shell_quoted(world.directory.file("pid")) + ")").code == 0);
  watching.join();
  CHECK(ended.code == 0);
  CHECK(ended.signal == 0);
  CHECK(command("watch " + shell_quoted(world.directory.file("none.db"))).code == 5);
}

TEST_CASE("watch is live; with --interval it syncs now and then, and listens to nothing") {
  Synced world;
  world.server.exec(
      "CREATE TABLE contacts (id text PRIMARY KEY, name text); SELECT sync_enable('contacts');"
      "INSERT INTO contacts VALUES ('1', 'A.')");
  REQUIRE(world.clone().code == 0);
  for (const std::string options : {"", "--interval 1"}) {
    CAPTURE(options);
    const std::string printed = world.directory.file("printed" + options);
    std::thread watching([&] {
      const Ended ended =
          command("watch " + world.file + " --json " + options + " > " + shell_quoted(printed), {},
                  "echo $$ > " + shell_quoted(printed + ".pid") + "; ");
      CHECK(ended.code == 0);
    });
    CHECK(comes(printed, std::string("\"live\":\"") + (options.empty() ? "listening" : "off")));
    CHECK(comes(printed, "\"phase\":\"waiting\""));
    world.server.exec("UPDATE contacts SET name = 'news " + options + "'");
    CHECK(comes(printed, "news " + options));
    CHECK(shell("kill -TERM $(cat " + shell_quoted(printed + ".pid") + ")").code == 0);
    watching.join();
  }
  for (const std::string wrong : {"0", "x", "86401", "-1", "1.5"})
    CHECK(command("watch " + world.file + " --interval " + wrong).code == 1);
}

// The database is not there under its name, or is again; nobody stays connected.
void rename_database(Server& server, bool away) {
  const std::string conninfo = server.conninfo();
  const std::string name = conninfo.substr(conninfo.rfind("dbname=") + 7), other = name + "_away";
  const std::string& present = away ? name : other;
  const Ended done = shell(
      "psql -X -q -v ON_ERROR_STOP=1 -d postgres -c \"SELECT pg_terminate_backend(pid) FROM "
      "pg_stat_activity WHERE datname = '" +
      present + "'\" -c 'ALTER DATABASE " + present + " RENAME TO " + (away ? other : name) + "'");
  REQUIRE_MESSAGE(done.code == 0, done.output);
  if (!away) server.reconnect();
}

// `watch` in a process of its own, which has synced the file.
struct Watched : Synced {
  std::string printed = directory.file("printed"), pid = shell_quoted(directory.file("pid"));
  std::thread watching;

  explicit Watched(const std::string& enable = "SELECT sync_enable('contacts')") {
    server.exec("CREATE TABLE contacts (id text PRIMARY KEY, name text);" + enable +
                ";"
                "INSERT INTO contacts VALUES ('1', 'A.')");
    REQUIRE(clone().code == 0);
    watching = std::thread([this] {
      command("watch " + file + " --json > " + shell_quoted(printed), {},
              "echo $$ > " + pid + "; ");
    });
    server.exec("UPDATE contacts SET name = 'Ada'");
    CHECK(comes(printed, "\"event\":\"change\""));
  }
  ~Watched() {
    shell("kill -INT $(cat " + pid + ")");
    watching.join();
  }
};

TEST_CASE("what only reads works beside a running watch; what must be the engine says who is it") {
  Watched world;
  const std::string file = world.file + " --json";
  for (const std::string& arguments :
       {"status " + file, "pending " + file, "rejections " + file, "conflicts " + file,
        "history " + file, "log " + file + " contacts 1", "diff " + file,
        "verify --local " + file}) {
    CAPTURE(arguments);
    const Ended ended = command(arguments);
    CHECK_MESSAGE(ended.code == 0, ended.output);
  }
  const std::string seen = command("doctor " + file).output;  // the server's own troubles aside
  CHECK(seen.find("\"file\"") != std::string::npos);
  CHECK(seen.find("file_busy") == std::string::npos);
  CHECK(command("log " + world.file + " contacts 1").output.find("Ada") != std::string::npos);
  for (const std::string verb : {"sync ", "verify ", "verify --repair ", "detach "}) {
    CAPTURE(verb);
    const Ended ended = command(verb + file);
    CHECK(ended.code == 5);
    CHECK_MESSAGE(ended.output.find("\"file_busy\"") != std::string::npos, ended.output);
  }
}

TEST_CASE("a conflict is resolved while watch runs, which has the decided row at once") {
  Watched world("SELECT sync_enable('contacts', on_conflict => 'manual')");
  const auto conflicts = [&] { return command("conflicts " + world.file).code; };
  // The phone's push waits for a row that the server is about to commit.
  world.server.exec("BEGIN");
  world.server.exec("UPDATE contacts SET name = 'of the server' WHERE id = '1'");
  local(world.phone, "UPDATE contacts SET name = 'of the phone' WHERE id = '1'");
  for (int i = 0; i < 1000; ++i) {
    if (world.server.exec("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0") break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  world.server.exec("COMMIT");
  REQUIRE(comes(world.printed, "\"event\":\"conflict\""));
  REQUIRE(conflicts() == 4);
  const std::string id = local(world.phone, "SELECT conflict_id FROM _conflicts LIMIT 1");
  CHECK(command("resolve " + world.file + " " + id + " nobody_wins").code == 1);
  const Ended ended =
      command("resolve " + world.file + " " + id + " --values '{\"name\":\"both\"}'");
  CHECK_MESSAGE(ended.code == 0, ended.output);
  CHECK(comes(world.printed, "both"));
  CHECK(local(world.phone, "SELECT name FROM contacts") == "both");
  CHECK(conflicts() == 0);
  CHECK(command("resolve " + world.file + " " + id + " client_wins").code != 0);  // it is over
}

TEST_CASE("watch ends with the error when the connection string can never work") {
  Synced world;
  world.server.exec(
      "CREATE TABLE contacts (id text PRIMARY KEY, name text); SELECT sync_enable('contacts')");
  REQUIRE(world.clone().code == 0);
  struct Wrong {
    std::string server;
    std::string code;
    int exit_code;
  };
  const std::string there = std::string("host=") + std::getenv("PGHOST");
  for (const Wrong& wrong : {
           Wrong{there + " user=" + std::getenv("PGUSER") + " dbname=no_such_database", "3D000", 1},
           Wrong{there + " user=no_such_role dbname=postgres", "28000", 6},
           Wrong{"host=/tmp prot=5432", "bad_conninfo", 1},
       }) {
    CAPTURE(wrong.server);
    const Ended ended = shell("timeout -s KILL 20 " + program() + " watch " + world.file +
                              " --json --server " + shell_quoted(wrong.server));
    CHECK(ended.code == wrong.exit_code);
    CHECK_MESSAGE(ended.output.find("\"" + wrong.code + "\"") != std::string::npos, ended.output);
  }
}

TEST_CASE("a database that is gone for a while ends the loop of no engine that has synced") {
  Synced world;
  world.server.exec(
      "CREATE TABLE contacts (id text PRIMARY KEY, name text); SELECT sync_enable('contacts')");
  REQUIRE(world.clone().code == 0);
  objectos::Options options;
  options.database = world.phone;
  options.timing.interval = std::chrono::milliseconds(20);
  options.timing.backoff_first = options.timing.backoff_max = std::chrono::milliseconds(20);
  objectos::SyncEngine engine(options);
  engine.start();
  REQUIRE(engine.wait_until_synced(std::chrono::seconds(20)));
  rename_database(world.server, true);
  const auto failed_with = [&](const std::string& code) {
    for (int i = 0; i < 2'000; i++) {
      const objectos::Status status = engine.status();
      if (status.last_error_code == code && status.failures >= 3) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  CHECK(failed_with("3D000"));
  CHECK(engine.status().last_error_class == "usage");
  CHECK(engine.status().phase != objectos::Phase::stopped);
  rename_database(world.server, false);
  CHECK(engine.wait_until_synced(std::chrono::seconds(20)));
}
