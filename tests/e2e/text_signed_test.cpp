// Text fields in signed mode: what is signed is the operation that is sent, also where it is sent
// anew over what came meanwhile, and the log's rows of it stand the audit.
#include <doctest/doctest.h>

#include "objectos/sync_engine.h"
#include "tests/e2e/replica.h"
#include "tests/e2e/signed_world.h"

using namespace e2e;

namespace {

std::string findings(SignedWorld& world) {
  return world.server.exec(
      "SELECT coalesce(string_agg(finding || ': ' || detail, '; '), '') FROM sync_audit() WHERE"
      " finding <> 'looked at'");
}

}  // namespace

TEST_CASE("signed edits of a text merge, and the log's rows of them are as they were written") {
  SignedWorld world;
  world.server.exec(
      "SELECT sync_enable('diary', fields => '{\"body\":\"text\"}');"
      "SELECT sync_require_signatures(true)");
  const std::string key = world.key_file("ada").first;
  objectos::SyncEngine phone(world.options("phone.db", key)),
      tablet(world.options("tablet.db", key));
  phone.clone();
  local(world.directory.file("phone.db"), "INSERT INTO diary (id, body) VALUES ('1', 'Hello')");
  phone.sync_now();
  tablet.clone();
  phone.edit_text("diary", "1", "body", R"([5," world"])");
  for (const char* body : {"Oh, Hello", "Oh, Hello!", "Oh, Hello!!"})
    local(world.directory.file("tablet.db"),
          std::string("UPDATE diary SET body = '") + body + "' WHERE id = '1'");
  for (objectos::SyncEngine* engine : {&phone, &tablet, &phone, &tablet}) {
    for (const objectos::Verdict& verdict : engine->sync_now().verdicts)
      CHECK_MESSAGE(verdict.status != "rejected", verdict.detail);
  }
  const std::string text = world.server.exec("SELECT body FROM diary");
  CHECK(text.find("Oh, Hello") == 0);
  CHECK(text.find(" world") != std::string::npos);
  CHECK(text.find("!!") != std::string::npos);
  for (const char* file : {"phone.db", "tablet.db"}) {
    CHECK(local(world.directory.file(file), "SELECT body FROM diary") == text);
    CHECK(leftovers(world.directory.file(file), "diary") == kNoLeftovers);
  }
  CHECK(findings(world) == "");
  CHECK(world.server.exec("SELECT count(*) FROM objectos_sync.signatures") == "5");
  world.server.exec(
      "UPDATE objectos_sync.mutations SET data = '{\"body\": [1, \"x\"]}' WHERE client_sequence = 2"
      " AND client_id = (SELECT client_id FROM objectos_sync.text_ops LIMIT 1)");
  CHECK(findings(world).find("data changed") != std::string::npos);
}
