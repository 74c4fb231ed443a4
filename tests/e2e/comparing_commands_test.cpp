// verify, log, diff and rejections, as people type them.
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
        "CREATE TABLE contacts (id text PRIMARY KEY, name text CHECK (name <> 'nobody')); INSERT "
        "INTO contacts VALUES ('1', 'A.'), ('2', 'B.'); SELECT sync_enable('contacts')");
    REQUIRE(clone().code == 0);
  }
  Ended run(const std::string& verb, const std::string& more = {}) {
    return command(verb + " " + file + " " + more);
  }
  void past_the_triggers(const std::string& sql) {
    local(phone, "INSERT INTO _applying VALUES('x'); " + sql + "; DELETE FROM _applying");
  }
};

}  // namespace

TEST_CASE("the verify command finds a row that was tampered with, and mends it when told to") {
  World world;
  CHECK(world.run("verify").code == 0);
  CHECK(says(world.run("verify").output, "contacts: 2 records, the same"));
  world.past_the_triggers("UPDATE contacts SET name = 'Eve' WHERE id = '2'");
  const Ended found = world.run("verify");
  CHECK(found.code == 5);
  CHECK(says(found.output, "different  2 name"));
  CHECK(local(world.phone, "SELECT name FROM contacts WHERE id = '2'") == "Eve");
  const Ended mended = world.run("verify", "--repair");
  CHECK(mended.code == 0);
  CHECK(says(mended.output, "1 repaired"));
  CHECK(local(world.phone, "SELECT name FROM contacts WHERE id = '2'") == "B.");
  CHECK(says(world.run("verify", "--json").output, "\"differences\":0,\"repaired\":0"));
}

TEST_CASE("verify --local compares rows with base images and queue, and asks no server") {
  World world;
  local(world.phone, "UPDATE contacts SET name = 'Ada' WHERE id = '1'");
  CHECK(world.run("verify", "--local").code == 0);
  world.past_the_triggers("UPDATE contacts SET name = 'Eve' WHERE id = '1'");
  const Ended found = world.run("verify", "--local");
  CHECK(found.code == 5);
  CHECK(says(found.output, "contacts 1"));
  CHECK(world.run("verify", "--local --repair").code == 1);
}

TEST_CASE("the log command tells who changed a record, and how") {
  World world;
  local(world.phone, "UPDATE contacts SET name = 'Ada' WHERE id = '1'");
  REQUIRE(world.sync().code == 0);
  const Ended told = world.run("log", "contacts 1");
  CHECK(told.code == 0);
  CHECK(says(told.output, "update by "));
  CHECK(says(told.output, "name: A. -> Ada"));
  CHECK(says(world.run("log", "contacts nobody").output, "holds nothing of this record"));
  CHECK(world.run("log", "nothing 1").code != 0);
}

TEST_CASE("the diff command shows unsent edits field by field") {
  World world;
  CHECK(says(world.run("diff").output, "Nothing is unsent"));
  local(world.phone, "UPDATE contacts SET name = 'Ada' WHERE id = '1'");
  const Ended shown = world.run("diff");
  CHECK(shown.code == 0);
  CHECK(says(shown.output, "update contacts 1"));
  CHECK(says(shown.output, "- name: \"A.\"\n  + name: \"Ada\""));
}

TEST_CASE("the rejections command says what was refused, what was tried and what stands") {
  World world;
  CHECK(says(world.run("rejections").output, "Nothing was refused"));
  local(world.phone, "UPDATE contacts SET name = 'nobody' WHERE id = '1'");
  REQUIRE(world.sync().code == 3);
  const Ended listed = world.run("rejections");
  CHECK(listed.code == 0);
  CHECK(says(listed.output, "update contacts 1"));
  CHECK(says(listed.output, "\"name\":\"nobody\""));
  CHECK(says(listed.output, "\"name\":\"A.\""));
}
