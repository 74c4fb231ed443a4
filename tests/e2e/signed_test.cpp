// Signed mode from end to end: devices of several users behind one role.
#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "objectos/error.h"
#include "tests/e2e/signed_world.h"

using namespace e2e;
using namespace objectos;

namespace {

std::string class_of(SyncEngine& engine) {
  try {
    engine.sync_now();
  } catch (const Error& error) {
    return std::string(error_class_name(error.error_class())) + " " + error.code();
  }
  return "none";
}

std::string ids(const std::string& file) {
  return local(file,
               "SELECT coalesce(group_concat(id), '') FROM (SELECT id FROM diary ORDER BY id)");
}

}  // namespace

TEST_CASE("two users behind one role see and write what is theirs, by rows and by frames") {
  for (const Frames frames : {Frames::off, Frames::on}) {
    SignedWorld world;
    auto [ada_key, ada_id] = world.key_file("ada");
    auto [bob_key, bob_id] = world.key_file("bob");
    Options ada_options = world.options("ada.db", ada_key);
    Options bob_options = world.options("bob.db", bob_key);
    ada_options.frames = bob_options.frames = frames;
    SyncEngine ada(ada_options), bob(bob_options);
    world.server.exec("INSERT INTO diary VALUES ('0', 'ada', 'from the server')");
    ada.clone();
    bob.clone();
    CHECK(ids(ada_options.database) == "0");
    CHECK(ids(bob_options.database) == "");
    local(ada_options.database, "INSERT INTO diary (id, owner, body) VALUES ('1', 'ada', 'mine')");
    local(
        bob_options.database,
        "INSERT INTO diary (id, owner, body) VALUES ('2', 'bob', 'mine'), ('3', 'ada', 'forged')");
    CHECK(ada.sync_now().verdicts.size() == 1);
    const SyncResult result = bob.sync_now();
    REQUIRE(result.verdicts.size() == 2);
    CHECK(result.verdicts[0].status == "applied");
    CHECK(result.verdicts[1].status == "rejected");
    CHECK(result.verdicts[1].reason == "not_authorized");
    ada.sync_now();
    CHECK(ids(ada_options.database) == "0,1");
    CHECK(ids(bob_options.database) == "2");
    CHECK(ada.status().user_id == "ada");
    CHECK(world.server.exec("SELECT string_agg(id || owner || _modified_by, ',' ORDER BY id) FROM "
                            "diary WHERE id > '0'") == "1adaada,2bobbob");
    CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.signatures") == "2");
    CHECK(world.server.exec("SELECT bool_and(user_id IN ('ada', 'bob')) FROM "
                            "objectos_sync.clients") == "t");
    CHECK(ada.verify({}).objects.size() == 1);
    CHECK(ada.log("diary", "1").size() == 1);
  }
}

TEST_CASE("a file without a key, or with another user's, is turned away and keeps its queue") {
  SignedWorld world;
  auto [ada_key, ada_id] = world.key_file("ada");
  auto [bob_key, bob_id] = world.key_file("bob");
  Options options = world.options("ada.db", ada_key);
  SyncEngine(options).clone();
  local(options.database, "INSERT INTO diary (id, owner, body) VALUES ('1', 'ada', 'mine')");
  Options bare = options, others = options;
  bare.key_file.clear();
  others.key_file = bob_key;
  {
    SyncEngine engine(bare);
    CHECK(class_of(engine) == "auth 42501");
  }
  {
    SyncEngine engine(others);
    CHECK(class_of(engine) == "auth 42501");
  }
  CHECK(local(options.database, "SELECT count(*) FROM _mutations WHERE state = 'pending'") == "1");
  CHECK(SyncEngine(options).sync_now().verdicts.at(0).status == "applied");
}

TEST_CASE("a revoked key ends in an error of class auth; a rotated one takes over what is sent") {
  SignedWorld world;
  auto [key, id] = world.key_file("ada");
  Options options = world.options("ada.db", key);
  SyncEngine(options).clone();
  local(options.database, "INSERT INTO diary (id, owner, body) VALUES ('1', 'ada', 'mine')");
  // Sent, judged, and the answer lost.
  CHECK(command("push " + options.database + " --key-file " + key, "push_answered").signal != 0);
  CHECK(local(options.database,
              "SELECT count(*) FROM _mutations WHERE state = 'in_flight' AND "
              "frozen LIKE '{\"key_id\":\"" +
                  id + "\",%'") == "1");
  SyncEngine engine(options);
  const std::string next = world.server.exec(
      "SELECT key_id || ':' || secret FROM sync_rotate_key('" + id + "', grace => '1 hour')");
  world.server.exec("SELECT sync_revoke_key('" + id + "')");
  CHECK(class_of(engine) == "auth OS016");
  local(options.database, "INSERT INTO diary (id, owner, body) VALUES ('2', 'ada', 'later')");
  CHECK(class_of(engine) == "auth OS016");
  CHECK(local(options.database, "SELECT count(*) FROM _mutations") == "2");
  SignedWorld::write_key(key, next);  // the same engine reads it with its next sync
  const SyncResult result = engine.sync_now();
  REQUIRE(result.verdicts.size() == 2);
  CHECK(result.verdicts[0].duplicate);
  CHECK(result.verdicts[0].status == "applied");
  CHECK(result.verdicts[1].status == "applied");
  CHECK(ids(options.database) == "1,2");
}

TEST_CASE("what was signed is sent again byte by byte after a crash") {
  SignedWorld world;
  auto [key, id] = world.key_file("ada");
  Options options = world.options("ada.db", key);
  SyncEngine(options).clone();
  local(options.database,
        "INSERT INTO diary (id, owner, body) VALUES ('1', 'ada', '\"ä\\\n\x01\"')");
  const std::string arguments = "push " + options.database + " --key-file " + key;
  CHECK(command(arguments, "push_before_send").signal != 0);
  const std::string frozen = local(options.database, "SELECT frozen FROM _mutations");
  CHECK(frozen.find("\"signature\":") != std::string::npos);
  CHECK(command(arguments, "push_answered").signal != 0);
  CHECK(local(options.database, "SELECT frozen FROM _mutations") == frozen);
  const SyncResult result = SyncEngine(options).sync_now();
  REQUIRE(result.verdicts.size() == 1);
  CHECK(result.verdicts[0].duplicate);
  CHECK(world.server.exec("SELECT payload FROM objectos_sync.signatures") ==
        local(":memory:", "SELECT json_extract('" +
                              std::regex_replace(frozen, std::regex("'"), "''") +
                              "', '$.payload')"));
}

TEST_CASE("another history of the server has what was signed for the old one signed anew") {
  SignedWorld world;
  auto [key, id] = world.key_file("ada");
  Options options = world.options("ada.db", key);
  SyncEngine(options).clone();
  local(options.database, "INSERT INTO diary (id, owner, body) VALUES ('1', 'ada', 'x')");
  CHECK(command("push " + options.database + " --key-file " + key, "push_before_send").signal != 0);
  world.server.exec("SELECT sync_new_epoch()");
  const SyncResult result = SyncEngine(options).sync_now();
  CHECK(result.resynced);
  REQUIRE(result.verdicts.size() == 1);
  CHECK(result.verdicts[0].status == "applied");
}

TEST_CASE("an edit that was frozen before there was a key is signed as it was frozen") {
  SignedWorld world;
  auto [key, id] = world.key_file("ada");
  Options options = world.options("ada.db", key);
  SyncEngine(options).clone();
  local(options.database, "INSERT INTO diary (id, owner, body) VALUES ('1', 'ada', 'x')");
  CHECK(command("push " + options.database + " --key-file " + key, "push_before_send").signal != 0);
  local(options.database, "UPDATE _mutations SET frozen = json_extract(frozen, '$.payload')");
  world.server.exec("SELECT sync_require_signatures(true)");
  CHECK(SyncEngine(options).sync_now().verdicts.at(0).status == "applied");
}

TEST_CASE("a login that has ended is renewed, within an engine's life") {
  SignedWorld world;
  auto [key, id] = world.key_file("ada");
  world.server.exec("ALTER ROLE " + world.role +
                    " SET client_min_messages = warning; DO $$ BEGIN "
                    "EXECUTE format('ALTER DATABASE %I SET objectos_sync.token_lifetime = 4', "
                    "current_database()); END $$");
  Options options = world.options("ada.db", key);
  SyncEngine engine(options);
  engine.clone();
  for (int round = 0; round < 2; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(4100));
    world.server.exec("INSERT INTO diary VALUES ('" + std::to_string(round) + "', 'ada', 'x')");
    engine.sync_now();
  }
  CHECK(ids(options.database) == "0,1");
}

TEST_CASE("a copied file of a signed client takes an identity of its own and signs under it") {
  SignedWorld world;
  auto [key, id] = world.key_file("ada");
  Options options = world.options("ada.db", key), copy = world.options("copy.db", key);
  SyncEngine(options).clone();
  std::filesystem::copy_file(options.database, copy.database);
  local(options.database, "INSERT INTO diary (id, owner, body) VALUES ('1', 'ada', 'x')");
  local(copy.database, "INSERT INTO diary (id, owner, body) VALUES ('2', 'ada', 'y')");
  SyncEngine(options).sync_now();
  const SyncResult result = SyncEngine(copy).sync_now();
  CHECK(result.forked);
  SyncEngine(options).sync_now();
  SyncEngine(copy).sync_now();
  CHECK(ids(options.database) == "1,2");
  CHECK(ids(copy.database) == "1,2");
  CHECK(world.server.exec("SELECT count(DISTINCT client_id) FROM objectos_sync.signatures") == "2");
}

TEST_CASE("a callback signs in place of a key file") {
  SignedWorld world;
  auto [key, id] = world.key_file("ada");
  Options options = world.options("ada.db", "");
  options.key.key_id = id;
  int asked = 0;
  options.key.sign = [&](std::string_view) -> std::string {
    if (++asked > 0) throw std::runtime_error("the keystore is locked");
    return {};
  };
  SyncEngine locked(options);
  try {
    locked.clone();
    FAIL("cloned");
  } catch (const Error& error) {
    CHECK(error.error_class() == ErrorClass::auth);
    CHECK(error.message().find("the keystore is locked") != std::string::npos);
  }
  CHECK(asked == 1);
  options.key.sign = [](std::string_view) { return std::string(32, 'x'); };
  SyncEngine wrong(options);
  CHECK_THROWS_AS(wrong.clone(), Error);
}

TEST_CASE("a key file that others may read, or that holds no key, is refused without its content") {
  SignedWorld world;
  auto [key, id] = world.key_file("ada");
  Options options = world.options("ada.db", key);
  const auto refusal = [&](const std::string& path) {
    Options tried = options;
    tried.key_file = path;
    try {
      SyncEngine(tried).clone();
    } catch (const Error& error) {
      CHECK(error.what() + error.detail() + error.hint() ==
            std::regex_replace(error.what() + error.detail() + error.hint(), std::regex("5ec2e7"),
                               ""));
      return std::string(error_class_name(error.error_class())) + " " + error.code();
    }
    return std::string("none");
  };
  for (const mode_t mode : {0640, 0604, 0620, 0601, 0660}) {
    chmod(key.c_str(), mode);
    CHECK_MESSAGE(refusal(key) == "local key_file_open_to_others", mode);
  }
  CHECK(refusal(world.directory.file("nowhere")) == "local key_file_not_found");
  const std::string bad = world.directory.file("bad.key");
  SignedWorld::write_key(bad, id + ":5ec2e7");
  CHECK(refusal(bad) == "local key_file_malformed");
  chmod(key.c_str(), 0600);
  CHECK(refusal(key) == "none");
}
