// Undo and redo with a server and a second device. Race: others write between an edit and its
// undo, seen by the device or not. Invariant: others' later work stands, and what the undo left
// alone is told, by the device or by the verdict.
#include <doctest/doctest.h>

#include "objectos/sync_engine.h"
#include "tests/e2e/replica.h"

using namespace e2e;
using objectos::LeftAlone;
using objectos::SyncEngine;
using objectos::SyncResult;
using objectos::UndoResult;

namespace {

const std::vector<std::string> kColumns = {"id", "name", "email", "visits"};

// A server with contacts, and two devices that hold it.
struct Devices {
  Server server;
  Directory directory;
  std::string phone = directory.file("phone.db"), laptop = directory.file("laptop.db");
  std::unique_ptr<SyncEngine> mine, theirs;

  explicit Devices(const std::string& options = "") {
    server.exec(
        "CREATE TABLE contacts (id text PRIMARY KEY, name text, email text, visits int, "
        "made timestamptz DEFAULT now())");
    server.exec("SELECT sync_enable('contacts', fields => '{\"visits\": \"counter\"}'" + options +
                ")");
    server.exec("INSERT INTO contacts VALUES ('1', 'Ada', 'a@x', 10), ('2', 'Bob', 'b@x', 20)");
    mine = open(phone);
    theirs = open(laptop);
    mine->clone();
    theirs->clone();
  }
  std::unique_ptr<SyncEngine> open(const std::string& file) {
    return std::make_unique<SyncEngine>(
        objectos::Options{.database = file, .server = server.conninfo()});
  }
  void write(const std::string& sql) const { local(phone, sql); }
  void they_write(const std::string& sql) {
    local(laptop, sql);
    theirs->sync_now();
  }
  std::string here(const std::string& what) const {
    return local(phone, "SELECT " + what + " FROM contacts WHERE id = '1'");
  }
  std::string there(const std::string& what) {
    return server.exec("SELECT " + what + " FROM contacts WHERE id = '1'");
  }
  std::string count() { return server.exec("SELECT count(*) FROM contacts"); }
  void settle() {
    for (int round = 0; round < 2; ++round) {
      mine->sync_now();
      theirs->sync_now();
    }
    for (const std::string& file : {phone, laptop}) {
      CHECK(local_rows(file, "contacts", kColumns) == server_rows(server, "contacts", kColumns));
      CHECK(broken_records(file) == "");
      CHECK(leftovers(file, "contacts") == kNoLeftovers);
    }
  }
};

std::string left_of(const UndoResult& result) {
  std::string text;
  for (const LeftAlone& left : result.left)
    text += left.record_id + " " + left.field + ": " + left.written + ", " + left.found + "; ";
  return text;
}

std::string verdicts(const SyncResult& result) {
  std::string text;
  for (const objectos::Verdict& verdict : result.verdicts)
    text += verdict.operation + " " + verdict.status +
            (verdict.resolution.empty() ? "" : " " + verdict.resolution) + "; ";
  return text;
}

}  // namespace

TEST_CASE("an edit is undone before it was sent: both are sent, and the server is as it was") {
  Devices world;
  world.write("UPDATE contacts SET name = 'Eve' WHERE id = '1'");
  CHECK(world.mine->undo().mutations == 1);
  CHECK(world.here("name") == "Ada");
  CHECK(verdicts(world.mine->sync_now()) == "update applied; update applied; ");
  CHECK(world.there("name") == "Ada");
  CHECK(world.mine->redo().mutations == 1);
  world.settle();
  CHECK(world.there("name") == "Eve");
}

TEST_CASE("a synced edit is undone and redone, also by an app that was started again") {
  Devices world;
  world.write("UPDATE contacts SET name = 'Eve', email = 'e@x' WHERE id = '1'");
  world.mine->sync_now();
  for (int i = 0; i < 2; ++i) {
    world.mine = world.open(world.phone);
    CHECK(world.mine->undo().mutations == 1);
    CHECK(verdicts(world.mine->sync_now()) == "update applied; ");
    CHECK(world.there("name || ' ' || email") == "Ada a@x");
    world.mine = world.open(world.phone);
    CHECK(world.mine->redo().mutations == 1);
    CHECK(verdicts(world.mine->sync_now()) == "update applied; ");
    CHECK(world.there("name || ' ' || email") == "Eve e@x");
  }
  world.settle();
}

TEST_CASE("another device's later change of another field is kept") {
  Devices world;
  world.write("UPDATE contacts SET name = 'Eve' WHERE id = '1'");
  world.mine->sync_now();
  world.theirs->sync_now();
  world.they_write("UPDATE contacts SET email = 'new@x' WHERE id = '1'");
  SUBCASE("which the device has seen") {
    world.mine->sync_now();
  }
  SUBCASE("which it has not seen") {}
  CHECK(left_of(world.mine->undo()) == "");
  world.settle();
  CHECK(world.there("name || ' ' || email") == "Ada new@x");
}

TEST_CASE("another device's later change of the same field is not undone, whatever the strategy") {
  for (const std::string strategy : {"lww", "server_wins", "client_wins", "manual"})
    for (const bool seen : {true, false}) {
      CAPTURE(strategy);
      CAPTURE(seen);
      Devices world(", on_conflict => '" + strategy + "'");
      world.write("UPDATE contacts SET name = 'Eve', email = 'e@x' WHERE id = '1'");
      world.mine->sync_now();
      world.theirs->sync_now();
      world.they_write("UPDATE contacts SET name = 'Zoe' WHERE id = '1'");
      if (seen) world.mine->sync_now();
      CHECK(left_of(world.mine->undo()) == (seen ? "1 name: \"Eve\", \"Zoe\"; " : ""));
      const SyncResult result = world.mine->sync_now();
      CHECK(verdicts(result) == (seen ? "update applied; " : "update conflict server_wins; "));
      std::string detail = result.verdicts[0].detail;
      std::erase(detail, ' ');
      CHECK((detail.find("\"field\":\"name\"") != std::string::npos) == !seen);
      CHECK(detail.find("\"field\":\"email\"") == std::string::npos);
      CHECK(world.mine->conflicts().empty());
      world.settle();
      CHECK(world.there("name || ' ' || email") == "Zoe a@x");
    }
}

TEST_CASE("a counter's undo leaves what others add meanwhile, seen or not") {
  Devices world;
  world.write("UPDATE contacts SET visits = visits + 5 WHERE id = '1'");
  world.mine->sync_now();
  world.theirs->sync_now();
  world.they_write("UPDATE contacts SET visits = visits + 100 WHERE id = '1'");
  world.mine->sync_now();
  world.they_write("UPDATE contacts SET visits = visits + 1000 WHERE id = '1'");
  CHECK(left_of(world.mine->undo()) == "");
  CHECK(world.here("visits") == "110");
  world.settle();
  CHECK(world.there("visits") == "1110");
  CHECK(world.mine->redo().mutations == 1);
  world.settle();
  CHECK(world.there("visits") == "1115");
}

TEST_CASE("an insert is undone by deleting the record, defaults of the server and all") {
  Devices world;
  world.write("INSERT INTO contacts(id, name) VALUES ('3', 'Cy')");
  SUBCASE("before it was sent") {}
  SUBCASE("after it was sent, before its row came back") {
    world.mine->push_now();
  }
  SUBCASE("after it was synced") {
    world.mine->sync_now();
  }
  CHECK(left_of(world.mine->undo()) == "");
  CHECK(local(world.phone, "SELECT count(*) FROM contacts") == "2");
  world.settle();
  CHECK(world.count() == "2");
  CHECK(world.mine->redo().mutations == 1);
  world.settle();
  CHECK(world.server.exec("SELECT name FROM contacts WHERE id = '3'") == "Cy");
}

TEST_CASE("an inserted record that another device has written to stays") {
  Devices world;
  world.write("INSERT INTO contacts(id, name) VALUES ('3', 'Cy')");
  world.mine->sync_now();
  world.theirs->sync_now();
  world.they_write("UPDATE contacts SET email = 'c@x' WHERE id = '3'");
  SUBCASE("seen: nothing is queued") {
    world.mine->sync_now();
    const UndoResult result = world.mine->undo();
    CHECK(left_of(result) == "3 email: null, \"c@x\"; ");
    CHECK(result.mutations == 0);
  }
  SUBCASE("not seen: the server keeps it, and it comes back") {
    CHECK(world.mine->undo().mutations == 1);
    CHECK(verdicts(world.mine->sync_now()) == "delete conflict server_wins; ");
  }
  world.settle();
  CHECK(local(world.phone, "SELECT email FROM contacts WHERE id = '3'") == "c@x");
}

TEST_CASE("a record with children of the same group is taken back, children first") {
  Devices world;
  world.server.exec(
      "CREATE TABLE calls (id text PRIMARY KEY, contact text REFERENCES contacts, at text)");
  world.server.exec("SELECT sync_enable('calls')");
  world.mine->sync_now();
  world.mine->transaction([](objectos::Transaction& transaction) {
    transaction.execute("INSERT INTO contacts(id, name) VALUES ('3', 'Cy')");
    transaction.execute(
        "INSERT INTO calls VALUES ('c1', '3', 'noon', NULL, 0), ('c2', '3', '', NULL, 0)");
  });
  SUBCASE("synced") {
    world.mine->sync_now();
  }
  SUBCASE("not synced") {}
  CHECK(world.mine->undo().mutations == 3);
  CHECK(verdicts(world.mine->sync_now()).find("delete applied; delete applied; delete applied; ") !=
        std::string::npos);
  CHECK(world.server.exec("SELECT (SELECT count(*) FROM contacts) || ' ' || count(*) FROM calls") ==
        "2 0");
  CHECK(world.mine->redo().mutations == 3);
  world.settle();
  CHECK(world.server.exec("SELECT count(*) FROM calls") == "2");
}

TEST_CASE("a deletion is undone with the whole old row, unless the record is there again") {
  Devices world;
  world.write("DELETE FROM contacts WHERE id = '1'");
  world.mine->sync_now();
  SUBCASE("it is gone") {
    CHECK(world.mine->undo().mutations == 1);
    CHECK(verdicts(world.mine->sync_now()) == "insert applied; ");
    CHECK(world.there("name || email || visits || (made IS NOT NULL)") == "Adaa@x10true");
  }
  SUBCASE("somebody made it again") {
    world.server.exec("INSERT INTO contacts VALUES ('1', 'Ann', NULL, 0)");
    CHECK(world.mine->undo().mutations == 1);
    CHECK(verdicts(world.mine->sync_now()) == "insert conflict server_wins; ");
    CHECK(world.there("name") == "Ann");
  }
  world.settle();
}

TEST_CASE("an undo of an edit in a record that was deleted meanwhile does not bring it back") {
  Devices world(", deletes => 'update_wins'");
  world.write("UPDATE contacts SET name = 'Eve' WHERE id = '1'");
  world.mine->sync_now();
  world.theirs->sync_now();
  world.they_write("DELETE FROM contacts WHERE id = '1'");
  world.mine->undo();
  CHECK(verdicts(world.mine->sync_now()) == "update conflict server_wins; ");
  world.settle();
  CHECK(world.count() == "1");
}

TEST_CASE("a rejected group is gone from the history, and its undo is refused without harm") {
  Devices world;
  world.server.exec("ALTER TABLE contacts ADD CHECK (visits < 100)");
  world.write("UPDATE contacts SET name = 'Eve' WHERE id = '1'");
  world.write("UPDATE contacts SET visits = 500 WHERE id = '1'");
  SUBCASE("rejected first") {
    world.mine->sync_now();
    CHECK(world.mine->history().size() == 1);
    CHECK(world.mine->undo().mutations == 1);
    CHECK(world.here("name || visits") == "Ada10");
  }
  SUBCASE("undone first") {
    world.mine->undo();
    world.mine->undo();
  }
  world.settle();
  CHECK(world.there("name || visits") == "Ada10");
}

TEST_CASE("values in the server's own form are undone: numerics, times, what triggers made") {
  Devices world;
  world.server.exec(
      "CREATE TABLE bills (id text PRIMARY KEY, amount numeric(8,2), due timestamptz, note text)");
  world.server.exec(
      "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN NEW.note := upper(NEW.note); RETURN NEW; END $$");
  world.server.exec(
      "CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON bills FOR EACH ROW EXECUTE FUNCTION "
      "shout()");
  world.server.exec("SELECT sync_enable('bills')");
  world.server.exec("INSERT INTO bills VALUES ('1', 1, '2026-01-01', 'one')");
  world.mine->sync_now();
  const std::string before = local(world.phone, "SELECT amount || due || note FROM bills");
  world.write("UPDATE bills SET amount = '2.5', due = '2026-02-01', note = 'two'");
  world.mine->sync_now();
  world.write("UPDATE bills SET amount = '3', due = '2026-03-01', note = 'three'");
  world.mine->sync_now();
  for (int i = 0; i < 2; ++i) {
    CHECK(left_of(world.mine->undo()) == "");
    world.mine->sync_now();
    CHECK(world.server.exec("SELECT amount || ' ' || note FROM bills") == "2.50 TWO");
    CHECK(left_of(world.mine->undo()) == "");
    world.mine->sync_now();
    CHECK(local(world.phone, "SELECT amount || due || note FROM bills") == before);
    CHECK(left_of(world.mine->redo()) == "");
    world.mine->sync_now();
    CHECK(left_of(world.mine->redo()) == "");
    world.mine->sync_now();
    CHECK(world.server.exec("SELECT amount || ' ' || note FROM bills") == "3.00 THREE");
  }
}

TEST_CASE("history outlives a resync, a fork and a changed schema") {
  Devices world;
  world.write("UPDATE contacts SET name = 'Eve' WHERE id = '1'");
  world.mine->sync_now();
  world.server.exec("SELECT sync_new_epoch()");
  CHECK(world.mine->sync_now().resynced);
  world.server.exec("ALTER TABLE contacts RENAME COLUMN name TO title");
  world.mine->sync_now();
  CHECK(left_of(world.mine->undo()) == "");
  world.mine->sync_now();
  CHECK(world.there("title") == "Ada");
  world.mine.reset();
  local(world.phone, "PRAGMA wal_checkpoint(TRUNCATE)");
  const std::string copy = world.directory.file("copy.db");
  std::filesystem::copy_file(world.phone, copy);
  world.mine = world.open(world.phone);
  world.mine->redo();
  world.mine->sync_now();
  CHECK(world.there("title") == "Eve");
  auto copied = world.open(copy);
  copied->redo();
  copied->sync_now();
  CHECK(world.there("title") == "Eve");
  CHECK(copied->undo().mutations == 1);
  copied->sync_now();
  CHECK(world.there("title") == "Ada");
}

TEST_CASE("an engine that has undone before knows the columns that a sync changed since") {
  Devices world;
  world.write("UPDATE contacts SET name = 'first' WHERE id = '1'");
  world.mine->undo();  // the connection for the app's own writes stays open
  world.server.exec("ALTER TABLE contacts RENAME COLUMN email TO mail");
  world.server.exec("ALTER TABLE contacts ADD COLUMN stars int NOT NULL DEFAULT 7");
  world.mine->sync_now();
  world.write("INSERT INTO contacts (id, mail) VALUES ('3', 'c@x')");
  world.mine->sync_now();
  const std::string row = local(world.phone, "SELECT mail || stars FROM contacts WHERE id = '3'");
  CHECK(row == "c@x7");
  world.mine->undo();
  world.mine->redo();
  CHECK(local(world.phone, "SELECT mail || stars FROM contacts WHERE id = '3'") == row);
  world.write("UPDATE contacts SET mail = 'other' WHERE id = '3'");
  const std::string wrong = "UPDATE contacts SET stars = NULL WHERE id = '2'";
  world.write(wrong);
  world.server.exec("ALTER TABLE contacts RENAME COLUMN mail TO address");
  world.mine->sync_now();
  const auto rejections = world.mine->rejections();
  REQUIRE(rejections.size() == 1);
  world.mine->retry(rejections.front().mutation_id);
  REQUIRE(world.mine->pending().size() == 1);
  world.server.exec("ALTER TABLE contacts RENAME COLUMN address TO post");
  world.mine->pull_now();
  world.mine->discard(world.mine->pending().front().id);
  CHECK(local(world.phone, "SELECT stars FROM contacts WHERE id = '2'") == "7");
  world.mine->undo();
  CHECK(local(world.phone, "SELECT post FROM contacts WHERE id = '3'") == "c@x");
}

TEST_CASE("undo, redo and history as commands, for people and as JSON") {
  Devices world;
  const std::string file = shell_quoted(world.phone);
  const Ended nothing = command("undo " + file + " --json");
  CHECK(nothing.code == 1);
  CHECK(nothing.output.find("\"code\":\"nothing_to_undo\"") != std::string::npos);
  CHECK(command("redo " + file).code == 1);
  CHECK(command("history " + file).output == "Nothing can be undone or redone.\n");
  world.write("UPDATE contacts SET name = 'Eve', email = 'e@x' WHERE id = '1'");
  world.mine->sync_now();
  world.server.exec("UPDATE contacts SET name = 'Zoe' WHERE id = '1'");
  world.mine->sync_now();
  const Ended listed = command("history " + file);
  CHECK(listed.output.find("  done\n    update contacts 1  {\"name\":\"Eve\"") !=
        std::string::npos);
  const Ended undone = command("undo " + file);
  CHECK(undone.code == 0);
  CHECK(undone.output ==
        "  left  contacts 1 name: \"Eve\" then, \"Zoe\" now\n1 edits queued, 1 left alone\n");
  CHECK(command("history " + file + " --json").output.find("\"state\":\"undone\"") !=
        std::string::npos);
  const Ended redone = command("redo " + file + " --json");
  CHECK(redone.output.find("\"mutations\":1,\"left\":[]}") != std::string::npos);
  CHECK(world.here("email") == "e@x");
}
