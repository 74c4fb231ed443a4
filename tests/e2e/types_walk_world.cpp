#include "types_walk_world.h"

#include <fstream>
#include <map>
#include <stdexcept>

namespace types_walk {

namespace {

// Cells of a Markdown row; `\|` is a bar within a cell.
std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> found;
  std::string cell;
  for (std::size_t i = 1; i < line.size(); i++) {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '|') {
      cell += line[++i];
    } else if (line[i] == '|') {
      // One blank on each side belongs to the layout, the rest to the cell.
      found.push_back(cell.size() < 2 ? "" : cell.substr(1, cell.size() - 2));
      cell.clear();
    } else {
      cell += line[i];
    }
  }
  return found;
}

std::string without_backticks(const std::string& cell) {
  if (cell.size() >= 2 && cell.front() == '`' && cell.back() == '`')
    return cell.substr(1, cell.size() - 2);
  return "";
}

const std::map<std::string, std::vector<std::string>>& awkward_values() {
  static const std::map<std::string, std::vector<std::string>> values = {
      {"bool", {"false"}},
      {"int2", {"0", "32767"}},
      {"int4", {"2147483647"}},
      {"int8", {"-9223372036854775808", "9007199254740993"}},
      {"oid", {"0"}},
      {"float4", {"3.4028235e38", "1e-45", "NaN", "Infinity", "-Infinity", "-0", "16777216"}},
      {"float8",
       {"0.30000000000000004", "1.7976931348623157e308", "5e-324", "NaN", "Infinity", "-Infinity",
        "-0", "9007199254740993", "1e15", "123456789012345680"}},
      {"numeric",
       {"1234567890123456789012345678901234567890.0123456789", "NaN", "Infinity", "-Infinity",
        "-0.000", "1e-30", "0"}},
      {"text",
       {"", " ", "null", "true", "12", "{\"a\":1}", "\"", "\\", "line\nfeed\ttab\r", "\x01\x1f",
        "\xc3\xa9 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac", "a/b", "'", "\x7f", "\\u0041"}},
      {"varchar", {"", "NULL"}},
      {"bpchar", {"", "   "}},
      {"char", {"\"", ""}},
      {"name", {"", "\"Quoted name\""}},
      {"bytea", {"", "\\x", "\\xdeadbeef00", "\\x5c78"}},
      {"json",
       {"null", "\"text\"", "1.00", "[]", "{}", "[1, 2.50, 1e400]", "\"\\u0041\\\\\"", "  true "}},
      {"jsonb", {"null", "\"text\"", "1.00", "[]", "12345678901234567890.123", "{\"\": [null]}"}},
      {"date", {"infinity", "-infinity", "5874897-12-31", "4713-01-01 BC", "2024-02-29"}},
      {"time", {"00:00:00", "24:00:00"}},
      {"timetz", {"00:00:00-15:59", "24:00:00+00"}},
      {"timestamp",
       {"infinity", "-infinity", "0001-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999",
        "2024-01-01 00:00:00"}},
      {"timestamptz",
       {"infinity", "-infinity", "0044-03-15 12:00:00+00 BC", "294276-12-31 23:59:59.999999+00",
        "2024-03-31 02:30:00 Europe/Vienna"}},
      {"interval",
       {"0", "-1 month +1 day -00:00:00.000001", "178000000 years", "1 month -30 days", "25:00:00",
        "-00:00:01.5"}},
      {"money", {"92233720368547758.07", "0"}},
      {"varbit", {"", "1"}},
      {"inet", {"::1", "10.0.0.0/8", "255.255.255.255"}},
      {"point", {"(NaN,Infinity)", "(0.30000000000000004,-1e-300)"}},
      {"path", {"((0,0),(1,1))"}},
      {"tsvector", {"", "'it''s' '\\\\'"}},
      {"tsquery", {"", "'a':*A <2> ( 'b' | !'c' )"}},
      {"xml", {"text only", "<?xml version=\"1.0\"?><a b=\"c\"/>"}},
      {"pg_lsn", {"0/0"}},
      {"regproc", {"-"}},
      {"regclass", {"-", "information_schema.tables"}},
      {"regtype", {"-", "timestamp with time zone", "integer[]"}},
      {"oidvector", {""}},
      {"int2vector", {""}},
      {"int4range", {"empty", "(,)"}},
      {"numrange", {"empty", "[1.0,2.00)", "(,)"}},
      {"tstzrange", {"empty", "(-infinity,infinity)"}},
  };
  return values;
}

std::string sql_type(const DocumentedType& type) {
  return "pg_catalog.\"" + type.name + "\"";
}

}  // namespace

std::vector<DocumentedType> read_documentation(const std::string& path) {
  std::ifstream file(path);
  std::vector<DocumentedType> types;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) inside = line == "## Built-in types";
    if (!inside || !line.starts_with("| `")) continue;
    const std::vector<std::string> row = cells(line);
    if (row.size() != 6) throw std::runtime_error("docs/types.md: not six cells: " + line);
    types.push_back({without_backticks(row[0]), row[1], row[2], without_backticks(row[3]),
                     without_backticks(row[4])});
  }
  if (types.empty()) throw std::runtime_error(path + " has no table of built-in types");
  return types;
}

std::vector<std::string> values_of(const DocumentedType& type) {
  if (type.json.empty()) return {};
  std::vector<std::string> values{type.value};
  const auto found = awkward_values().find(type.name);
  if (found != awkward_values().end())
    values.insert(values.end(), found->second.begin(), found->second.end());
  return values;
}

World& World::get() {
  static World world;
  return world;
}

World::World() : connection_(PQconnectdb("dbname=postgres"), PQfinish) {
  query("SET client_min_messages = warning");
  query("DROP DATABASE IF EXISTS objectos_types WITH (FORCE)");
  query("CREATE DATABASE objectos_types TEMPLATE template0 ENCODING 'UTF8'");
  connection_.reset(PQconnectdb(conninfo));
  query("SET client_min_messages = warning");
  query("CREATE EXTENSION objectos_sync");
  types_ = read_documentation("docs/types.md");
  for (const DocumentedType& type : types_) create_table(type);
}

void World::create_table(const DocumentedType& type) {
  const std::string name = table(type), pg_type = sql_type(type);
  // A few internal types have no array type.
  const bool has_array = query("SELECT typarray <> 0 FROM pg_type WHERE oid = '" + pg_type +
                               "'::regtype")[0][0] == "t";
  query("CREATE TABLE " + name + " (id int PRIMARY KEY, v " + pg_type + ", a " +
        (has_array ? pg_type : "text") + "[])");
  query("SELECT sync_enable('" + name + "')");
  int id = 1;
  for (const std::string& value : values_of(type)) {
    query("INSERT INTO " + name + " (id, v, a) SELECT " + std::to_string(id) +
              ", x, ARRAY[x, NULL, x]"
              " FROM (SELECT $1::" +
              pg_type + " AS x) AS input",
          {value});
    id++;
  }
  query("INSERT INTO " + name + " (id, v, a) VALUES (" + std::to_string(id) + ", NULL, '{}')");
  query("INSERT INTO " + name + " (id) SELECT s.id + o FROM " + name +
        " AS s, (VALUES (1000), (2000))"
        " AS offsets (o) WHERE s.id < 1000");
}

Rows World::query(const std::string& sql, const std::vector<std::string>& parameters) {
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(
      PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                   values.data(), nullptr, nullptr, 0),
      PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
    throw std::runtime_error(std::string(PQerrorMessage(connection_.get())) + "in: " + sql);
  Rows rows(static_cast<std::size_t>(PQntuples(result.get())));
  for (std::size_t row = 0; row < rows.size(); row++) {
    for (int column = 0; column < PQnfields(result.get()); column++)
      rows[row].emplace_back(PQgetvalue(result.get(), static_cast<int>(row), column));
  }
  return rows;
}

// format('%s') is the type's own output function, so trailing blanks and -0 count.
std::string World::differing(const DocumentedType& type, int offset) {
  const std::string name = table(type);
  return query(
      "SELECT coalesce(string_agg(s.id || ': ' || format('%s, not %s', s.v, t.v), '; '), '')"
      " FROM " +
          name + " AS s LEFT JOIN " + name +
          " AS t ON t.id = s.id + $1::int"
          " WHERE s.id < 1000 AND (t.id IS NULL OR num_nulls(s.v) <> num_nulls(t.v)"
          " OR num_nulls(s.a) <> num_nulls(t.a) OR format('%s', s.v) <> format('%s', t.v)"
          " OR format('%s', s.a) <> format('%s', t.a))",
      {std::to_string(offset)})[0][0];
}

}  // namespace types_walk
