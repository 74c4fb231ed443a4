// doctor: both ends looked over; each thing that can be wrong is found, named, and has a way out.
#include "doctest/doctest.h"
#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

bool says(const std::string& output, const std::string& part) {
  return output.find(part) != std::string::npos;
}

struct World : Synced {
  World() {
    server.exec(
        "CREATE TABLE contacts (id text PRIMARY KEY, name text); INSERT INTO contacts VALUES ('1', "
        "'A.'); SELECT sync_enable('contacts')");
    REQUIRE(clone().code == 0);
  }
  Ended doctor(const std::string& more = {}) { return command("doctor " + file + more); }
};

}  // namespace

TEST_CASE("doctor has nothing to complain of when all is well") {
  World world;
  REQUIRE(world.sync().code == 0);
  const Ended ended = world.doctor();
  CHECK(ended.code == 0);
  CHECK(!says(ended.output, "problem"));
  CHECK(says(ended.output, "is a replica"));
  CHECK(says(ended.output, "The server answers"));
  CHECK(says(ended.output, "finds nothing to mend"));
}

TEST_CASE("doctor changes nothing, whatever it looks at") {
  World world;
  local(world.phone, "UPDATE contacts SET name = 'Ada'");
  const std::string before = shell("md5sum < " + world.file).output;
  CHECK(world.doctor().code == 0);
  CHECK(shell("md5sum < " + world.file).output == before);
  CHECK(local(world.phone, "SELECT state FROM _mutations") == "pending");
}

TEST_CASE("doctor finds a row that was written past the triggers") {
  World world;
  local(world.phone, "UPDATE contacts SET name = 'Ada'");
  local(world.phone,
        "INSERT INTO _applying VALUES('x'); UPDATE contacts SET name = 'Eve'; DELETE FROM "
        "_applying");
  const Ended ended = world.doctor();
  CHECK(ended.code == 5);
  CHECK(says(ended.output, "differ"));
  CHECK(says(ended.output, "contacts 1"));
}

TEST_CASE("doctor finds edits that wait for days") {
  World world;
  local(world.phone, "UPDATE contacts SET name = 'Ada'");
  CHECK(says(world.doctor().output, "1 edit not sent yet"));
  local(world.phone, "UPDATE _mutations SET timestamp = '2020-01-01T00:00:00.000Z'");
  const Ended ended = world.doctor();
  CHECK(ended.code == 5);
  CHECK(says(ended.output, "not sent, the oldest for"));
}

TEST_CASE("doctor says why the server cannot be reached, and keeps the password to itself") {
  World world;
  const Ended ended = world.doctor(" --server 'host=/nonexistent password=geheim'");
  CHECK(ended.code == 2);
  CHECK(says(ended.output, "problem  server"));
  CHECK(!says(ended.output, "geheim"));
}

TEST_CASE("doctor passes on what the server's own status complains of") {
  World world;
  world.server.exec("ALTER TABLE contacts DISABLE TRIGGER ALL");
  const Ended ended = world.doctor();
  CHECK(ended.code == 2);
  CHECK(says(ended.output, "triggers are missing or disabled on contacts"));
}

TEST_CASE("doctor is content when this user may not ask for the server's status") {
  World world;
  const std::string role = "doctor_reader_" + std::to_string(getpid());
  world.server.exec("CREATE ROLE " + role + " LOGIN; SELECT sync_grant('" + role + "')");
  world.server.exec("GRANT SELECT ON contacts TO " + role);
  std::string conninfo = world.server.conninfo();
  conninfo.replace(conninfo.find("user="),
                   std::string("user=").size() + std::string(getenv("PGUSER")).size(),
                   "user=" + role);
  const std::string phone = world.directory.file("reader.db");
  CHECK(command("clone " + shell_quoted(conninfo) + " " + shell_quoted(phone)).code == 0);
  const Ended ended = command("doctor " + shell_quoted(phone));
  CHECK(ended.code == 0);
  CHECK(says(ended.output, "may not ask the server"));
  world.server.exec("DROP OWNED BY " + role);
  world.server.exec("DROP ROLE " + role);
}

TEST_CASE("doctor knows a server that was restored") {
  World world;
  world.server.exec("SELECT sync_new_epoch()");
  const Ended ended = world.doctor();
  CHECK(says(ended.output, "new history"));
}

TEST_CASE("doctor names a file that is none, and one that is damaged") {
  World world;
  const Ended none = command("doctor " + shell_quoted(world.directory.file("none.db")));
  CHECK(none.code == 5);
  CHECK(says(none.output, "There is no") + says(none.output, "there is no") > 0);

  // The middle of the file, overwritten.
  local(world.phone,
        "CREATE TABLE app(id INTEGER PRIMARY KEY, text TEXT); WITH RECURSIVE n(i) AS (SELECT 1 "
        "UNION ALL SELECT i+1 FROM n WHERE i<2000) INSERT INTO app SELECT i, hex(randomblob(50)) "
        "FROM n; PRAGMA wal_checkpoint(TRUNCATE)");
  CHECK(shell("dd if=/dev/urandom of=" + world.file +
              " bs=4096 seek=40 count=4 conv=notrunc status=none")
            .code == 0);
  const Ended damaged = world.doctor();
  CHECK(damaged.code == 5);
  CHECK(says(damaged.output, "damaged"));
}

TEST_CASE("doctor speaks JSON") {
  World world;
  const Ended ended = world.doctor(" --json");
  CHECK(ended.code == 0);
  CHECK(ended.output[0] == '[');
  CHECK(says(ended.output, "\"check\":\"reach\",\"state\":\"ok\""));
}

TEST_CASE("doctor tells of the app's triggers on synced tables, and of those that do not fit") {
  World world;
  CHECK(!says(world.doctor().output, "Triggers of yours"));
  local(world.phone,
        "CREATE TABLE heard(id); CREATE TRIGGER search AFTER INSERT ON contacts BEGIN INSERT INTO "
        "heard VALUES (NEW.id); END; CREATE TRIGGER mine AFTER INSERT ON CONTACTS WHEN NOT EXISTS "
        "(SELECT 1 FROM _applying) BEGIN INSERT INTO heard VALUES (NEW.id); END");
  const Ended ended = world.doctor();
  CHECK(ended.code == 0);
  CHECK(says(ended.output, "fire for the rows that a sync applies, too: search."));
  CHECK(says(ended.output, "WHEN NOT EXISTS (SELECT 1 FROM _applying)"));
  CHECK(says(ended.output, "from being applied beside the table: mine, search."));
  local(world.phone,
        "INSERT INTO _lost_statements(name, object, sql, reason) VALUES ('by_city', 'contacts', "
        "'CREATE INDEX …', 'no such "
        "column: city')");
  CHECK(says(world.doctor().output, "by_city on contacts no longer fits: no such column: city."));
}
