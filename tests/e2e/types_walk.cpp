// Walks docs/types.md both ways against the server: the table is complete, its examples are what
// the server sends, and values survive pull → push and server → SQLite → server.
#include <doctest/doctest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <set>

#include "objectos/sync_engine.h"
#include "types_walk_world.h"

using types_walk::DocumentedType;
using types_walk::Rows;
using types_walk::World;

namespace {

// Every mutation of a whole round from '0', as (object, record_id, data).
const Rows& pulled() {
  static const Rows rows = [] {
    Rows all;
    std::string checkpoint = "0";
    for (bool more = true; more;) {
      const Rows page = World::get().query(
          "SELECT kind, object, record_id, data, checkpoint, has_more"
          " FROM sync_pull('walker', $1, 10000)",
          {checkpoint});
      for (const auto& row : page)
        if (row[0] == "mutation") all.push_back({row[1], row[2], row[3]});
      REQUIRE(page.back()[0] == "checkpoint");
      checkpoint = page.back()[4];
      more = page.back()[5] == "t";
    }
    return all;
  }();
  return rows;
}

// The member's JSON text, exactly as it stands in the object.
std::string member(const std::string& data, const char* name) {
  return World::get().query("SELECT ($1::json -> $2)::text", {data, name})[0][0];
}

// A SQLite file opened by nobody of ours, as an app does it.
class PlainFile {
 public:
  explicit PlainFile(const std::string& path) {
    REQUIRE(sqlite3_open(path.c_str(), &handle_) == SQLITE_OK);
  }
  ~PlainFile() { sqlite3_close(handle_); }
  PlainFile(const PlainFile&) = delete;
  PlainFile& operator=(const PlainFile&) = delete;
  // Rows of texts joined by blanks.
  std::vector<std::string> run(const std::string& sql) {
    std::vector<std::string> rows;
    auto collect = [](void* out, int count, char** values, char**) {
      std::string row;
      for (int i = 0; i < count; i++)
        row += std::string(i > 0 ? " " : "") + (values[i] == nullptr ? "NULL" : values[i]);
      static_cast<std::vector<std::string>*>(out)->push_back(row);
      return 0;
    };
    char* message = nullptr;
    const int code = sqlite3_exec(handle_, sql.c_str(), collect, &rows, &message);
    const std::string text = message == nullptr ? "" : message;
    sqlite3_free(message);
    CAPTURE(sql);
    CAPTURE(text);
    REQUIRE(code == SQLITE_OK);
    return rows;
  }

 private:
  sqlite3* handle_ = nullptr;
};

std::string file_path() {
  return (std::filesystem::temp_directory_path() /
          ("objectos-types-" + std::to_string(getpid()) + ".db"))
      .string();
}

void remove_files() {
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file_path() + suffix);
}

struct RemoveFiles {
  RemoveFiles() { remove_files(); }
  ~RemoveFiles() { remove_files(); }
};

bool stored_as_real(const DocumentedType& type) {
  return type.name == "float4" || type.name == "float8";
}

}  // namespace

TEST_CASE("docs/types.md lists exactly the built-in base, range and multirange types") {
  std::set<std::string> documented, present;
  for (const DocumentedType& type : World::get().types()) documented.insert(type.name);
  CHECK(documented.size() == World::get().types().size());
  for (const auto& row : World::get().query(
           "SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace"
           " AND typtype IN ('b', 'r', 'm')"
           " AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = pg_type.oid)"))
    present.insert(row[0]);
  for (const std::string& name : present) {
    CAPTURE(name);
    CHECK(documented.count(name) == 1);
  }
  for (const std::string& name : documented) {
    CAPTURE(name);
    CHECK(present.count(name) == 1);
  }
}

TEST_CASE("sync_schema() names the kind that docs/types.md promises, and array for every array") {
  std::map<std::string, std::string> kinds;
  for (const auto& row : World::get().query(
           "SELECT o ->> 'object', c ->> 'name', c ->> 'kind' FROM sync_schema() AS s,"
           " jsonb_array_elements(s -> 'objects') AS o, jsonb_array_elements(o -> 'columns') AS c"))
    kinds[row[0] + "." + row[1]] = row[2];
  for (const DocumentedType& type : World::get().types()) {
    CAPTURE(type.name);
    CHECK(kinds[World::table(type) + ".v"] == type.kind);
    CHECK(kinds[World::table(type) + ".a"] == "array");
  }
}

TEST_CASE("every example in docs/types.md is what sync_pull sends") {
  std::map<std::string, std::string> sent;
  for (const auto& row : pulled())
    if (row[1] == "1") sent[row[0]] = member(row[2], "v");
  for (const DocumentedType& type : World::get().types()) {
    if (type.json.empty()) continue;
    CAPTURE(type.name);
    CHECK(sent[World::table(type)] == type.json);
  }
}

// trap: exact-values
TEST_CASE("a pulled value pushed to another record is the same value in PostgreSQL") {
  World& world = World::get();
  for (const auto& row : pulled()) {
    if (std::stoi(row[1]) >= 1000) continue;
    const Rows verdict = world.query(
        "SELECT status, coalesce(reason, ''), coalesce(detail::text, '') FROM sync_push('walker',"
        " json_build_array(json_build_object('id', gen_random_uuid(), 'object', $1::text,"
        "  'record_id', ($2::int + 1000)::text, 'operation', 'update', 'version', NULL,"
        "  'timestamp', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
        "  'data', json_build_object('v', $3::json -> 'v', 'a', $3::json -> 'a'),"
        "  'original', '{\"v\": null, \"a\": null}'::json)))",
        {row[0], row[1], row[2]});
    CAPTURE(row[0]);
    CAPTURE(row[2]);
    CAPTURE(verdict.at(0)[2]);
    CHECK(verdict.at(0)[0] == "applied");
  }
  for (const DocumentedType& type : world.types()) {
    CAPTURE(type.name);
    CHECK(world.differing(type, 1000) == "");
  }
}

// trap: exact-values
TEST_CASE("values carried through a client's SQLite file and frames come back the same") {
  World& world = World::get();
  const RemoveFiles cleanup;
  objectos::SyncEngine engine(
      {.database = file_path(), .server = World::conninfo, .frames = objectos::Frames::on});
  engine.clone();
  CHECK(engine.verify().differences == 0);
  {
    PlainFile file(file_path());
    for (const DocumentedType& type : world.types()) {
      const std::string table = World::table(type);
      CAPTURE(type.name);
      CHECK(file.run("SELECT type FROM pragma_table_info('" + table + "') WHERE name = 'v'") ==
            std::vector<std::string>{type.sqlite});
      file.run("UPDATE " + table + " SET v = (SELECT s.v FROM " + table +
               " AS s WHERE s.id = " + table + ".id - 2000), a = (SELECT s.a FROM " + table +
               " AS s WHERE s.id = " + table + ".id - 2000) WHERE id > 2000");
    }
  }
  for (const objectos::Verdict& verdict : engine.sync_now().verdicts) {
    CAPTURE(verdict.object);
    CAPTURE(verdict.detail);
    CHECK(verdict.status == "applied");
  }
  // docs/types.md, "What is lost": SQLite's REAL keeps no sign of zero. Nothing else may differ.
  for (const DocumentedType& type : world.types()) {
    if (stored_as_real(type))
      world.query("UPDATE " + World::table(type) + " SET v = '-0' WHERE v = 0 AND id > 2000");
    CAPTURE(type.name);
    CHECK(world.differing(type, 2000) == "");
  }
  for (const auto& object : engine.verify().objects) {
    for (const auto& difference : object.differences) {
      CAPTURE(difference.object);
      CAPTURE(difference.record_id);
      CHECK(objectos::difference_kind_name(difference.kind) == std::string("none"));
    }
  }
}
