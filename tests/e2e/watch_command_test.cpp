// watch, as people type it: it stays, prints what changes on either side, and ends at Ctrl-C.
#include <chrono>
#include <thread>

#include "doctest/doctest.h"
#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

// Until the file holds the text, 20 s at most.
bool comes(const std::string& path, const std::string& text) {
  for (int i = 0; i < 200; i++) {
    std::stringstream all;
    all << std::ifstream(path).rdbuf();
    if (all.str().find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

}  // namespace

TEST_CASE("the watch command prints the changes of both sides until it is interrupted") {
  Synced world;
  world.server.exec(
      "CREATE TABLE contacts (id text PRIMARY KEY, name text); SELECT sync_enable('contacts')");
  REQUIRE(world.clone().code == 0);
  const std::string printed = world.directory.file("printed");
  world.server.exec("INSERT INTO contacts VALUES ('1', 'A.')");
  Ended ended;
  std::thread watching([&] {
    ended = command("watch " + world.file + " --json > " + shell_quoted(printed), {},
                    "echo $$ > " + shell_quoted(world.directory.file("pid")) + "; ");
  });
  CHECK(comes(printed, "\"event\":\"change\",\"object\":\"contacts\",\"record_id\":\"1\""));
  local(world.phone, "UPDATE contacts SET name = 'Ada' WHERE id = '1'");
  CHECK(comes(printed, "\"origin\":\"local\""));
  CHECK(shell("kill -INT $(cat " + shell_quoted(world.directory.file("pid")) + ")").code == 0);
  watching.join();
  CHECK(ended.code == 0);
  CHECK(ended.signal == 0);
  CHECK(command("watch " + shell_quoted(world.directory.file("none.db"))).code == 5);
}
