// What is large goes through up to the limits; what is beyond them, or cannot be read, is rejected
// by name and keeps nobody from being synced.
#include <doctest/doctest.h>

#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

constexpr const char* kBytes20M = "20000000";

struct World : Synced {
  std::string tablet = directory.file("tablet.db");

  World() {
    server.exec("CREATE TABLE films (id int PRIMARY KEY, name text, body bytea, tags text[])");
    server.exec("SELECT sync_enable('films')");
    server.exec("INSERT INTO films (id, name) VALUES (1, 'one'), (2, 'two')");
  }
  Ended sync(const std::string& path, const std::string& frames) {
    return command("sync " + shell_quoted(path) + " --frames " + frames);
  }
  std::string server_digest() {
    return server.exec(
        "SELECT md5(string_agg(concat(id, ' ', name, ' ', coalesce(encode(body, 'hex'), '-'), "
        "E'\n'), '' ORDER BY id)) FROM films");
  }
  static std::string digest(const std::string& path) {
    return shell("sqlite3 " + path +
                 " \"SELECT id || ' ' || name || ' ' || iif(body IS NULL, '-', lower(hex(body))) "
                 "FROM films "
                 "ORDER BY id\" | md5sum")
        .output.substr(0, 32);
  }
  std::string rejected() {
    return local(phone,
                 "SELECT group_concat(record_id || ' ' || reason, ', ') FROM (SELECT * FROM "
                 "_rejections ORDER BY client_sequence)");
  }
};

}  // namespace

// trap: large-values
TEST_CASE("blobs of 20 MB go to the server, and from there to others by pull and by clone") {
  for (const std::string frames : {"on"}) {
    CAPTURE(frames);
    World world;
    REQUIRE(world.clone().code == 0);
    REQUIRE(world.clone_into(world.tablet).code == 0);
    // Both do not fit into one push.
    local(world.phone,
          std::string("UPDATE films SET body = randomblob(") + kBytes20M + ") WHERE id = 1");
    local(world.phone, std::string("INSERT INTO films (id, name, body) VALUES (3, 'three', "
                                   "randomblob(") +
                           kBytes20M + "))");
    CHECK(world.sync(world.phone, frames).code == 0);
    CHECK(local(world.phone, "SELECT count(*) FROM _mutations") == "0");
    const std::string sent = world.digest(world.phone);
    CHECK(world.server_digest() == sent);
    CHECK(world.sync(world.tablet, frames).code == 0);
    CHECK(world.digest(world.tablet) == sent);
    // A blob in a blob's place: what was there before need not travel, too.
    local(world.tablet,
          std::string("UPDATE films SET body = randomblob(") + kBytes20M + ") WHERE id = 1");
    CHECK(world.sync(world.tablet, frames).code == 0);
    CHECK(world.server_digest() == world.digest(world.tablet));
    CHECK(world.sync(world.phone, frames).code == 0);
    CHECK(world.digest(world.phone) == world.digest(world.tablet));
    const std::string third = world.directory.file("third.db");
    REQUIRE(world.clone_into(third).code == 0);
    CHECK(world.digest(third) == world.server_digest());
    local(third, "DELETE FROM films WHERE id = 1");
    CHECK(world.sync(third, frames).code == 0);
    CHECK(world.server.exec("SELECT count(*) FROM films") == "2");
  }
}

TEST_CASE("a blob changed on two sides is a conflict, also when what was there is not sent") {
  World world;
  world.server.exec("SELECT sync_disable('films')");
  world.server.exec("SELECT sync_enable('films', on_conflict => 'server_wins')");
  world.server.exec("UPDATE films SET body = decode(repeat('aa', 17000000), 'hex') WHERE id = 1");
  REQUIRE(world.clone().code == 0);
  local(world.phone, "UPDATE films SET body = zeroblob(17000000), name = 'mine' WHERE id = 1");
  world.server.exec("UPDATE films SET body = 'theirs' WHERE id = 1");
  CHECK(world.sync(world.phone, "auto").code == 0);
  CHECK(world.server.exec("SELECT name || ' ' || encode(body, 'escape') FROM films WHERE id = 1") ==
        "mine theirs");
  CHECK(world.digest(world.phone) == world.server_digest());
}

// trap: poisoned-mutation
TEST_CASE("a blob larger than a push may be is rejected by name; what else is queued goes on") {
  World world;
  REQUIRE(world.clone().code == 0);
  local(world.phone, "UPDATE films SET name = 'before' WHERE id = 2");
  local(world.phone, "UPDATE films SET body = zeroblob(40000000) WHERE id = 1");
  local(world.phone,
        "BEGIN; INSERT INTO _group DEFAULT VALUES; "
        "UPDATE films SET name = 'grouped', body = zeroblob(20000000) WHERE id = 1; "
        "INSERT INTO films (id, body) VALUES (4, zeroblob(20000000)); "
        "DELETE FROM _group; COMMIT");
  // One value beyond what any may be, in a message that is not too large.
  local(world.phone, "INSERT INTO films (id, body) VALUES (5, zeroblob(26000000))");
  local(world.phone, "UPDATE films SET tags = '[\"after\"]' WHERE id = 2");
  Ended ended = world.sync(world.phone, "auto");
  CHECK(ended.code == 3);
  CHECK(ended.output.find("rejected  update films 1  (limit_exceeded)") != std::string::npos);
  CHECK(ended.output.find("larger than a push may be") != std::string::npos);
  CHECK(world.rejected() ==
        "1 limit_exceeded, 1 limit_exceeded, 4 limit_exceeded, 5 limit_exceeded");
  CHECK(world.server.exec("SELECT name || tags::text FROM films WHERE id = 2") == "before{after}");
  CHECK(world.server.exec("SELECT count(*) FROM films") == "2");
  CHECK(local(world.phone, "SELECT count(*) || coalesce(max(length(body)), '-') FROM films") ==
        "2-");
  CHECK(leftovers(world.phone, "films") == kNoLeftovers);
  CHECK(broken_records(world.phone) == "");
}

// trap: poisoned-mutation
TEST_CASE("text that no server can read is rejected by name; what else is queued goes on") {
  const std::string deep = std::string(100, '[') + "1" + std::string(100, ']');
  for (const std::string frames : {"off", "on"}) {
    CAPTURE(frames);
    World world;
    REQUIRE(world.clone().code == 0);
    local(world.phone, "UPDATE films SET name = 'before' WHERE id = 2");
    local(world.phone, "UPDATE films SET name = CAST(x'c328' AS TEXT) WHERE id = 1");
    local(world.phone, "INSERT INTO films (id, tags) VALUES (5, '" + deep + "')");
    local(world.phone, "INSERT INTO films (id, tags) VALUES (6, '[\"a\\u0000b\"]')");
    local(world.phone,
          "BEGIN; INSERT INTO _group DEFAULT VALUES; "
          "INSERT INTO films (id) VALUES (7); "
          "INSERT INTO films (id, tags) VALUES (8, '[\"\\ud800\"]'); "
          "DELETE FROM _group; COMMIT");
    local(world.phone, "UPDATE films SET tags = '[\"after\"]' WHERE id = 2");
    Ended ended = world.sync(world.phone, frames);
    CHECK_MESSAGE(ended.code == 3, ended.output);
    CHECK(world.rejected() ==
          "1 malformed_message, 5 malformed_message, 6 malformed_message, 7 group_rejected, "
          "8 malformed_message");
    CHECK(world.server.exec("SELECT name || tags::text FROM films WHERE id = 2") ==
          "before{after}");
    CHECK(world.server.exec("SELECT count(*) FROM films") == "2");
    CHECK(local(world.phone, "SELECT group_concat(name) FROM films") == "one,before");
    CHECK(leftovers(world.phone, "films") == kNoLeftovers);
    CHECK(world.sync(world.phone, frames).code == 0);
  }
}
