// discard, retry and dismiss as commands, against a server.
#include <doctest/doctest.h>

#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

struct World : Synced {
  World() {
    server.exec("CREATE TABLE notes (id text PRIMARY KEY, body text, n int CHECK (n < 100))");
    server.exec("SELECT sync_enable('notes')");
    server.exec("INSERT INTO notes VALUES ('a', 'first', 1), ('b', 'second', 2)");
    REQUIRE(clone().code == 0);
  }
  std::string queued(int place) {
    return local(phone, "SELECT id FROM _mutations ORDER BY client_sequence LIMIT 1 OFFSET " +
                            std::to_string(place));
  }
  Ended run(const std::string& verb, const std::string& id, const std::string& more = {}) {
    return command(verb + " " + file + " " + shell_quoted(id) + " " + more);
  }
  void check_same() {
    CHECK(local_rows(phone, "notes", {"id", "body", "n"}) ==
          server_rows(server, "notes", {"id", "body", "n"}));
    CHECK(leftovers(phone, "notes") == kNoLeftovers);
    CHECK(broken_records(phone) == "");
  }
};

}  // namespace

TEST_CASE("the discard command takes a queued edit out; what remains is applied") {
  World world;
  local(world.phone, "UPDATE notes SET body = 'oops', n = 50 WHERE id = 'a'");
  local(world.phone, "UPDATE notes SET n = 51 WHERE id = 'a'");
  Ended listed = command("pending " + world.file);
  CHECK(listed.output.find(world.queued(0)) != std::string::npos);
  Ended ended = world.run("discard", world.queued(0));
  CHECK_MESSAGE(ended.code == 0, ended.output);
  CHECK(ended.output == "discarded  update notes a\n");
  world.server.exec("UPDATE notes SET body = 'theirs' WHERE id = 'a'");
  CHECK(world.sync().code == 0);
  CHECK(world.server.exec("SELECT body || n FROM notes WHERE id = 'a'") == "theirs51");
  world.check_same();
  ended = world.run("discard", "nothing", "--json");
  CHECK(ended.code == 1);
  CHECK(ended.output.find("\"unknown_mutation\"") != std::string::npos);
}

TEST_CASE("the retry command sends a refused edit again, the dismiss command forgets it") {
  World world;
  local(world.phone, "UPDATE notes SET n = 100, body = 'mine' WHERE id = 'a'");
  local(world.phone, "UPDATE notes SET n = 101 WHERE id = 'b'");
  const std::string first = world.queued(0), second = world.queued(1);
  CHECK(world.sync().code == 3);
  world.check_same();
  world.server.exec("ALTER TABLE notes DROP CONSTRAINT notes_n_check");
  world.server.exec("UPDATE notes SET n = 7 WHERE id = 'a'");
  CHECK(world.sync().code == 0);
  Ended ended = world.run("retry", first, "--json");
  CHECK_MESSAGE(ended.code == 0, ended.output);
  CHECK(ended.output.find("{\"mutation_id\":\"" + world.queued(0) + "\"}") != std::string::npos);
  ended = world.run("dismiss", second);
  CHECK_MESSAGE(ended.code == 0, ended.output);
  CHECK(ended.output == "The rejection is forgotten.\n");
  CHECK(command("rejections " + world.file).output == "Nothing was refused.\n");
  CHECK(world.sync().code == 0);
  CHECK(world.server.exec("SELECT string_agg(concat(id, body, n), ' ' ORDER BY id) FROM notes") ==
        "amine100 bsecond2");
  world.check_same();
  CHECK(world.run("retry", first).code == 1);
}

TEST_CASE("killed around a discard or a retry, the file is as before or as after it") {
  for (const std::string point : {"store.discard.before_commit", "store.discard.after_commit",
                                  "store.retry.before_commit", "store.retry.after_commit"}) {
    CAPTURE(point);
    World world;
    const bool retry = point.find("retry") != std::string::npos;
    local(world.phone, "UPDATE notes SET n = 100 WHERE id = 'a'");
    const std::string id = world.queued(0);
    if (retry) CHECK(world.sync().code == 3);
    const std::string verb = retry ? "retry " : "discard ";
    CHECK(command(verb + world.file + " " + id, point).signal != 0);
    CHECK(broken_records(world.phone) == "");
    const bool done = point.find("after") != std::string::npos;
    CHECK(local(world.phone, "SELECT count(*) FROM _mutations") == (done == retry ? "1" : "0"));
    CHECK(local(world.phone, "SELECT n FROM notes WHERE id = 'a'") ==
          (done == retry ? "100" : "1"));
    world.sync();
    world.check_same();
  }
}
