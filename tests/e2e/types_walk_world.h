// The stage of the type walk: docs/types.md as data, and a database with one synced table per type:
// walk_<type>(id, v, a): v of the type, a an array of it. Rows 1…n hold the values, rows 1001… and
// 2001… hold NULL, to be written through sync_push and through a client's SQLite file.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

namespace types_walk {

struct DocumentedType {
  std::string name, kind, sqlite;
  std::string value, json;  // empty where only NULL can be written
};

// The rows of the table "Built-in types".
std::vector<DocumentedType> read_documentation(const std::string& path);

// The documented example first, then the values that went wrong elsewhere.
std::vector<std::string> values_of(const DocumentedType& type);

using Rows = std::vector<std::vector<std::string>>;

class World {
 public:
  // Made once for all tests of the process.
  static World& get();
  // Every result column as text, NULL as "".
  Rows query(const std::string& sql, const std::vector<std::string>& parameters = {});
  const std::vector<DocumentedType>& types() const { return types_; }
  // Ids of rows 1…n whose copy `offset` further on is not the same value in v or a.
  std::string differing(const DocumentedType& type, int offset);
  static std::string table(const DocumentedType& type) { return "walk_" + type.name; }
  static constexpr const char* conninfo = "dbname=objectos_types";

 private:
  World();
  void create_table(const DocumentedType& type);
  std::unique_ptr<PGconn, void (*)(PGconn*)> connection_;
  std::vector<DocumentedType> types_;
};

}  // namespace types_walk
