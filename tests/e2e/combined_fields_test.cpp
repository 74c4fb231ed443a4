// Counters and sets edited on two devices at once: both devices and the server end with everybody's
// differences, each once, whoever pulls or pushes first.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

struct World : Synced {
  std::string tablet = directory.file("tablet.db");

  World() {
    server.exec("CREATE TABLE things (id int PRIMARY KEY, visits int, tags text[])");
    server.exec(R"(SELECT sync_enable('things', fields => '{"visits":"counter","tags":"set"}'))");
    server.exec("INSERT INTO things VALUES (1, 10, '{red,green}')");
    REQUIRE(clone().code == 0);
    REQUIRE(clone_into(tablet).code == 0);
  }
  void run(const std::string& verb, const std::string& path) {
    const Ended ended = command(verb + " " + shell_quoted(path));
    REQUIRE_MESSAGE(ended.code == 0, ended.output);
  }
  void check_all(const std::string& visits, const std::string& tags) {
    CHECK(server.exec("SELECT visits FROM things") == visits);
    CHECK(server.exec("SELECT tags FROM things") == tags);
    for (const std::string& path : {phone, tablet}) {
      CHECK(local_rows(path, "things", {"id", "visits", "tags"}) ==
            server_rows(server, "things", {"id", "visits", "to_json(tags)"}));
      CHECK(broken_records(path) == "");
      CHECK(leftovers(path, "things") == kNoLeftovers);
    }
  }
};

}  // namespace

TEST_CASE("two devices' counts and tags add up, each difference once, in any order of syncing") {
  for (const bool phone_first : {true, false}) {
    for (const bool pulls_first : {true, false}) {
      CAPTURE(phone_first);
      CAPTURE(pulls_first);
      World world;
      local(world.phone, R"(UPDATE things SET visits = 13, tags = '["red","green","new"]')");
      local(world.tablet, R"(UPDATE things SET visits = 9, tags = '["green"]')");
      local(world.tablet, R"(UPDATE things SET visits = visits + 5, tags = '["green","blue"]')");
      local(world.tablet, "UPDATE things SET visits = visits - 1");
      const std::string& first = phone_first ? world.phone : world.tablet;
      const std::string& second = phone_first ? world.tablet : world.phone;
      world.run("sync", first);
      if (pulls_first) {
        world.run("pull", second);
        local(second, "UPDATE things SET visits = visits + 100");
      }
      for (const std::string& path : {second, first, second}) world.run("sync", path);
      world.check_all(pulls_first ? "116" : "16", "{blue,green,new}");
    }
  }
}
