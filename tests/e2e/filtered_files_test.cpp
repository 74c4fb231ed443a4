// Files that subscribe to some objects and some of their records: whatever happens, the file holds
// what SELECT with the filter gives that user.
#include <doctest/doctest.h>

#include "objectos/sync_engine.h"
#include "tests/e2e/replica.h"
#include "tests/e2e/support.h"

using namespace e2e;

namespace {

const char* const kMine = R"({"objects": ["contacts"], "filters": {"contacts": {"owner": "ada"}}})";
const std::vector<std::string> kColumns = {"id", "name", "owner"};

struct Filtered : Synced {
  Filtered() {
    server.exec("CREATE TABLE contacts (id text PRIMARY KEY, name text, owner text, stage text)");
    server.exec("CREATE TABLE notes (id text PRIMARY KEY, body text)");
    server.exec("SELECT sync_enable('contacts'), sync_enable('notes')");
    server.exec(
        "INSERT INTO contacts SELECT 'c' || i, 'n' || i, CASE WHEN i <= 3 THEN 'ada' ELSE 'bob' END"
        " FROM generate_series(1, 6) i");
    server.exec("INSERT INTO notes VALUES ('n1', 'note')");
  }
  Ended subscribe(const std::string& json, const std::string& fault = {}) {
    return command("subscribe " + file + " " + shell_quoted(json), fault);
  }
  Ended verify() { return command("verify " + file); }
  std::string ids() {
    return local(phone, "SELECT group_concat(id, ' ') FROM (SELECT id FROM contacts ORDER BY id)");
  }
  // The file against SELECT with the filter.
  void check_holds(const std::string& condition) {
    CAPTURE(condition);
    CHECK(local_rows(phone, "contacts", kColumns) ==
          server_rows(server, "contacts WHERE " + condition, kColumns));
    CHECK(broken_records(phone) == "");
    const Ended compared = verify();
    CHECK_MESSAGE(compared.code == 0, compared.output);
    CHECK(leftovers(phone, "contacts") == kNoLeftovers);
  }
  std::string tables() {
    return local(phone,
                 "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_master WHERE "
                 "type = 'table' AND name IN ('contacts', 'notes') ORDER BY name)");
  }
};

void check_done(const Ended& ended) {
  CHECK_MESSAGE(ended.code == 0, ended.output);
}

}  // namespace

TEST_CASE("a file subscribes, its records come and go, and it can have everything again") {
  Filtered world;
  check_done(world.clone());
  CHECK(command("subscribe " + world.file).output == "everything\n");
  check_done(world.subscribe(kMine));
  CHECK(world.ids() == "c1 c2 c3");
  CHECK(world.tables() == "contacts");
  world.check_holds("owner = 'ada'");
  CHECK(command("subscribe " + world.file).output.find("\"owner\":\"ada\"") != std::string::npos);
  CHECK(command("subscribe --json " + world.file).output.find("{\"subscription\":{\"filters\"") ==
        0);

  // Leaves, arrives, leaves and comes back, changes its key, is deleted; all in one round.
  world.server.exec("UPDATE contacts SET owner = 'bob' WHERE id = 'c1'");
  world.server.exec("UPDATE contacts SET owner = 'ada', name = 'given' WHERE id = 'c4'");
  world.server.exec("UPDATE contacts SET owner = 'bob' WHERE id = 'c2'");
  world.server.exec("UPDATE contacts SET owner = 'ada', stage = 'back' WHERE id = 'c2'");
  world.server.exec("UPDATE contacts SET id = 'k3' WHERE id = 'c3'");
  world.server.exec("DELETE FROM contacts WHERE id = 'c5'");
  world.server.exec("INSERT INTO contacts VALUES ('c7', 'n7', 'ada'), ('c8', 'n8', 'bob')");
  check_done(command("sync --frames on " + world.file));
  CHECK(world.ids() == "c2 c4 c7 k3");
  world.check_holds("owner = 'ada'");

  check_done(command("subscribe --clear " + world.file));
  CHECK(world.tables() == "contacts notes");
  CHECK(local(world.phone, "SELECT body FROM notes") == "note");
  world.check_holds("true");
}

TEST_CASE("a clone subscribes from its first byte on") {
  Filtered world;
  const std::string said = world.directory.file("wanted.json");
  shell("printf '%s' " +
        shell_quoted(R"({"objects":["contacts"],"filters":{"contacts":)"
                     R"("owner = 'ada' AND id <> 'c2'"}})") +
        " > " + shell_quoted(said));
  const std::string from = "clone " + shell_quoted(world.server.conninfo()) + " " + world.file;
  CHECK(command(from + " --subscribe '{'").code == 1);
  CHECK(command(from + " --subscribe @/nowhere").code == 1);
  CHECK(command(from + " --subscribe '{\"objects\":[\"nothing\"]}'").code == 1);
  check_done(command(from + " --subscribe @" + shell_quoted(said)));
  CHECK(world.ids() == "c1 c3");
  CHECK(world.tables() == "contacts");
  world.check_holds("owner = 'ada' AND id <> 'c2'");
}

TEST_CASE("what the server refuses changes nothing, here or there") {
  Filtered world;
  check_done(world.clone());
  check_done(world.subscribe(kMine));
  for (const char* bad : {"{", "[]", R"({"objects":["nothing"]})",
                          R"({"objects":["contacts"],"filters":{"contacts":{"nothing":1}}})",
                          R"({"objects":["contacts"],"filters":{"contacts":"owner ="}})"}) {
    CAPTURE(bad);
    const Ended refused = world.subscribe(bad);
    CHECK_MESSAGE(refused.code == 1, refused.output);
    CHECK_MESSAGE(refused.output.find("OS0") != std::string::npos, refused.output);
    CHECK(command("subscribe " + world.file).output.find("ada") != std::string::npos);
  }
  check_done(world.sync());
  world.check_holds("owner = 'ada'");
}

TEST_CASE("edits of records that leave the filter are sent, and reach the server") {
  Filtered world;
  check_done(world.clone());
  local(world.phone,
        "UPDATE contacts SET name = 'edited' WHERE id IN ('c1', 'c4');"
        "INSERT INTO contacts (id, name, owner) VALUES ('new', 'new', 'bob');"
        "UPDATE notes SET body = 'edited'");
  check_done(world.subscribe(kMine));
  CHECK(local(world.phone, "SELECT count(*) FROM _mutations") == "4");
  CHECK(local(world.phone, "SELECT name FROM contacts WHERE id = 'c1'") == "edited");
  check_done(world.sync());
  CHECK(world.server.exec("SELECT string_agg(name, ' ' ORDER BY id) FROM contacts WHERE id IN "
                          "('c1', 'c4', 'new')") == "edited edited new");
  CHECK(world.server.exec("SELECT body FROM notes") == "edited");
  check_done(world.sync());
  world.check_holds("owner = 'ada'");

  // One that takes its own record out of the filter.
  local(world.phone, "UPDATE contacts SET owner = 'bob' WHERE id = 'c1'");
  check_done(world.sync());
  check_done(world.sync());
  CHECK(world.server.exec("SELECT owner FROM contacts WHERE id = 'c1'") == "bob");
  world.check_holds("owner = 'ada'");

  // One that the server takes out while an edit of it waits.
  local(world.phone, "UPDATE contacts SET name = 'late' WHERE id = 'c2'");
  world.server.exec("UPDATE contacts SET owner = 'bob' WHERE id = 'c2'");
  check_done(command("pull " + world.file));
  CHECK(local(world.phone, "SELECT count(*) FROM _mutations") == "1");
  check_done(world.sync());
  check_done(world.sync());
  CHECK(world.server.exec("SELECT name FROM contacts WHERE id = 'c2'") == "late");
  world.check_holds("owner = 'ada'");
}

TEST_CASE("an unsent edit that brings a record into a filter brings it into the file, too") {
  Filtered world;
  check_done(world.clone());
  local(world.phone, "UPDATE contacts SET owner = 'ada' WHERE id = 'c5'");
  // The server still has it as bob's: it leaves the file, and the edit waits.
  check_done(world.subscribe(kMine));
  CHECK(world.ids() == "c1 c2 c3");
  check_done(world.sync());
  CHECK(world.ids() == "c1 c2 c3 c5");
  world.check_holds("owner = 'ada'");
}

TEST_CASE("a listener hears that a record left, and that it is not deleted") {
  Filtered world;
  check_done(world.clone());
  check_done(world.subscribe(kMine));
  objectos::SyncEngine engine({.database = world.phone, .delivery = objectos::Delivery::poll});
  std::string told;
  auto token = engine.on_change("contacts", [&](const objectos::Change& change) {
    told += change.operation + " " + change.record_id + "; ";
  });
  world.server.exec("UPDATE contacts SET owner = 'bob' WHERE id = 'c1'");
  world.server.exec("DELETE FROM contacts WHERE id = 'c2'");
  engine.sync_now();
  engine.drain(std::chrono::seconds(10));
  CHECK(told == "removed c1; delete c2; ");
}

TEST_CASE("a crash on the way to a subscription ends with it") {
  for (const char* point : {"subscription.sent", "round_begun", "store.round.before_commit"}) {
    CAPTURE(point);
    Filtered world;
    check_done(world.clone());
    CHECK(world.subscribe(kMine, point).signal == SIGKILL);
    check_done(world.sync());
    CHECK(world.ids() == "c1 c2 c3");
    CHECK(world.tables() == "contacts");
    world.check_holds("owner = 'ada'");
  }
}

TEST_CASE("a server that forgot the client, and a copied file, are told the subscription again") {
  Filtered world;
  check_done(world.clone());
  check_done(world.subscribe(kMine));
  world.server.exec("SELECT sync_forget_client(client_id) FROM sync_clients()");
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.subscriptions") == "0");
  world.server.exec("UPDATE contacts SET name = 'other' WHERE owner = 'bob'");
  check_done(world.sync());
  world.check_holds("owner = 'ada'");

  const std::string copy = world.directory.file("copy.db");
  shell("cp " + world.file + " " + shell_quoted(copy));
  local(world.phone, "UPDATE contacts SET name = 'here' WHERE id = 'c1'");
  check_done(world.sync());
  const Ended forked = command("sync " + shell_quoted(copy));
  CHECK_MESSAGE(forked.output.find("new identity") != std::string::npos, forked.output);
  CHECK(local(copy, "SELECT count(*) FROM contacts") == "3");
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.subscriptions") == "2");
}

TEST_CASE("a filter's column can be renamed; when it is dropped, sync stops and the queue waits") {
  Filtered world;
  check_done(world.clone());
  check_done(world.subscribe(kMine));
  world.server.exec("ALTER TABLE contacts RENAME owner TO keeper");
  check_done(world.sync());
  CHECK(local(world.phone, "SELECT count(*) FROM contacts WHERE keeper = 'ada'") == "3");
  world.server.exec("ALTER TABLE contacts DROP COLUMN keeper");
  local(world.phone, "UPDATE contacts SET name = 'offline' WHERE id = 'c1'");
  const Ended stopped = world.sync();
  CHECK_MESSAGE(stopped.code == 1, stopped.output);
  CHECK_MESSAGE(stopped.output.find("OS019") != std::string::npos, stopped.output);
  CHECK(world.ids() == "c1 c2 c3");
  check_done(
      world.subscribe(R"({"objects":["contacts"],"filters":{"contacts":{"id":["c1","c6"]}}})"));
  CHECK(world.ids() == "c1 c6");
  check_done(world.sync());
  CHECK(world.server.exec("SELECT name FROM contacts WHERE id = 'c1'") == "offline");
}

TEST_CASE("under row-level security a file holds what both the policy and the filter let through") {
  Filtered world;
  const std::string role = "filtered_" + std::to_string(getpid());
  world.server.exec("CREATE ROLE " + role + " LOGIN");
  world.server.exec("GRANT ALL ON contacts, notes TO " + role);
  world.server.exec("SELECT sync_grant('" + role + "')");
  world.server.exec("ALTER TABLE contacts ENABLE ROW LEVEL SECURITY");
  world.server.exec("CREATE POLICY open ON contacts USING (stage IS NULL)");
  objectos::SyncEngine engine(
      {.database = world.phone,
       .server = world.server.conninfo() + " user=" + role,
       .subscription = R"({"objects":["contacts"],"filters":{"contacts":"owner = $user"}})"});
  world.server.exec("UPDATE contacts SET owner = '" + role + "' WHERE id < 'c5'");
  engine.clone();
  CHECK(world.ids() == "c1 c2 c3 c4");
  world.server.exec("UPDATE contacts SET stage = 'hidden' WHERE id IN ('c1', 'c6')");
  world.server.exec("UPDATE contacts SET owner = 'bob' WHERE id = 'c2'");
  world.server.exec("UPDATE contacts SET owner = '" + role + "' WHERE id = 'c5'");
  engine.sync_now();
  CHECK(world.ids() == "c3 c4 c5");
  CHECK(engine.verify().differences == 0);
  CHECK(engine.subscription().find("$user") != std::string::npos);
  engine.stop();
  world.server.exec("DROP OWNED BY " + role);
  world.server.exec("DROP ROLE " + role);
}
