// What people type wrong: the exit code is 1 for what no server could make right, the sentence
// names it, --json stays JSON in UTF-8, and file, queue, conflict and server are as they were.
#include <doctest/doctest.h>

#include "protocol/json.h"
#include "tests/e2e/replica.h"

using namespace e2e;

namespace {

constexpr const char* kLatin1 = "'caf\xe9'";  // quoted for the shell

struct World : Synced {
  World() {
    server.exec("CREATE TABLE contacts (id text PRIMARY KEY, name text, city text)");
    server.exec("SELECT sync_enable('contacts', on_conflict => 'manual')");
    server.exec("INSERT INTO contacts VALUES ('1', 'Ada', 'London')");
    REQUIRE(clone().code == 0);
  }
  Ended run(const std::string& verb, const std::string& more) {
    return command(verb + " " + file + " " + more);
  }
  std::string open_conflict() {
    local(phone, "UPDATE contacts SET name = 'A.', city = 'Paris' WHERE id = '1'");
    server.exec("UPDATE contacts SET name = 'B.', city = 'Berlin' WHERE id = '1'");
    REQUIRE(sync().code == 4);
    return local(phone, "SELECT conflict_id FROM _conflicts");
  }
  std::string open() {
    return server.exec("SELECT count(*) FROM objectos_sync.conflicts WHERE status = 'open'");
  }
};

void check_says(const Ended& ended, int code, const std::string& sentence) {
  CHECK_MESSAGE(ended.code == code, ended.output);
  CHECK_MESSAGE(ended.output.find(sentence) != std::string::npos, ended.output);
}

}  // namespace

TEST_CASE("what is no conflict's id, no resolution or no JSON object leaves the conflict open") {
  World world;
  const std::string id = world.open_conflict();
  check_says(world.run("resolve", "5f0c client_wins"), 1,
             "\"5f0c\" is no conflict's id. [bad_conflict_id]");
  check_says(world.run("resolve", "'' client_wins"), 1, "[bad_conflict_id]");
  check_says(world.run("resolve", id + " both_win"), 1, "unknown resolution \"both_win\"");
  for (const char* values : {"'no json'", "'[]'", "'{\"name\": \"a\\u0000b\"}'", kLatin1})
    check_says(world.run("resolve", id + " --values " + values), 1,
               "The values are no JSON object. [bad_values]");
  check_says(world.run("resolve", id + " --values ''"), 1, "Option --values needs a value.");
  check_says(world.run("resolve", id + " --values '{\"nobody\": 1}'"), 3, "nobody");
  CHECK(world.open() == "1");
  CHECK(world.run("conflicts", "").code == 4);
  CHECK(world.server.exec("SELECT concat_ws('|', name, city) FROM contacts") == "B.|Berlin");
  // Upper case and braces name the same conflict, and the file knows that it has ended.
  std::string spelt = id;
  for (char& c : spelt) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  check_says(world.run("resolve", "{" + spelt + "} --values '{\"city\": \"Rome\"}'"), 0,
             "  applied  contacts 1");
  CHECK(world.open() == "0");
  CHECK(world.server.exec("SELECT concat_ws('|', name, city) FROM contacts") == "B.|Rome");
  CHECK(world.run("conflicts", "").code == 0);
}

TEST_CASE("arguments that are no UTF-8 are refused by name, and errors in JSON are UTF-8") {
  World world;
  const std::string text = kLatin1;
  check_says(world.run("log", "contacts " + text), 1, "The record's name is no UTF-8");
  check_says(world.run("log", text + " 1"), 1, "The object's name is no UTF-8");
  for (const std::string& arguments :
       {text, "sync " + text, "sync " + world.file + " --" + text, "doctor " + text,
        "log " + world.file + " contacts " + text,
        "sync " + world.file + " --server \"host=$PGHOST user=postgres dbname=\"" + text}) {
    CAPTURE(arguments);
    const Ended ended = command(arguments + " --json");
    CHECK(ended.code != 0);
    CHECK_NOTHROW_MESSAGE(objectos::parse_json(ended.output), ended.output);
    CHECK_MESSAGE(ended.output.find("caf\xEF\xBF\xBD") != std::string::npos, ended.output);
  }
}

TEST_CASE("a file whose name is no UTF-8 can be cloned, edited and synced") {
  World world;
  const std::string path = world.directory.file("caf\xe9.db");
  REQUIRE(world.clone_into(path).code == 0);
  local(path, "UPDATE contacts SET city = 'Rome' WHERE id = '1'");
  CHECK(command("sync " + shell_quoted(path)).code == 0);
  CHECK(world.server.exec("SELECT city FROM contacts") == "Rome");
}

TEST_CASE("a database or role that is not there is named in one sentence, without libpq's marks") {
  World world;
  Ended ended = command("clone \"host=$PGHOST user=postgres dbname=nowhere\" x.db");
  check_says(ended, 1, "FATAL:  database \"nowhere\" does not exist [3D000]\n  what to do: Check");
  CHECK(ended.output.find("LOCATION") == std::string::npos);
  ended = command("clone \"host=$PGHOST user=nobody_there dbname=postgres\" x.db");
  check_says(ended, 6, "FATAL:  role \"nobody_there\" does not exist [28000]\n  what to do: Check");
  ended = command("clone host=/nowhere x.db");
  check_says(ended, 2, "No such file or directory [08006]\n  detail: \tIs the server running");
}

TEST_CASE("a clone says what is missing: the server's name, the file's, its directory") {
  World world;
  check_says(command("clone '' " + shell_quoted(world.directory.file("new.db"))), 1,
             "No server was named. [no_server]");
  const std::string server = "clone " + shell_quoted(world.server.conninfo()) + " ";
  check_says(command(server + "''"), 1, "No database file was named. [no_database]");
  check_says(command(server + shell_quoted(world.directory.file("nowhere/new.db"))), 5,
             "is not there [file_not_found]\n  what to do: Make the directory first");
  check_says(command("sync " + world.file + " --server ''"), 1, "Option --server needs a value.");
  CHECK_FALSE(std::filesystem::exists(world.directory.file("new.db")));
}

TEST_CASE("output that cannot be written is a failure, although what was to be done is done") {
  World world;
  local(world.phone, "UPDATE contacts SET city = 'Rome' WHERE id = '1'");
  check_says(command("pending " + world.file + " 2>&1 >/dev/full"), 5, "[output_not_written]");
  check_says(command("sync " + world.file + " --json 2>&1 >/dev/full"), 5,
             "what the command did is");
  CHECK(world.server.exec("SELECT city FROM contacts") == "Rome");
  CHECK(world.run("status", "").code == 0);
}
