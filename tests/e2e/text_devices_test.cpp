// Text fields from file to file through a real server: everybody keeps their words, whatever is
// interrupted on the way.
#include <doctest/doctest.h>

#include <csignal>
#include <random>

#include "objectos/sync_engine.h"
#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

const std::vector<std::string> kColumns = {"id", "title", "body"};

struct Notes : Synced {
  std::string tablet = directory.file("tablet.db");

  explicit Notes(const std::string& before = "") {
    server.exec(
        "CREATE TABLE notes (id int PRIMARY KEY, title text CHECK (title <> 'bad'), body text)");
    if (!before.empty()) server.exec(before);
    server.exec("SELECT sync_enable('notes', fields => '{\"body\":\"text\"}')");
    server.exec("INSERT INTO notes VALUES (1, 't', 'Hello world'), (2, 'n', NULL)");
    for (const std::string& each : {phone, tablet}) {
      const Ended ended = clone_into(each);
      REQUIRE_MESSAGE(ended.code == 0, ended.output);
    }
  }
  void sync_file(const std::string& path) {
    const Ended ended = command("sync " + shell_quoted(path));
    REQUIRE_MESSAGE((ended.code == 0 || ended.code == 3), ended.output);  // 3: some were rejected
  }
  static void write(const std::string& path, const std::string& body, int id = 1) {
    local(path, "UPDATE notes SET body = '" + body + "' WHERE id = " + std::to_string(id));
  }
  static std::string body(const std::string& path, int id = 1) {
    return local(path, "SELECT body FROM notes WHERE id = " + std::to_string(id));
  }
  std::string body() { return server.exec("SELECT body FROM notes WHERE id = 1"); }
  void check_end() {
    for (const std::string& path : {phone, tablet, phone}) sync_file(path);
    for (const std::string& path : {phone, tablet}) {
      CHECK(local_rows(path, "notes", kColumns) == server_rows(server, "notes", kColumns));
      CHECK(broken_records(path) == "");
      CHECK(leftovers(path, "notes") == kNoLeftovers);
    }
  }
};

}  // namespace

TEST_CASE("two devices and psql edit one text, and all of it stays") {
  Notes world;
  world.write(world.phone, "Hello brave world");
  world.write(world.phone, "Hello brave world!");
  world.write(world.tablet, "Oh, Hello world");
  world.server.exec("UPDATE notes SET body = body || ' Bye.' WHERE id = 1");
  world.sync_file(world.phone);
  world.sync_file(world.tablet);
  CHECK(world.body() == "Oh, Hello brave world Bye.!");
  CHECK(world.body(world.tablet) == "Oh, Hello brave world Bye.!");
  world.check_end();
}

TEST_CASE("a sync ends with an empty queue where edits of one text need several pushes") {
  Notes world;
  local(world.phone, "INSERT INTO notes VALUES (3, 'n', 'a', NULL, 0)");
  for (int i = 0; i < 5; ++i)
    local(world.phone, "UPDATE notes SET body = body || 'b' WHERE id = 3");
  std::string many;
  for (int i = 0; i < 1'200; ++i) many += "UPDATE notes SET body = body || 'x' WHERE id = 1;";
  local(world.phone, many);
  world.sync_file(world.phone);
  CHECK(leftovers(world.phone, "notes") == kNoLeftovers);
  CHECK(world.server.exec("SELECT body FROM notes WHERE id = 3") == "abbbbb");
  CHECK(world.server.exec("SELECT length(body) FROM notes WHERE id = 1") == "1211");
  world.check_end();
}

TEST_CASE("more behind than the server merges: the edits are moved here and pushed again at once") {
  Notes world;
  world.write(world.phone, "Hello world!");
  world.write(world.phone, "Hello world!!");
  world.server.exec(
      "DO $$ BEGIN FOR i IN 1..600 LOOP UPDATE notes SET body = 'a' || body WHERE id = 1; END "
      "LOOP; END $$");
  world.sync_file(world.phone);
  CHECK(world.body() == std::string(600, 'a') + "Hello world!!");
  CHECK(leftovers(world.phone, "notes") == kNoLeftovers);
  world.check_end();
}

TEST_CASE("a rejected edit in the middle is taken out of the text, the others stay") {
  Notes world;
  world.write(world.phone, "Hello world!");
  local(world.phone, "UPDATE notes SET title = 'bad', body = 'Hello bad world!' WHERE id = 1");
  world.write(world.phone, "Oh, Hello bad world!");
  world.server.exec("UPDATE notes SET body = body || '?' WHERE id = 1");
  world.sync_file(world.phone);
  CHECK(world.body() == "Oh, Hello world?!");
  world.check_end();
}

TEST_CASE("a text under row security comes whole, and edits of it are merged all the same") {
  Notes world(
      "CREATE POLICY seen ON notes USING (title <> 'hidden');"
      "ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL "
      "SECURITY");
  world.write(world.phone, "Hello brave world");
  world.write(world.tablet, "Hello world!");
  world.sync_file(world.phone);
  world.sync_file(world.tablet);
  world.check_end();
  CHECK(world.body() == "Hello brave world!");
}

TEST_CASE("NULL is an empty text, on both sides") {
  Notes world;
  world.write(world.phone, "One", 2);
  world.write(world.tablet, "Two", 2);
  local(world.tablet, "UPDATE notes SET body = NULL WHERE id = 1");
  world.check_end();
  CHECK(world.server.exec("SELECT body IS NULL FROM notes WHERE id = 1") == "t");
  const std::string merged = world.server.exec("SELECT body FROM notes WHERE id = 2");
  CHECK((merged == "OneTwo" || merged == "TwoOne"));
}

TEST_CASE("killed anywhere in a sync, edits of texts take effect once") {
  int killed = 0;
  for (const char* point :
       {"store.freeze.before_commit", "store.freeze.after_commit", "push_before_send",
        "push_answered", "store.verdicts.before_commit", "store.verdicts.after_commit",
        "push_verdicts_stored", "round_begun", "round_received", "round_before_commit",
        "store.round.before_commit", "store.round.after_commit", "ack_before", "ack_after"}) {
    for (const char* again : {"", ":2"}) {
      CAPTURE(point);
      CAPTURE(again);
      Notes world;
      world.write(world.phone, "Hello world!");
      world.write(world.phone, "Hello world!!");
      local(world.phone, "UPDATE notes SET title = 'bad', body = 'Hello bad world!!' WHERE id = 1");
      world.write(world.phone, "Hello bad world!!!");
      world.server.exec("UPDATE notes SET body = 'Oh, ' || body WHERE id = 1");
      if (world.sync(std::string(point) + again).signal == SIGKILL) ++killed;
      CHECK(broken_records(world.phone) == "");
      world.write(world.tablet, "Hello world?");
      world.sync_file(world.tablet);
      world.write(world.phone, world.body(world.phone) + ".");
      world.check_end();
      std::string ended = world.body();
      CHECK(std::count(ended.begin(), ended.end(), '!') == 3);
      CHECK(std::count(ended.begin(), ended.end(), '?') == 1);
      CHECK(std::count(ended.begin(), ended.end(), '.') == 1);
      CHECK(ended.starts_with("Oh, Hello world"));
    }
  }
  CHECK(killed >= 14);
}

TEST_CASE("a long round brings texts to records with edits in the queue") {
  Notes world;
  world.write(world.phone, "Hello world!");
  world.server.exec("INSERT INTO notes SELECT i, 'n', 'note ' || i FROM generate_series(3, 400) i");
  world.server.exec("UPDATE notes SET body = 'Oh, ' || body WHERE id <> 2");
  setenv("OBJECTOS_LONG_ROUND", "1", 1);
  world.sync_file(world.phone);
  unsetenv("OBJECTOS_LONG_ROUND");
  CHECK(world.body(world.phone) == "Oh, Hello world!");
  CHECK(world.body(world.phone, 400) == "Oh, note 400");
  world.check_end();
}

TEST_CASE("a column becomes a text, and ceases to be one, while edits are queued") {
  Notes world;
  world.server.exec("SELECT sync_enable('notes')");  // by the present options: no text any more
  world.write(world.phone, "Hello brave world");
  world.server.exec("SELECT sync_enable('notes', fields => '{\"body\":\"text\"}')");
  world.server.exec("UPDATE notes SET body = body || '!' WHERE id = 1");
  world.sync_file(world.phone);
  world.check_end();
  CHECK(world.body() == "Hello brave world!");
  world.write(world.phone, "Hello new world!");
  world.server.exec("SELECT sync_enable('notes', fields => '{\"body\":\"lww\"}')");
  world.sync_file(world.phone);
  world.check_end();
  CHECK(world.body() == "Hello new world!");
}

TEST_CASE("a table whose own strategy is text has texts on devices, too") {
  Synced world;
  world.server.exec("CREATE TABLE pages (id int PRIMARY KEY, head text, body text)");
  world.server.exec("SELECT sync_enable('pages', 'text')");
  world.server.exec("INSERT INTO pages VALUES (1, 'Head', 'Body')");
  REQUIRE(world.clone().code == 0);
  local(world.phone, "UPDATE pages SET body = 'Body.' WHERE id = 1");
  world.server.exec("UPDATE pages SET body = 'The Body', head = 'The Head'");
  for (int i = 0; i < 2; ++i) {
    const Ended ended = world.sync();
    REQUIRE_MESSAGE(ended.code == 0, ended.output);
  }
  CHECK(local(world.phone, "SELECT head || ' ' || body FROM pages") == "The Head The Body.");
  CHECK(world.server.exec("SELECT head || ' ' || body FROM pages") == "The Head The Body.");
}
