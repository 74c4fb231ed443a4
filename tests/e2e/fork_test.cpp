// Forks: two files of one client. A copied file, a phone restored from a backup, a server that
// moved. Invariant: every edit takes effect once, whichever file it is in; what nobody can tell is
// set aside, visibly. `n` is a counter, so an edit that were applied twice shows.
#include <doctest/doctest.h>

#include <csignal>

#include "objectos/sync_engine.h"
#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

const std::vector<std::string> kColumns = {"id", "n"};

struct Forked : Synced {
  Forked() {
    server.exec("CREATE TABLE items (id text PRIMARY KEY, n int)");
    server.exec("SELECT sync_enable('items', 'merge', '{\"n\": \"counter\"}')");
    server.exec("INSERT INTO items VALUES ('sum', 0)");
    const Ended made = clone();
    REQUIRE_MESSAGE(made.code == 0, made.output);
  }
  // As cp does it while nobody writes.
  std::string copy(const std::string& from, const std::string& name) {
    local(from, "PRAGMA wal_checkpoint(TRUNCATE)");
    const std::string to = directory.file(name);
    for (const char* beside : {"-wal", "-shm"}) std::filesystem::remove(to + beside);
    std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
    return to;
  }
  static void add(const std::string& path, int amount) {
    local(path, "UPDATE items SET n = n + " + std::to_string(amount) + " WHERE id = 'sum'");
  }
  static Ended sync_file(const std::string& path, const std::string& fault = {}) {
    return command("sync " + shell_quoted(path), fault);
  }
  static void must_sync(const std::string& path) {
    const Ended ended = sync_file(path);
    CHECK_MESSAGE(ended.code == 0, ended.output);
  }
  std::string sum() { return server.exec("SELECT n FROM items WHERE id = 'sum'"); }
  static std::string client_of(const std::string& path) {
    return local(path, "SELECT client_id FROM _sync_state");
  }
  static std::string set_aside(const std::string& path) {
    return local(path,
                 "SELECT coalesce(group_concat(reason || ' ' || data, '; '), '') FROM (SELECT "
                 "* FROM _rejections ORDER BY client_sequence)");
  }
  void check_end(const std::vector<std::string>& files) {
    for (int round = 0; round < 2; ++round)
      for (const std::string& path : files) must_sync(path);
    for (const std::string& path : files) {
      CAPTURE(path);
      CHECK(local_rows(path, "items", kColumns) == server_rows(server, "items", kColumns));
      CHECK(broken_records(path) == "");
      CHECK(leftovers(path, "items") == kNoLeftovers);
    }
  }
};

}  // namespace

TEST_CASE("a copied file and its original both keep working, and each edit takes effect once") {
  Forked world;
  Forked::add(world.phone, 1);  // unsent when the file is copied: both hold it
  const std::string laptop = world.copy(world.phone, "laptop.db");
  Forked::add(world.phone, 10);
  local(laptop, "INSERT INTO items (id, n) VALUES ('laptop', 5)");
  Forked::add(laptop, 100);
  Forked::must_sync(world.phone);
  Forked::must_sync(laptop);
  CHECK(Forked::client_of(laptop) != Forked::client_of(world.phone));
  Forked::add(world.phone, 1000);
  Forked::add(laptop, 10000);
  world.check_end({world.phone, laptop});
  CHECK(world.sum() == "11111");
  CHECK(world.server.exec("SELECT count(*) FROM items") == "2");
  CHECK(Forked::set_aside(laptop) == "");
}

TEST_CASE("a copy without edits of its own is told apart before its first push") {
  Forked world;
  const std::string laptop = world.copy(world.phone, "laptop.db");
  Forked::add(world.phone, 1);
  Forked::must_sync(world.phone);
  const Ended synced = Forked::sync_file(laptop);
  CHECK(synced.code == 0);
  CHECK(synced.output.find("new identity") != std::string::npos);
  CHECK(local(laptop, "SELECT n FROM items") == "1");
  Forked::add(laptop, 10);
  world.check_end({world.phone, laptop});
  CHECK(world.sum() == "11");
}

TEST_CASE("a phone restored from a backup gets back what it forgot and sends only what is new") {
  Forked world;
  Forked::add(world.phone, 1);
  const std::string backup = world.copy(world.phone, "backup.db");
  Forked::add(world.phone, 10);
  world.check_end({world.phone});
  Forked::add(world.phone, 100);
  Forked::must_sync(world.phone);
  world.copy(backup, "phone.db");
  Forked::add(world.phone, 1000);
  world.check_end({world.phone});
  CHECK(world.sum() == "1111");
  CHECK(Forked::set_aside(world.phone) == "");
}

TEST_CASE("a backup of a phone that waited for an answer is told what became of the edit") {
  for (const char* point : {"push_before_send", "push_answered"}) {
    CAPTURE(point);
    Forked world;
    Forked::add(world.phone, 1);
    CHECK(world.sync(point).signal == SIGKILL);
    const std::string backup = world.copy(world.phone, "backup.db");
    Forked::add(world.phone, 10);
    world.check_end({world.phone});
    world.copy(backup, "phone.db");
    Forked::add(world.phone, 100);
    world.check_end({world.phone});
    CHECK(world.sum() == "111");
    CHECK(Forked::set_aside(world.phone) == "");
  }
}

TEST_CASE("an edit whose fate the server has forgotten is set aside and not sent again") {
  Forked world;
  Forked::add(world.phone, 1);
  const std::string backup = world.copy(world.phone, "backup.db");
  Forked::add(world.phone, 10);
  world.check_end({world.phone});
  // As if pruned: verdicts are gone since they were confirmed.
  world.server.exec("DELETE FROM objectos_sync.mutations WHERE client_sequence IS NOT NULL");
  world.copy(backup, "phone.db");
  Forked::add(world.phone, 100);
  objectos::Options options;
  options.database = world.phone;
  {
    objectos::SyncEngine engine(options);
    std::string heard;
    auto token = engine.on_rejection(
        [&](const objectos::RejectedMutation& rejected) { heard += rejected.reason + " "; });
    const objectos::SyncResult result = engine.sync_now();
    CHECK(result.forked);
    CHECK(result.set_aside == 2);
    CHECK(engine.drain(std::chrono::seconds(20)));
    CHECK(heard == "fork_unknown fork_unknown ");
    CHECK(engine.rejections().size() == 2);
  }
  // The second number, 2, was the lost phone's: of the edit under it nobody can tell either.
  CHECK(Forked::set_aside(world.phone) == "fork_unknown {\"n\":1}; fork_unknown {\"n\":101}");
  Forked::add(world.phone, 1000);
  world.check_end({world.phone});
  CHECK(world.sum() == "1011");
}

TEST_CASE("of three copies that hold one unsent edit, one sends it and the others set it aside") {
  Forked world;
  const std::string old_copy = world.copy(world.phone, "old.db");
  Forked::add(world.phone, 1);
  const std::string twin = world.copy(world.phone, "twin.db");
  Forked::add(old_copy, 10);
  Forked::must_sync(old_copy);  // it takes the number: both others are forks now
  Forked::must_sync(world.phone);
  Forked::must_sync(twin);
  CHECK(Forked::set_aside(world.phone) == "");
  CHECK(Forked::set_aside(twin) == "fork_moved {\"n\":1}");
  for (const std::string& path : {old_copy, world.phone, twin}) Forked::add(path, 100);
  world.check_end({old_copy, world.phone, twin});
  CHECK(world.sum() == "311");
}

TEST_CASE("killed anywhere in a change of identity, the file still sends each edit once") {
  std::set<std::string> points;
  for (const std::string& point : fault_points("client/src", "fault_point"))
    if (point.rfind("fork.", 0) == 0) points.insert(point);
  CHECK(points.size() == 4);
  for (const std::string& point : points) {
    CAPTURE(point);
    Forked world;
    Forked::add(world.phone, 1);
    const std::string laptop = world.copy(world.phone, "laptop.db");
    Forked::add(world.phone, 10);
    Forked::must_sync(world.phone);
    Forked::add(laptop, 100);
    local(laptop, "INSERT INTO items (id, n) VALUES ('laptop', 5)");
    CHECK(Forked::sync_file(laptop, point).signal == SIGKILL);
    CHECK(broken_records(laptop) == "");
    world.check_end({laptop, world.phone});
    CHECK(world.sum() == "111");
    CHECK(Forked::set_aside(laptop) == "");
  }
}

TEST_CASE("under row security a copy forgets what it may no longer see, under its new name, too") {
  Forked world;
  world.server.exec("CREATE TABLE secrets (id int PRIMARY KEY, owner text)");
  world.server.exec("SELECT sync_enable('secrets')");
  world.server.exec("INSERT INTO secrets SELECT i, 'all' FROM generate_series(1, 4) i");
  world.server.exec(
      "ALTER TABLE secrets ENABLE ROW LEVEL SECURITY; ALTER TABLE secrets FORCE ROW "
      "LEVEL SECURITY; CREATE POLICY p ON secrets USING (owner = 'all')");
  const std::string role = world.server.exec("SELECT 'fork_' || pg_backend_pid()");
  world.server.exec("CREATE ROLE " + role + " LOGIN; GRANT SELECT, UPDATE ON secrets, items TO " +
                    role + "; SELECT sync_grant('" + role + "')");
  const std::string conninfo =
      std::regex_replace(world.server.conninfo(), std::regex("user=\\S+"), "user=" + role);
  const std::string hers = world.directory.file("hers.db");
  const Ended made = command("clone " + shell_quoted(conninfo) + " " + shell_quoted(hers));
  REQUIRE_MESSAGE(made.code == 0, made.output);
  CHECK(local(hers, "SELECT count(*) FROM secrets") == "4");
  const std::string copy = world.copy(hers, "copy.db");
  Forked::add(hers, 1);
  Forked::must_sync(hers);
  Forked::must_sync(copy);
  world.server.exec("UPDATE secrets SET owner = 'nobody' WHERE id = 1");
  Forked::must_sync(hers);
  Forked::must_sync(copy);
  CHECK(local(hers, "SELECT count(*) FROM secrets") == "3");
  CHECK(local(copy, "SELECT count(*) FROM secrets") == "3");
  world.server.exec("DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_CASE("a server that moved to another address is followed; nothing is read anew") {
  Forked world;
  Forked::add(world.phone, 1);
  const std::string elsewhere = world.server.conninfo() + " port=5432 application_name=moved";
  objectos::Options options;
  options.database = world.phone;
  options.server = elsewhere;
  objectos::SyncResult result = objectos::SyncEngine(options).sync_now();
  CHECK(!result.resynced);
  CHECK(result.verdicts.size() == 1);
  CHECK(local(world.phone, "SELECT server LIKE '%moved%' FROM _sync_state") == "1");
  Forked::add(world.phone, 10);
  world.check_end({world.phone});
  CHECK(world.sum() == "11");
}

TEST_CASE("a server restored to another history keeps the queue's work and takes it once") {
  Forked world;
  Forked::add(world.phone, 1);
  Forked::must_sync(world.phone);
  Forked::add(world.phone, 10);
  const std::string laptop = world.copy(world.phone, "laptop.db");
  Forked::add(laptop, 100);
  world.server.exec("SELECT sync_new_epoch()");
  Forked::add(world.phone, 1000);
  const Ended synced = world.sync();
  CHECK(synced.code == 0);
  CHECK(synced.output.find("read anew") != std::string::npos);
  Forked::must_sync(laptop);
  world.check_end({world.phone, laptop});
  CHECK(world.sum() == "1111");
}
