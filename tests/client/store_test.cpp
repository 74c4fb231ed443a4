// The local database by its promises: real SQLite files; local writes come from the sqlite3 shell,
// because any program may write.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <sys/wait.h>

#include "tests/client/store_file.h"

using namespace store_file;

namespace {

const char* const schema_text =
    R"({"epoch":"e","protocol":1,"objects":[{"object":"order","key":["id"],
"columns":[{"name":"id","type":"text","kind":"text"},{"name":"na\"me","type":"text","kind":"text"},
{"name":"n","type":"bigint","kind":"integer"},{"name":"f","type":"double precision","kind":"float"},
{"name":"d","type":"numeric","kind":"numeric"},{"name":"b","type":"bytea","kind":"bytes"},
{"name":"ok","type":"boolean","kind":"boolean"},{"name":"a","type":"text[]","kind":"array"},
{"name":"j","type":"jsonb","kind":"json"}]}]})";

struct Orders : File {
  Orders() : File(schema_text) {}
  std::string row(const std::string& id) { return db->row_json("order", id).value_or(""); }
};

PulledRow pulled(const std::string& operation, const std::string& id, const std::string& data,
                 int64_t version) {
  return row("mutation", "order", id, operation, data, version);
}
std::string whole(const std::string& id, const std::string& name) {
  return "{\"id\":\"" + id + "\",\"na\\\"me\":\"" + name +
         "\",\"n\":1,\"f\":null,\"d\":null,\"b\":null,\"ok\":true,\"a\":null,\"j\":null}";
}
bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("awkward values come back from SQLite as the server sent them") {
  Orders file;
  std::string row = R"({"id":"k","na\"me":"😀 \"q\" '\\ \n","n":-9223372036854775808,)"
                    R"("f":-0.5,"d":1234567890123456789012345678901234567890.00,"b":"\\x00ff",)"
                    R"("ok":false,"a":[["x",null],["",1]],"j":"{\"a\": 1.00}"})";
  file.round({pulled("insert", "k", row, 1)});
  CHECK(file.row("k") == row);
  for (const char* f : {"\"NaN\"", "\"Infinity\"", "\"-Infinity\""}) {
    file.round({pulled("update", "k", std::string("{\"f\":") + f + "}", 2)});
    CHECK(holds(file.row("k"), std::string("\"f\":") + f + ","));
  }
  for (const char* f : {"0.30000000000000004", "1.7976931348623157e+308", "5e-324", "-1e-300"}) {
    file.round({pulled("update", "k", std::string("{\"f\":") + f + "}", 2)});
    const std::string now = file.row("k");
    CAPTURE(now);
    CHECK(std::strtod(now.c_str() + now.find("\"f\":") + 4, nullptr) == std::strtod(f, nullptr));
  }
}

TEST_CASE("an offline edit from the sqlite3 shell is queued once, with what changed and what was") {
  Orders file;
  file.round({pulled("insert", "4/2'\"", whole("4/2'\\\"", "A."), 7)});
  REQUIRE(file.shell("UPDATE \"order\" SET \"na\"\"me\"='Ada';") == "");
  auto queue = file.db->queue();
  REQUIRE(queue.size() == 1);
  CHECK(queue[0].record_id == "4/2'\"");
  CHECK(queue[0].data == R"({"na\"me":"Ada"})");
  CHECK(queue[0].original == R"({"na\"me":"A."})");
  CHECK(queue[0].version == 7);
  CHECK(file.shell("UPDATE \"order\" SET n=n;") == "");
  CHECK(file.db->queue().size() == 1);
  CHECK(file.db->verify_local().empty());
}

// trap: replace-fires-no-delete
TEST_CASE(
    "INSERT OR REPLACE over a row and UPSERT are updates; a changed key is delete and insert") {
  Orders file;
  file.round({pulled("insert", "1", whole("1", "A"), 7)});
  REQUIRE(file.shell("INSERT OR REPLACE INTO \"order\"(id,n) VALUES('1',5);") == "");
  REQUIRE(file.shell("INSERT INTO \"order\"(id,n) VALUES('1',6) ON CONFLICT(id) DO UPDATE SET "
                     "n=excluded.n;") == "");
  REQUIRE(file.shell("UPDATE \"order\" SET id='2';") == "");
  auto queue = file.db->queue();
  REQUIRE(queue.size() == 4);
  CHECK(queue[0].operation == "update");
  CHECK(queue[1].operation == "update");
  CHECK(queue[1].data == R"({"n":6})");
  CHECK(queue[2].operation == "delete");
  CHECK(queue[3].operation == "insert");
  CHECK(queue[3].record_id == "2");
  CHECK(file.db->verify_local().empty());
}

// trap: nul-in-text
TEST_CASE("U+0000 in a text is refused when it is written") {
  Orders file;
  CHECK(holds(file.shell("INSERT INTO \"order\"(id,\"na\"\"me\") "
                         "VALUES('1','a'||char(0)||'b');"),
              "a text holds U+0000"));
  CHECK(file.db->queue().empty());
}

TEST_CASE("a pulled change to a record with pending work moves the base image, not the edit") {
  Orders file;
  file.round({pulled("insert", "1", whole("1", "A"), 1)});
  file.shell("UPDATE \"order\" SET n=9;");
  file.round({pulled("update", "1", R"({"na\"me":"B","n":2})", 5)});
  CHECK(holds(file.row("1"), R"("na\"me":"B","n":9)"));
  auto batch = file.db->next_batch(10);
  CHECK(holds(batch.at(0).frozen, "\"version\":1,"));
  file.db->store_verdicts({verdict(batch[0].id, "applied", 6)});
  CHECK(file.db->confirmed() == 1);
  file.round({pulled("update", "1", R"({"n":9})", 6)});
  CHECK(file.db->queue().empty());
  file.round({pulled("update", "1", R"({"n":0})", 4)});  // older: not taken
  CHECK(holds(file.row("1"), R"("n":9)"));
}

TEST_CASE(
    "a rejected mutation leaves at once and the row goes back; an absorbed one stays as sent") {
  Orders file;
  file.round({pulled("insert", "1", whole("1", "A"), 1)});
  file.shell("UPDATE \"order\" SET n=8; UPDATE \"order\" SET ok=0;");
  auto batch = file.db->next_batch(10);
  REQUIRE(batch.size() == 2);
  auto rejected = file.db->store_verdicts({verdict(batch[0].id, "rejected", 0)});
  REQUIRE(rejected.size() == 1);
  CHECK(holds(rejected[0].before, "\"n\":8"));
  CHECK(holds(rejected[0].after, "\"n\":1"));
  PulledRow ack = pulled("update", "1", R"({"status":"applied","absorb":true})", 2);
  ack.kind = "acknowledgement", ack.id = batch[1].id;
  file.round({ack});
  CHECK(file.db->queue().empty());
  CHECK(holds(file.row("1"), R"("n":1,)"));
  CHECK(holds(file.row("1"), R"("ok":false)"));
}

TEST_CASE("a re-read drops what was not sent; a truncate drops older records") {
  Orders file;
  file.round(
      {pulled("insert", "1", whole("1", "A"), 1), pulled("insert", "2", whole("2", "B"), 2)});
  PulledRow begin = pulled("begin", "", "", 0), end = pulled("end", "", "", 0);
  begin.kind = end.kind = "reread";
  file.round({begin, pulled("insert", "2", whole("2", "B"), 2), end});
  CHECK(file.row("1").empty());
  CHECK(!file.row("2").empty());
  PulledRow truncate = pulled("truncate", "", "", 3);
  truncate.kind = "truncate";
  file.round({truncate});
  CHECK(file.row("2").empty());
}

TEST_CASE("a full disk is a clear error and changes nothing") {
  Orders file;
  file.db->limit_pages(1);
  bool full = false;
  try {
    file.round({pulled("insert", "1", whole("1", std::string(900000, 'x')), 1)});
  } catch (const StoreError& error) {
    full = error.kind == StoreErrorKind::disk_full;
  }
  CHECK(full);
  CHECK(file.row("1").empty());
  CHECK(file.db->state().checkpoint == "c0");
}

TEST_CASE("a second engine, and a file that is not ours, are refused; detach leaves a plain file") {
  Orders file;
  CHECK_THROWS_AS(LocalDatabase::open(file.path, LocalDatabase::Mode::engine), StoreError);
  std::ofstream(file.directory / "x") << "no database, only some text that is long enough";
  CHECK_FALSE(LocalDatabase::is_ours(file.directory / "x"));
  file.db.reset();
  LocalDatabase::detach(file.path);
  CHECK_FALSE(LocalDatabase::is_ours(file.path));
  CHECK(file.shell("INSERT INTO \"order\"(id) VALUES('1');") == "");
}

TEST_CASE("nothing is made beside or in a file that is another program's") {
  File place;
  const std::string text = place.directory / "letter.txt", other = place.directory / "other.db";
  std::ofstream(text) << "Dear reader, this is a letter and no database at all. " << text;
  place.path = other;
  CHECK(place.shell("PRAGMA application_id=77; CREATE TABLE t(a); INSERT INTO t VALUES (1);") ==
        "");
  const std::string versioned = place.directory / "versioned.db";
  place.path = versioned;
  CHECK(place.shell("PRAGMA user_version=3; CREATE TABLE t(a);") == "");
  const std::string folder = place.directory / "folder";
  std::filesystem::create_directory(folder);
  for (const std::string& path : {text, other, versioned, folder}) {
    CAPTURE(path);
    for (bool create : {false, true}) {
      StoreErrorKind kind = StoreErrorKind::internal;
      try {
        if (create)
          LocalDatabase::create({path, "phone-1", "ann", "e", "postgresql:///crm", schema_text});
        else
          LocalDatabase::open(path, LocalDatabase::Mode::engine);
      } catch (const StoreError& error) {
        kind = error.kind;
      }
      CHECK(kind == StoreErrorKind::not_ours);
    }
    CHECK_FALSE(std::filesystem::exists(path + "-engine-lock"));
    CHECK_FALSE(std::filesystem::exists(path + "-wal"));
  }
  place.path = other;
  CHECK(place.shell("PRAGMA application_id; PRAGMA journal_mode; SELECT a FROM t;") ==
        "77\ndelete\n1");
  place.path = versioned;
  CHECK(place.shell("PRAGMA user_version; SELECT count(*) FROM sqlite_master;") == "3\n1");
}

TEST_CASE("kill -9 around each commit leaves local row = base image and queue") {
  for (const char* point : {"freeze.before_commit", "freeze.after_commit", "verdicts.before_commit",
                            "verdicts.after_commit", "round.before_commit", "round.after_commit"}) {
    Orders file;
    file.round({pulled("insert", "1", whole("1", "A"), 1)});
    file.shell("UPDATE \"order\" SET n=8;");
    file.db.reset();
    pid_t child = fork();
    if (child == 0) {
      setenv("OBJECTOS_FAULT", (std::string("store.") + point).c_str(), 1);
      execl("/proc/self/exe", "store_test", "--worker", file.path.c_str(), nullptr);
      _exit(3);
    }
    int status = 0;
    waitpid(child, &status, 0);
    INFO(point);
    CHECK(WIFSIGNALED(status));
    file.db = LocalDatabase::open(file.path, LocalDatabase::Mode::engine);
    CHECK(file.db->verify_local().empty());
    CHECK(file.db->queue().size() == (std::string(point) == "round.after_commit" ? 0 : 1));
    CHECK(holds(file.row("1"), "\"n\":8"));
  }
}

// The process that is killed: one push and one round over the file.
static int worker(const std::string& path) {
  auto db = LocalDatabase::open(path, LocalDatabase::Mode::engine);
  auto batch = db->next_batch(10);
  db->store_verdicts({verdict(batch.at(0).id, "applied", 2)});
  auto applier = db->begin_round();
  applier->apply(pulled("update", "1", R"({"n":8})", 2));
  PulledRow last;
  last.kind = "checkpoint", last.checkpoint = "c2";
  applier->apply(last);
  applier->commit("2026-01-03T00:00:00Z");
  return 0;
}

int main(int argc, char** argv) {
  setenv("OBJECTOS_CHECK_LOCAL", "1", 1);
  if (argc == 3 && std::string(argv[1]) == "--worker") return worker(argv[2]);
  return doctest::Context(argc, argv).run();
}

TEST_CASE("an update whose record comes whole later in the round misses nothing") {
  Orders file;
  const PulledRow update = pulled("update", "k", R"({"n":2})", 2);
  CHECK(file.round({update}).missing_rows == 1);
  CHECK(file.round({update, pulled("insert", "k", whole("k", "A."), 2)}).missing_rows == 0);
}
