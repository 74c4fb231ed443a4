// The table of docs/conflicts.md ("Every case"), cell by cell.
#pragma once

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace conflict_cells {

struct Cell {
  std::string client;    // "update", "delete, `update_wins`", …
  std::string server;    // "nothing", "update of the field", …
  std::string reason;    // "" for none
  std::string strategy;  // "lww", "lww (earlier)", …
  std::string expected;  // "merged, client_wins: c"
};

inline std::vector<std::string> split_row(const std::string& line) {
  std::vector<std::string> cells;
  for (std::size_t at = 2; at < line.size();) {
    const std::size_t end = line.find(" |", at);
    cells.push_back(line.substr(at, end - at));
    at = end + 3;
  }
  return cells;
}

// Of the table whose first two columns have these names.
inline std::vector<Cell> read(const std::string& path,
                              const std::string& columns = "| client | server since |") {
  std::ifstream file(path);
  if (!file.is_open()) throw std::runtime_error("cannot open " + path);
  std::vector<std::string> strategies;
  std::vector<Cell> cells;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(columns)) {
      strategies = split_row(line);
      for (std::string& name : strategies) std::erase(name, '`');
      continue;
    }
    if (strategies.empty() || line.starts_with("|---")) continue;
    if (!line.starts_with("| ")) break;
    const std::vector<std::string> row = split_row(line);
    if (row.size() != strategies.size()) throw std::runtime_error("a ragged row: " + line);
    for (std::size_t i = 3; i < row.size(); ++i)
      cells.push_back({row[0], row[1], row[2] == "–" ? "" : row[2], strategies[i], row[i]});
    if (cells.empty()) break;
  }
  return cells;
}

// The field's values of a strategy: base, client's, server's, and both together.
struct Values {
  std::string base, client, server, both, twice;
};

inline Values values_of(const std::string& strategy) {
  if (strategy == "counter") return {"5", "6", "15", "16", "7"};
  if (strategy == "set")
    return {R"(["b"])", R"(["b","c"])", R"(["b","s"])", R"(["b","c","s"])", ""};
  return {R"("b")", R"("c")", R"("s")", R"("c+s")", ""};
}

inline std::string label_of(const Values& values, const std::string& value) {
  if (value == values.base) return "b";
  if (value == values.client) return "c";
  if (value == values.server) return "s";
  if (value == values.both) return "c+s";
  return value == values.twice ? "c+c" : value;
}

inline std::string text_of(const std::string& status, const std::string& resolution,
                           const std::string& label) {
  return status + (resolution.empty() ? "" : ", " + resolution) + ": " + label;
}

}  // namespace conflict_cells
