// A real PgBouncer between devices and server, in transaction mode, with one server connection for
// everybody: each transaction of each user goes over the same backend.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>

#include <chrono>
#include <functional>
#include <thread>

#include "objectos/error.h"
#include "tests/e2e/signed_world.h"

using namespace e2e;
using namespace objectos;

namespace {

class Pooler {
 public:
  explicit Pooler(const SignedWorld& world) {
    std::filesystem::permissions(directory_.file("."), std::filesystem::perms::all);
    const std::string config = directory_.file("pgbouncer.ini");
    const char* port = std::getenv("PGPORT");
    std::ofstream(config) << "[databases]\n* = host=" << std::getenv("PGHOST")
                          << " port=" << (port != nullptr ? port : "5432") << " user=" << world.role
                          << "\n[pgbouncer]\npool_mode = transaction\ndefault_pool_size = 1\n"
                             "auth_type = any\nlisten_port = 6432\nlisten_addr = "
                          << address_ << "\nunix_socket_dir = " << directory_.file("") << "\n";
    pid_ = fork();
    if (pid_ == 0) {
      const int nowhere = open(directory_.file("log").c_str(), O_WRONLY | O_CREAT, 0644);
      dup2(nowhere, 1);
      dup2(nowhere, 2);
      if (geteuid() == 0) {  // it does not run as root
        execlp("pgbouncer", "pgbouncer", "-u", "postgres", config.c_str(), nullptr);
      } else {
        execlp("pgbouncer", "pgbouncer", config.c_str(), nullptr);
      }
      _exit(127);
    }
    for (int tries = 0; tries < 100; ++tries) {
      if (std::filesystem::exists(directory_.file(".s.PGSQL.6432"))) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
  ~Pooler() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  Pooler(const Pooler&) = delete;
  Pooler& operator=(const Pooler&) = delete;

  std::string conninfo(const SignedWorld& world) const {
    std::string text = world.conninfo();
    const std::string host = std::string("host=") + std::getenv("PGHOST");
    text.replace(text.find(host), host.size(), "host=" + directory_.file(""));
    return text + " port=6432";
  }
  // Over TCP.
  std::string conninfo_by_network(const SignedWorld& world) const {
    return conninfo(world) + " hostaddr=" + address_;
  }

 private:
  Directory directory_;
  // Nobody else's: each loopback address is a host of its own.
  const std::string address_ = "127." + std::to_string(1 + getpid() / 250 % 250) + "." +
                               std::to_string(1 + getpid() % 250) + ".2";
  pid_t pid_ = -1;
};

std::string ids(const std::string& file) {
  return local(file,
               "SELECT coalesce(group_concat(id), '') FROM (SELECT id FROM diary ORDER BY id)");
}

}  // namespace

TEST_CASE("behind a pooler in transaction mode nobody inherits another user's login") {
  SignedWorld world;
  Pooler pooler(world);
  PGconn* beside = PQconnectdb(pooler.conninfo(world).c_str());
  REQUIRE_MESSAGE(PQstatus(beside) == CONNECTION_OK, PQerrorMessage(beside));
  // Who has no login is the role, whatever the backend did before.
  const auto role_is_itself = [&] {
    PGresult* result = PQexec(beside,
                              "SELECT sync_user_id() || ':' || (SELECT count(*) FROM diary) "
                              "|| current_setting('objectos_sync.session_token', true)");
    const std::string text =
        PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : PQresultErrorMessage(result);
    PQclear(result);
    return text == world.role + ":0" ? std::string("yes") : text;
  };
  const auto backend = [&] {
    PGresult* result = PQexec(beside, "SELECT pg_backend_pid()");
    const std::string text = PQgetvalue(result, 0, 0);
    PQclear(result);
    return text;
  };
  const std::string pid = backend();
  for (const Frames frames : {Frames::off, Frames::on}) {
    const std::string suffix = frames == Frames::on ? "_framed" : "_rows";
    Options of_ada = world.options("ada" + suffix, world.key_file("ada").first);
    Options of_bob = world.options("bob" + suffix, world.key_file("bob").first);
    of_ada.server = of_bob.server = pooler.conninfo(world);
    of_ada.frames = of_bob.frames = frames;
    SyncEngine ada(of_ada), bob(of_bob);
    ada.clone();
    CHECK(role_is_itself() == "yes");
    bob.clone();
    for (int round = 0; round < 3; ++round) {
      const std::string id = suffix + std::to_string(round);
      local(of_ada.database, "INSERT INTO diary (id, owner) VALUES ('a" + id + "', 'ada')");
      local(of_bob.database, "INSERT INTO diary (id, owner) VALUES ('b" + id + "', 'bob')");
      CHECK(ada.sync_now().verdicts.at(0).status == "applied");
      CHECK(role_is_itself() == "yes");
      CHECK(bob.sync_now().verdicts.at(0).status == "applied");
      CHECK(role_is_itself() == "yes");
      CHECK(ada.verify({}).objects.size() == 1);
      CHECK(bob.log("diary", "b" + id).size() == 1);
      CHECK(role_is_itself() == "yes");
    }
    CHECK(
        ids(of_ada.database) ==
        world.server.exec("SELECT string_agg(id, ',' ORDER BY id) FROM diary WHERE owner = 'ada'"));
    CHECK(
        ids(of_bob.database) ==
        world.server.exec("SELECT string_agg(id, ',' ORDER BY id) FROM diary WHERE owner = 'bob'"));
  }
  CHECK(backend() == pid);  // it was one backend all the time
  CHECK(world.server.exec("SELECT count(*) FROM diary WHERE owner <> _modified_by") == "0");
  PQfinish(beside);
}

// LISTEN on a backend that is somebody else's the next moment: nothing of it comes back.
TEST_CASE("behind a pooler a live engine knows that it hears of nothing, and asks") {
  SignedWorld world;
  Pooler pooler(world);
  Options options = world.options("phone", world.key_file("ada").first);
  options.server = pooler.conninfo(world);
  options.timing.live_poll_interval = std::chrono::milliseconds(50);
  SyncEngine engine(options);
  engine.clone();
  engine.start();
  REQUIRE(engine.wait_until_synced(std::chrono::seconds(20)));
  const auto comes_true = [](const std::function<bool()>& condition) {
    for (int i = 0; i < 2'000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  CHECK(comes_true([&] { return engine.status().live == Live::polling; }));
  CHECK(engine.status().live_reason.find("pooler") != std::string::npos);
  world.server.exec("INSERT INTO diary (id, owner) VALUES ('by psql', 'ada')");
  CHECK(comes_true([&] { return ids(options.database) == "by psql"; }));
  local(options.database, "INSERT INTO diary (id, owner) VALUES ('mine', 'ada')");
  CHECK(comes_true(
      [&] { return world.server.exec("SELECT count(*) FROM diary WHERE id = 'mine'") == "1"; }));
}

TEST_CASE("behind a pooler a live engine leaves nothing in a session that is others' next") {
  SignedWorld world;
  Pooler pooler(world);
  Options options = world.options("phone", world.key_file("ada").first);
  options.server = pooler.conninfo_by_network(world);
  SyncEngine engine(options);
  engine.clone();
  PGconn* beside = PQconnectdb(pooler.conninfo(world).c_str());
  const auto said = [&] {
    PGresult* result = PQexec(beside,
                              "SELECT pg_backend_pid(), (SELECT string_agg(name || '=' || setting,"
                              " ',' ORDER BY name) FROM pg_settings WHERE source = 'session'),"
                              " (SELECT count(*) FROM pg_prepared_statements)");
    REQUIRE_MESSAGE(PQntuples(result) == 1, PQresultErrorMessage(result));
    std::string text;
    for (int column = 0; column < 3; ++column)
      text += std::string(PQgetvalue(result, 0, column)) + " ";
    PQclear(result);
    return text;
  };
  const std::string before = said();
  engine.start();
  REQUIRE(engine.wait_until_synced(std::chrono::seconds(20)));
  CHECK(said() == before);
  engine.stop();
  PQfinish(beside);
}

TEST_CASE("in signed mode a live engine hears of its user's records alone") {
  SignedWorld world;
  Options options = world.options("phone", world.key_file("ada").first);
  SyncEngine engine(options);
  engine.clone();
  engine.start();
  REQUIRE(engine.wait_until_synced(std::chrono::seconds(20)));
  world.server.exec("INSERT INTO diary (id, owner) VALUES ('b', 'bob'), ('a', 'ada')");
  for (int i = 0; i < 2'000 && ids(options.database).empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(ids(options.database) == "a");
}
