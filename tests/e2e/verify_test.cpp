// verify(): a replica that was tampered with, in every way, is found out and mended, and what is
// right does not come over the wire again.
#include <doctest/doctest.h>

#include <algorithm>

#include "objectos/sync_engine.h"
#include "tests/e2e/replica.h"

using namespace e2e;
using objectos::DifferenceKind;
using objectos::SyncEngine;
using objectos::VerifyReport;

namespace {

constexpr const char* kColumns =
    "id int PRIMARY KEY, name text, price numeric(12,2), weight float8, small float4, ok bool, "
    "photo bytea, doc jsonb, raw json, tags text[], grid int[], at timestamptz, day date, "
    "span interval, total numeric GENERATED ALWAYS AS (price * 2) STORED";

constexpr const char* kRows =
    "INSERT INTO things SELECT i, 'n' || i, i * 1.10, i / 3.0::float8, i / 7.0::float4, i % 2 = 0, "
    "decode(lpad(to_hex(i), 8, '0'), 'hex'), jsonb_build_object('i', i, 'a', ARRAY[i]), "
    "('{\"a\": ' || i || ' }')::json, ARRAY['x', NULL, 'q\"' || i], ARRAY[[i, 2], [3, 4]], "
    "timestamptz '2024-02-29 12:00:00+00' + i * interval '1 minute', date '2024-01-01' + i, "
    "i * interval '1 hour' FROM generate_series(1, 1000) i";

// Runs SQL on the file while the queue's triggers stand still: a hand that nobody noticed.
void tamper(const std::string& file, const std::string& sql) {
  local(file, "INSERT INTO _applying VALUES('test'); " + sql + "; DELETE FROM _applying");
}

std::string told(const VerifyReport& report) {
  std::string text;
  for (const auto& object : report.objects) {
    std::vector<std::string> lines;
    for (const auto& difference : object.differences) {
      std::string line = difference.object + " " + difference.record_id + " " +
                         objectos::difference_kind_name(difference.kind);
      for (const std::string& field : difference.fields) line += " " + field;
      lines.push_back(line + "\n");
    }
    std::sort(lines.begin(), lines.end());
    for (const std::string& line : lines) text += line;
  }
  return text;
}

struct World {
  Server server;
  Directory directory;
  std::string file = directory.file("phone.db");
  std::unique_ptr<SyncEngine> engine;

  World() {
    server.exec(std::string("CREATE TABLE things (") + kColumns + ")");
    server.exec("SELECT sync_enable('things')");
    server.exec(kRows);
    server.exec("CREATE TABLE pairs (a text, b int, v text, PRIMARY KEY (a, b))");
    server.exec("SELECT sync_enable('pairs')");
    server.exec(
        "INSERT INTO pairs VALUES ('it''s \"q\"', 1, 'one'), ('it''s \"q\"', 2, NULL), "
        "('\xc3\xa9/,[', 1, ''), ('', 0, '\\')");
    engine = clone(file);
  }
  std::unique_ptr<SyncEngine> clone(const std::string& path) {
    auto made = std::make_unique<SyncEngine>(
        objectos::Options{.database = path, .server = server.conninfo()});
    made->clone();
    return made;
  }
  // Tampers, and sees verify() find exactly `expected`, then mend it with `rows` rows.
  void check(const std::string& sql, const std::string& expected, int rows) {
    CAPTURE(sql);
    tamper(file, sql);
    CHECK(told(engine->verify()) == expected);
    CHECK(told(engine->verify()) == expected);  // looking mends nothing
    const VerifyReport mended = engine->verify({.repair = true});
    CHECK(told(mended) == expected);
    CHECK(mended.rows_fetched == rows);
    CHECK(mended.repaired == mended.differences);
    CHECK(mended.bytes < 30'000);
    CHECK(told(engine->verify()) == "");
    CHECK(broken_records(file) == "");
  }
};

}  // namespace

TEST_CASE("an untouched replica has no difference, and learns it in one round trip") {
  World world;
  const VerifyReport report = world.engine->verify();
  CHECK(told(report) == "");
  CHECK(report.differences == 0);
  CHECK(report.round_trips == 1);
  CHECK(report.rows_fetched == 0);
  CHECK(report.bytes < 200);
  REQUIRE(report.objects.size() == 2);
  CHECK(report.objects[1].object == "things");
  CHECK(report.objects[1].server_records == 1000);
  CHECK(report.objects[1].local_records == 1000);
}

TEST_CASE("every way of tampering is found, named by field, and repaired by its rows alone") {
  World world;
  const auto changed = [&](const char* set, const char* field) {
    world.check(std::string("UPDATE things SET ") + set + " WHERE id = 77",
                std::string("things 77 different ") + field + "\n", 1);
  };
  changed("name = 'x'", "name");
  changed("name = ''", "name");
  changed("name = NULL", "name");
  changed("price = '84.7'", "price");
  changed("weight = weight + 1e-15 * weight", "weight");
  changed("small = small + 1", "small");
  changed("ok = NOT ok", "ok");
  changed("photo = x'00'", "photo");
  changed("photo = ''", "photo");
  changed("doc = '{\"i\":77,\"a\":[77]}'", "doc");
  changed("raw = raw || ' '", "raw");
  changed("tags = '[\"x\",null]'", "tags");
  changed("grid = '[[77,2],[3,5]]'", "grid");
  changed("at = '2024-02-29T13:17:00Z'", "at");
  changed("day = NULL", "day");
  changed("span = 'P'", "span");
  changed("total = '0'", "total");
  changed("_version = 1", "_version");
  changed("_version = 9000000000", "_version");
  changed("_version = NULL", "_version");
  world.check("DELETE FROM things WHERE id IN (5, 6)", "things 5 missing\nthings 6 missing\n", 2);
  world.check("INSERT INTO things(id, name, _version) VALUES(2001, 'ghost', 3)",
              "things 2001 extra\n", 0);
  world.check("UPDATE things SET id = 3000 WHERE id = 9", "things 3000 extra\nthings 9 missing\n",
              1);
  world.check("INSERT INTO things(name, _version) VALUES('no key', 3)",
              std::string("things ") + '\0' + " extra\n", 0);
  world.check("UPDATE pairs SET v = '' WHERE v IS NULL",
              "pairs [\"it's \\\"q\\\"\",2] different v\n", 1);
  world.check("DELETE FROM pairs",
              "pairs [\"\",0] missing\npairs [\"it's \\\"q\\\"\",1] missing\n"
              "pairs [\"it's \\\"q\\\"\",2] missing\npairs [\"\xc3\xa9/,[\",1] missing\n",
              4);
}

TEST_CASE("a type that SQLite keeps and JSON does not tell is a difference, too") {
  World world;
  tamper(world.file, "UPDATE things SET photo = CAST(photo AS TEXT) WHERE id = 65");
  CHECK(told(world.engine->verify({.repair = true})) == "things 65 different\n");
  CHECK(local(world.file, "SELECT typeof(photo) FROM things WHERE id = 65") == "blob");
  CHECK(told(world.engine->verify()) == "");
}

TEST_CASE("pending work is no difference; its base images are compared, and it survives a repair") {
  World world;
  local(world.file, "UPDATE things SET name = 'mine', price = '5' WHERE id = 10");
  local(world.file, "UPDATE things SET name = 'mine', weight = 0.1 WHERE id = 11");
  local(world.file, "DELETE FROM things WHERE id = 12");
  local(world.file, "INSERT INTO things(id, name) VALUES(5000, 'new')");
  CHECK(told(world.engine->verify()) == "");
  CHECK(local(world.file, "SELECT count(*) FROM _mutations") == "4");
  tamper(world.file,
         "UPDATE _base SET image = json_set(image, '$.tags', '[]') WHERE record_id = '10'; "
         "DELETE FROM _base WHERE record_id = '11'; "
         "UPDATE _base SET version = version - 1 WHERE record_id = '12'; "
         "UPDATE things SET weight = 99 WHERE id = 13");
  const VerifyReport report = world.engine->verify({.repair = true});
  CHECK(told(report) ==
        "things 10 different tags\nthings 11 different name weight\nthings 12 different "
        "_version\nthings 13 different weight\n");
  CHECK(report.rows_fetched == 4);
  CHECK(told(world.engine->verify()) == "");
  CHECK(broken_records(world.file) == "");
  CHECK(local(world.file, "SELECT count(*) FROM _mutations") == "4");
  CHECK(local(world.file, "SELECT name || weight FROM things WHERE id = 11") == "mine0.1");
  world.engine->sync_now();
  CHECK(told(world.engine->verify()) == "");
  CHECK(world.server.exec("SELECT string_agg(name, ',' ORDER BY id) FROM things WHERE name IN "
                          "('mine', 'new')") == "mine,mine,new");
  CHECK(world.server.exec("SELECT count(*) FROM things WHERE id = 12") == "0");
}

TEST_CASE("a base image that is no JSON is a difference in every field, and is mended") {
  for (const std::string broken : {"", "no JSON", "{\"name\":", "[]", "{\"name\":\"\\u12\"}"}) {
    CAPTURE(broken);
    World world;
    local(world.file, "UPDATE things SET name = 'mine' WHERE id IN (10, 11)");
    tamper(world.file, "UPDATE _base SET image = '" + broken + "' WHERE record_id = '10'");
    CHECK(broken_records(world.file).starts_with("things 10: expected , found {"));
    CHECK(told(world.engine->verify()).starts_with("things 10 different "));
    const Ended diff = command("diff --json " + shell_quoted(world.file));
    CHECK(diff.code == 5);
    CHECK(diff.output.find("verify --repair") != std::string::npos);
    CHECK(told(world.engine->verify({.repair = true})).starts_with("things 10 different "));
    CHECK(told(world.engine->verify()) == "");
    CHECK(broken_records(world.file) == "");
    world.engine->sync_now();
    CHECK(world.server.exec("SELECT string_agg(id::text, ',' ORDER BY id) FROM things WHERE name = "
                            "'mine'") == "10,11");
  }
}

TEST_CASE("a sync that needs a base image which is no JSON reads the replica anew") {
  for (const std::string where : {"server", "here"}) {
    CAPTURE(where);
    World world;
    local(world.file, "UPDATE things SET name = 'mine' WHERE id = 10");
    tamper(world.file, "UPDATE _base SET image = 'no JSON' WHERE record_id = '10'");
    if (where == "server") world.server.exec("UPDATE things SET ok = NOT ok WHERE id = 10");
    world.engine->sync_now();
    world.engine->sync_now();
    CHECK(told(world.engine->verify()) == "");
    CHECK(broken_records(world.file) == "");
    CHECK(world.server.exec("SELECT name FROM things WHERE id = 10") == "mine");
    CHECK(local(world.file, "SELECT name FROM things WHERE id = 10") == "mine");
  }
}

TEST_CASE("verify pulls first: what others changed is no difference, on either of two devices") {
  World world;
  const std::string tablet = world.directory.file("tablet.db");
  auto other = world.clone(tablet);
  local(tablet, "UPDATE things SET name = 'tablet', small = 0.1, weight = 1e300 WHERE id < 20");
  local(tablet,
        "INSERT INTO things(id, name, price, raw, tags) VALUES(6000, 'q', '1', '{}', "
        "'[]')");
  other->sync_now();
  world.server.exec("UPDATE things SET name = 'psql' WHERE id BETWEEN 30 AND 40");
  world.server.exec("DELETE FROM things WHERE id = 50");
  CHECK(told(world.engine->verify()) == "");
  CHECK(told(other->verify()) == "");
  CHECK(local(world.file, "SELECT name FROM things WHERE id = 19") == "tablet");
}

TEST_CASE("a server row changed behind the triggers' back is found and taken over") {
  World world;
  world.server.exec("ALTER TABLE things DISABLE TRIGGER USER");
  world.server.exec("UPDATE things SET name = 'unseen' WHERE id = 400");
  world.server.exec("DELETE FROM things WHERE id = 401");
  world.server.exec("ALTER TABLE things ENABLE TRIGGER USER");
  const VerifyReport report = world.engine->verify({.repair = true});
  CHECK(report.repaired == report.differences);
  CHECK(local(world.file, "SELECT name FROM things WHERE id = 400") == "unseen");
  CHECK(local(world.file, "SELECT count(*) FROM things WHERE id = 401") == "0");
  CHECK(told(world.engine->verify()) == "");
}

TEST_CASE("a record that was deleted here and changed there is mended without reading all again") {
  World world;
  tamper(world.file, "DELETE FROM things WHERE id = 300");
  world.server.exec("UPDATE things SET name = 'later' WHERE id = 300");
  const VerifyReport report = world.engine->verify({.repair = true});
  CHECK(told(report) == "things 300 missing\n");
  CHECK(report.rows_fetched == 1);
  CHECK(local(world.file, "SELECT name FROM things WHERE id = 300") == "later");
}

TEST_CASE("a whole table gone is found, counted and repaired, the list bounded") {
  World world;
  tamper(world.file, "DELETE FROM things WHERE id > 10; UPDATE things SET name = 'x'");
  const VerifyReport report = world.engine->verify({.repair = true, .differences_max = 7});
  REQUIRE(report.objects.size() == 2);
  CHECK(report.objects[1].missing == 990);
  CHECK(report.objects[1].different == 10);
  CHECK(report.objects[1].differences.size() == 7);
  CHECK(report.repaired == 1000);
  CHECK(told(world.engine->verify()) == "");
}

TEST_CASE("a change listener hears what a repair changed, and progress tells the phase") {
  World world;
  tamper(world.file, "UPDATE things SET name = 'x' WHERE id = 3; DELETE FROM things WHERE id = 4");
  std::string changes;
  bool verifying = false;
  auto heard = world.engine->on_change("", [&](const objectos::Change& change) {
    changes += change.object + " " + change.record_id + ";";
  });
  auto seen = world.engine->on_progress([&](const objectos::Progress& progress) {
    verifying = verifying || progress.phase == objectos::Phase::verifying;
  });
  world.engine->verify({.repair = true});
  CHECK(world.engine->drain(std::chrono::seconds(20)));
  CHECK(changes.find("things 3;") != std::string::npos);
  CHECK(changes.find("things 4;") != std::string::npos);
  CHECK(verifying);
}

TEST_CASE("diff() tells by field what pending work makes of a record") {
  World world;
  local(world.file, "UPDATE things SET name = NULL, weight = 0.5 WHERE id = 10");
  local(world.file, "DELETE FROM things WHERE id = 12");
  local(world.file, "INSERT INTO things(id, name) VALUES(5000, '')");
  local(world.file, "UPDATE things SET name = 'x' WHERE id = 20");
  local(world.file, "UPDATE things SET name = 'n20' WHERE id = 20");
  const auto diffs = world.engine->diff();
  REQUIRE(diffs.size() == 4);
  CHECK(diffs[0].operation == "update");
  REQUIRE(diffs[0].fields.size() == 2);
  CHECK(diffs[0].fields[0].field == "name");
  CHECK(diffs[0].fields[0].base == "\"n10\"");
  CHECK(diffs[0].fields[0].local == "null");
  CHECK(diffs[0].fields[1].local == "0.5");
  CHECK(diffs[1].operation == "delete");
  CHECK(diffs[1].fields[1].local == "");
  CHECK(diffs[2].operation == "insert");
  CHECK(diffs[2].fields[1].base == "");
  CHECK(diffs[2].fields[1].local == "\"\"");
  CHECK(diffs[3].operation == "none");
}

TEST_CASE("log() tells who changed a record what when, the newest first") {
  World world;
  local(world.file, "UPDATE pairs SET v = 'by phone' WHERE a = ''");
  world.engine->sync_now();
  world.server.exec("DELETE FROM pairs WHERE a = ''");
  const auto steps = world.engine->log("pairs", "[\"\",0]");
  REQUIRE(steps.size() == 3);
  CHECK(steps[0].operation == "delete");
  CHECK(steps[0].client_id == "");
  CHECK(steps[0].original.find("by phone") != std::string::npos);
  CHECK(steps[1].operation == "update");
  CHECK(steps[1].data == "{\"v\": \"by phone\"}");
  CHECK(steps[1].client_id == world.engine->status().client_id);
  CHECK(steps[1].version > steps[2].version);
  CHECK(steps[2].operation == "insert");
  CHECK(steps[2].timestamp.size() == 27);
  // A delete bears the version of the step before it; the two are not torn apart.
  CHECK(world.engine->log("pairs", "[\"\",0]", 1).size() == 2);
}

TEST_CASE("under row-level security what the user sees is compared, and lost tags are restored") {
  Server server;
  Directory directory;
  const std::string file = directory.file("phone.db");
  const std::string role = "verify_" + std::to_string(getpid());
  server.exec("CREATE ROLE " + role);
  server.exec("CREATE TABLE docs (id int PRIMARY KEY, owner text, body text, secret text)");
  server.exec("ALTER TABLE docs ENABLE ROW LEVEL SECURITY");
  server.exec("CREATE POLICY own ON docs USING (owner = current_user)");
  server.exec("SELECT sync_enable('docs')");
  server.exec("SELECT sync_grant('" + role + "')");
  server.exec("GRANT SELECT (id, owner, body, _version), INSERT, UPDATE, DELETE ON docs TO " +
              role);
  server.exec("INSERT INTO docs SELECT i, CASE WHEN i % 2 = 0 THEN '" + role +
              "' ELSE 'else' END, 'b' || i, 's' FROM generate_series(1, 40) i");
  SyncEngine engine(
      {.database = file, .server = server.conninfo() + " options='-c role=" + role + "'"});
  engine.clone();
  local(file, "INSERT INTO docs(id, owner, body) VALUES(100, '" + role + "', 'own')");
  engine.sync_now();
  const VerifyReport untouched = engine.verify();
  CHECK(told(untouched) == "");
  CHECK(untouched.objects.at(0).server_records == 21);
  tamper(
      file,
      "UPDATE docs SET body = 'x' WHERE id = 2; UPDATE _tags SET tag = 'x' WHERE record_id = "
      "'4'; DELETE FROM _tags WHERE record_id = '6'; INSERT INTO docs(id, owner, body, _version) "
      "VALUES(1, 'else', 'b1', 2); DELETE FROM docs WHERE id = 8");
  const std::string expected =
      "docs 1 extra\ndocs 2 different body\ndocs 4 different\ndocs 6 different\ndocs 8 missing\n";
  CHECK(told(engine.verify({.repair = true})) == expected);
  CHECK(told(engine.verify()) == "");
  // Every record, the own one too, can be taken away by its tag.
  server.exec("UPDATE docs SET owner = 'else'");
  engine.sync_now();
  CHECK(local(file, "SELECT count(*) FROM docs") == "0");
  CHECK(told(engine.verify()) == "");
  server.exec("DROP OWNED BY " + role);
  server.exec("DROP ROLE " + role);
}
