// Pulls and pushes by frames and by rows: the same to the replica, and a frame that cannot be read
// costs nothing but the exchange.
#include <doctest/doctest.h>

#include <algorithm>

#include "objectos/error.h"
#include "objectos/sync_engine.h"
#include "protocol/frame.h"
#include "protocol/json.h"
#include "protocol/limits.h"
#include "tests/e2e/faulty_network.h"
#include "tests/e2e/replica.h"
#include "transport/pg_transport.h"

using namespace e2e;
using namespace std::chrono_literals;
using objectos::Frames;

namespace {

std::string hex(const std::string& bytes) {
  std::string out = "\\x";
  for (const char c : bytes) {
    out += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

// Everything of a page that the file is made from. A frame leaves out the ids of net effects and
// names conflicts at its end.
std::vector<std::string> lines_of(const objectos::PullPage& page) {
  std::vector<std::string> lines, conflicts;
  for (std::size_t i = 0; i < page.size(); ++i) {
    const objectos::PullRow row = page.row(i);
    std::string line(row.kind);
    if (row.kind == "acknowledgement") line += ' ' + std::string(row.id);
    // Not the checkpoint: it names the WAL's position, which others move on.
    for (const auto text : {row.object, row.record_id, row.operation, row.tag})
      line += '|' + std::string(row.kind == "conflict" ? "" : text);
    if (row.kind != "acknowledgement") line += '|' + std::string(row.data);
    if (row.version) line += '|' + std::to_string(*row.version);
    line += row.has_more ? " more" : "";
    if (row.kind == "checkpoint") lines.insert(lines.end(), conflicts.begin(), conflicts.end());
    (row.kind == "conflict" ? conflicts : lines).push_back(line);
  }
  return lines;
}

struct Way {
  std::unique_ptr<objectos::Transport> transport;
  Way(const Server& server, Frames frames)
      : transport(objectos::make_pg_transport(server.conninfo(), {10s, 0s}, frames)) {
    transport->connect();
  }
  // The pages of one round, one list of lines each.
  std::vector<std::vector<std::string>> round(std::string checkpoint, int page_size) {
    std::vector<std::vector<std::string>> pages;
    transport->begin_round();
    for (bool more = true; more;) {
      transport->request_page("reader", checkpoint, page_size, 0);
      const auto page = transport->receive_page();
      pages.push_back(lines_of(*page));
      const objectos::PullRow last = page->row(page->size() - 1);
      more = last.has_more;
      checkpoint = last.checkpoint;
    }
    last_checkpoint = checkpoint;
    transport->end_round();
    return pages;
  }
  std::vector<objectos::VerdictRow> push(const std::string& mutations) {
    transport->request_push("one", mutations);
    return transport->receive_push();
  }
  std::string last_checkpoint;
};

void make_world(Server& server) {
  server.exec("CREATE TABLE notes (id int PRIMARY KEY, body text)");
  server.exec(
      "CREATE TABLE \"odd \"\"name\" (\"a key\" text, b int, v jsonb, PRIMARY KEY (\"a key\", b))");
  server.exec("CREATE TABLE guarded (id int PRIMARY KEY, body text)");
  server.exec(
      "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; ALTER TABLE guarded FORCE ROW LEVEL "
      "SECURITY; CREATE POLICY p ON guarded USING (body <> 'hidden')");
  server.exec(
      "SELECT sync_enable('notes', 'manual'), sync_enable('\"odd \"\"name\"'), "
      "sync_enable('guarded')");
  server.exec(
      "INSERT INTO notes SELECT g, E'l\u00efne \\n \\t \"q\" \\\\ ' || g FROM "
      "generate_series(1, 7) g");
  server.exec(
      "INSERT INTO \"odd \"\"name\" VALUES (E'k\\n\"\\\\\u00fc/%', 1, "
      "'{\"a\": [1, {\"b\": null}], \"c\": \"}]\\\"\"}'), ('plain', 2, NULL)");
  server.exec("INSERT INTO guarded SELECT g, 'open' FROM generate_series(1, 5) g");
}

// Changes of every kind, and a conflict and an acknowledgement of the client that pulls.
void change_world(Server& server, const std::string& user) {
  server.exec("UPDATE notes SET body = 'plain' WHERE id = 2");
  const std::string version = server.exec("SELECT _version FROM notes WHERE id = 2");
  server.exec("UPDATE notes SET body = 'theirs' WHERE id = 1");
  const auto push = [&](const std::string& id, int number, int record,
                        const std::string& original) {
    server.exec("SET SESSION AUTHORIZATION " + user);
    server.exec("SELECT count(*) FROM sync_push('reader', '[{\"id\": \"" + id +
                "\", \"object\": \"notes\", \"record_id\": \"" + std::to_string(record) +
                "\", \"operation\": \"update\", \"data\": {\"body\": \"mine\"}, \"original\": "
                "{\"body\": \"" +
                original + "\"}, \"version\": " + version +
                ", \"client_sequence\": " + std::to_string(number) + "}]')");
    server.exec("RESET SESSION AUTHORIZATION");
  };
  push("00000000-0000-4000-8000-000000000001", 1, 1, "other");
  push("00000000-0000-4000-8000-000000000002", 2, 2, "plain");
  server.exec("DELETE FROM notes WHERE id = 3");
  server.exec("UPDATE guarded SET body = 'hidden' WHERE id = 2");
  server.exec("DELETE FROM guarded WHERE id = 3");
  server.exec("TRUNCATE \"odd \"\"name\"");
  server.exec("INSERT INTO \"odd \"\"name\" VALUES ('after', 3, '[]')");
  server.exec("UPDATE notes SET body = NULL WHERE id = 4");
}

// The server's own function under another name, with what `damage` makes of its frame in its place.
void damage(Server& server, const std::string& function, const std::string& arguments,
            const std::string& names, const std::string& damage) {
  server.exec("ALTER FUNCTION " + function + "(" + arguments + ") RENAME TO sound");
  server.exec("CREATE FUNCTION " + function + "(" + arguments +
              ") RETURNS bytea LANGUAGE plpgsql AS "
              "$$ DECLARE frame bytea; BEGIN frame := sound(" +
              names + "); RETURN " + damage + "; END $$");
}
void mend(Server& server, const std::string& function, const std::string& arguments) {
  server.exec("DROP FUNCTION " + function + "(" + arguments + ")");
  server.exec("ALTER FUNCTION sound(" + arguments + ") RENAME TO " + function);
}
constexpr const char* kPull = "sync_pull_frame";
constexpr const char* kPullArguments = "text, text, int, bigint";
constexpr const char* kPush = "sync_push_frame";

struct Damage {
  const char* name;
  std::string expression;
  const char* code;
};
// The bomb is made here: one byte more than a frame may grow to, in some thousand bytes.
std::vector<Damage> damages() {
  const std::string bomb =
      objectos::encode_frame(std::string(objectos::limits::response_bytes_max + 1, ' '));
  REQUIRE(bomb.size() < 100'000);
  return {
      {"empty", "''::bytea", "damaged_frame"},
      {"cut off", "substr(frame, 1, length(frame) - 1)", "damaged_frame"},
      {"something behind it", "frame || 'x'::bytea", "damaged_frame"},
      {"a flipped bit in zstd's header", "set_byte(frame, 6, get_byte(frame, 6) # 128)",
       "damaged_frame"},
      {"no message of ours", "'" + hex(objectos::encode_frame("[1, 2]")) + "'::bytea",
       "damaged_frame"},
      {"an unfinished message",
       "'" + hex(objectos::encode_frame("{\"mutations\":[{\"id\":")) + "'::bytea", "damaged_frame"},
      {"a newer dictionary", "set_byte(frame, 4, 9)", "OS013"},
      {"a newer frame", "set_byte(frame, 3, 9)", "OS013"},
      {"a bomb", "'" + hex(bomb) + "'::bytea", "OS007"}};
}

objectos::Options options(const Server& server, const std::string& file, Frames frames) {
  return {.database = file, .server = server.conninfo(), .frames = frames};
}

std::string failure_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const objectos::Error& error) {
    CHECK(!error.message().empty());
    CHECK(!error.hint().empty());
    return error.code();
  }
  return "none";
}

}  // namespace

TEST_CASE("a round in frames has the rows of a round in rows, whatever the size of its pages") {
  Server server;
  // A superuser passes row security by.
  server.exec("CREATE ROLE framed_reader LOGIN");
  make_world(server);
  server.exec(
      "SELECT sync_grant('framed_reader'); GRANT ALL ON ALL TABLES IN SCHEMA public TO "
      "framed_reader");
  const auto as_reader = [&](Frames frames) {
    Way way(server, Frames::off);
    std::string conninfo = server.conninfo();
    const std::string user = std::string("user=") + std::getenv("PGUSER");
    conninfo.replace(conninfo.find(user), user.size(), "user=framed_reader");
    way.transport = objectos::make_pg_transport(conninfo, {10s, 0s}, frames);
    way.transport->connect();
    return way;
  };
  {
    Way rows = as_reader(Frames::off), frames = as_reader(Frames::on);
    for (const int size : {1, 3, 1000}) {
      CAPTURE(size);
      CHECK(frames.round("0", size) == rows.round("0", size));
    }
    const std::string start = rows.last_checkpoint;
    change_world(server, "framed_reader");
    for (const int size : {1, 2, 1000}) {
      CAPTURE(size);
      const auto by_rows = rows.round(start, size);
      CHECK(frames.round(start, size) == by_rows);
      std::string kinds;
      for (const auto& page : by_rows)
        for (const auto& line : page) kinds += line.substr(0, line.find_first_of(" |")) + ' ';
      for (const char* kind : {"mutation", "acknowledgement", "conflict", "removal", "truncate"}) {
        CAPTURE(kinds);
        CHECK(kinds.find(kind) != std::string::npos);
      }
    }
  }
  server.exec("DROP OWNED BY framed_reader; DROP ROLE framed_reader");
}

TEST_CASE("a push in frames has the verdicts of a push in rows, and either way repeats the other") {
  Server server;
  make_world(server);
  const std::string mutations =
      "[{\"id\":\"00000000-0000-4000-8000-000000000001\",\"object\":\"notes\",\"record_id\":\"1\","
      "\"operation\":\"update\",\"data\":{\"body\":\"x\"},\"original\":{\"body\":\"y\"},"
      "\"version\":1,\"client_sequence\":1},"
      "{\"id\":\"00000000-0000-4000-8000-000000000002\",\"object\":\"notes\",\"record_id\":\"2\","
      "\"operation\":\"insert\",\"data\":{\"id\":2},\"client_sequence\":2},"
      "{\"id\":\"00000000-0000-4000-8000-000000000003\",\"object\":\"notes\",\"record_id\":\"90\","
      "\"operation\":\"insert\",\"data\":{\"id\":90,\"body\":\"new\"},\"client_sequence\":3}]";
  Way rows(server, Frames::off), frames(server, Frames::on);
  const auto text = [](const std::vector<objectos::VerdictRow>& verdicts) {
    std::string all;
    for (const auto& v : verdicts)
      all += v.mutation_id + v.status + std::to_string(v.version.value_or(-1)) + '/' +
             std::to_string(v.sequence.value_or(-1)) + '/' + v.reason.value_or("-") + '/' +
             v.resolution.value_or("-") + '/' + std::to_string(v.server_version.value_or(-1)) +
             '/' + std::to_string(v.client_version.value_or(-1)) + '/' +
             (v.detail ? objectos::write_json(objectos::parse_json(*v.detail)) : "-") + '\n';
    return all;
  };
  const auto first = frames.push(mutations);
  REQUIRE(first.size() == 3);
  CHECK(first[0].status == "conflict");
  CHECK(first[1].status == "rejected");
  CHECK(first[2].status == "applied");
  const auto again = rows.push(mutations);
  REQUIRE(again.size() == 3);
  CHECK(again[0].duplicate);
  const auto third = frames.push(mutations);
  CHECK(third[0].duplicate);
  CHECK(text(third) == text(again));
  CHECK(server.exec("SELECT count(*) FROM objectos_sync.mutations WHERE client_id = 'one' AND "
                    "operation = 'insert'") == "1");
}

TEST_CASE(
    "frames are taken over a network, rows over a unix socket, unless the app says otherwise") {
  Server server;
  FaultyNetwork link;
  server.exec("CREATE TABLE notes (id int PRIMARY KEY, body text); SELECT sync_enable('notes')");
  server.exec("INSERT INTO notes SELECT g, 'the same words ' || g FROM generate_series(1, 2000) g");
  const auto bytes_of_pull = [&](Frames frames) {
    auto transport =
        objectos::make_pg_transport(link.conninfo(server.conninfo()), {10s, 0s}, frames);
    transport->connect();
    link.bytes();
    transport->begin_round();
    transport->request_page("reader", "0", 2000, 0);
    transport->receive_page();
    return link.bytes();
  };
  const long rows = bytes_of_pull(Frames::off);
  CHECK(rows > 100'000);
  CHECK(bytes_of_pull(Frames::on) < rows / 4);
  CHECK(bytes_of_pull(Frames::automatic) < rows / 4);
  // Over the socket: the function of the other way is not there, and nobody misses it.
  server.exec("ALTER FUNCTION sync_pull RENAME TO not_to_be_called");
  CHECK_THROWS_AS(Way(server, Frames::automatic).round("0", 100), objectos::Error);
  CHECK_NOTHROW(Way(server, Frames::on).round("0", 100));
}

TEST_CASE("a server without frames, or that does not grant them, is spoken to in rows") {
  Server server;
  Directory directory;
  make_world(server);
  const std::string file = directory.file("phone.db");
  objectos::SyncEngine(options(server, file, Frames::on)).clone();
  const auto exchange = [&](const std::string& word) {
    objectos::SyncEngine next(options(server, file, Frames::on));
    server.exec("UPDATE notes SET body = '" + word + "' WHERE id = 5");
    local(file, "UPDATE notes SET body = '" + word + "' WHERE id = 6");
    next.sync_now();
    CHECK(local(file, "SELECT body FROM notes WHERE id = 5") == word);
    CHECK(server.exec("SELECT body FROM notes WHERE id = 6") == word);
  };
  exchange("with frames");
  server.exec("ALTER FUNCTION sync_push_frame RENAME TO gone");
  exchange("one of them missing");
  server.exec("ALTER FUNCTION sync_pull_frame RENAME TO gone_too");
  exchange("none");
}

TEST_CASE(
    "a pulled frame that cannot be read is a clear error, and the next sync brings its rows") {
  Server server;
  Directory directory;
  make_world(server);
  const std::string file = directory.file("phone.db");
  objectos::SyncEngine engine(options(server, file, Frames::on));
  engine.clone();
  int count = 0;
  for (const Damage& how : damages()) {
    CAPTURE(how.name);
    const std::string word = "word " + std::to_string(++count);
    server.exec("UPDATE notes SET body = '" + word + "' WHERE id = 5");
    const std::string before = local(file,
                                     "SELECT body || (SELECT checkpoint FROM _sync_state) "
                                     "FROM notes WHERE id = 5");
    damage(server, kPull, kPullArguments, "$1, $2, $3, $4", how.expression);
    CHECK(failure_of([&] { engine.pull_now(); }) == how.code);
    CHECK(local(file,
                "SELECT body || (SELECT checkpoint FROM _sync_state) FROM notes WHERE "
                "id = 5") == before);
    mend(server, kPull, kPullArguments);
    engine.pull_now();
    CHECK(local(file, "SELECT body FROM notes WHERE id = 5") == word);
  }
}

TEST_CASE("a frame of verdicts that cannot be read loses no verdict and applies nothing twice") {
  Server server;
  Directory directory;
  make_world(server);
  server.exec("CREATE TABLE tally (id int PRIMARY KEY, n int NOT NULL)");
  server.exec("SELECT sync_enable('tally', fields => '{\"n\": \"counter\"}')");
  server.exec("INSERT INTO tally VALUES (1, 0)");
  const std::string file = directory.file("phone.db");
  objectos::SyncEngine engine(options(server, file, Frames::on));
  engine.clone();
  int count = 0;
  for (const Damage& how : damages()) {
    CAPTURE(how.name);
    ++count;
    local(file, "UPDATE tally SET n = n + 1 WHERE id = 1");
    damage(server, kPush, "bytea", "$1", how.expression);
    CHECK(failure_of([&] { engine.sync_now(); }) == how.code);
    CHECK(local(file, "SELECT count(*) FROM _mutations") == "1");
    mend(server, kPush, "bytea");
    const auto result = engine.sync_now();
    REQUIRE(result.verdicts.size() == 1);
    CHECK(result.verdicts[0].duplicate);
    CHECK(server.exec("SELECT n FROM tally") == std::to_string(count));
    CHECK(local(file, "SELECT n FROM tally") == std::to_string(count));
  }
  CHECK(leftovers(file, "tally") == kNoLeftovers);
}
