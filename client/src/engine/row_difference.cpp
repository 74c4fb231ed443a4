#include "engine/row_difference.h"

#include <cstring>
#include <optional>
#include <string>
#include <unordered_map>

namespace objectos {

namespace {

// Different values have different texts: kind, length, bytes.
void append(std::string& text, const Value& value) {
  text += static_cast<char>('0' + static_cast<int>(value.kind()));
  const auto sized = [&](const std::string& bytes) {
    text += std::to_string(bytes.size()) + ':' + bytes;
  };
  switch (value.kind()) {
    case Value::Kind::null:
      break;
    case Value::Kind::integer:
      text += std::to_string(value.integer()) + ';';
      break;
    case Value::Kind::real: {
      const double number = value.real();
      char bytes[sizeof number];
      std::memcpy(bytes, &number, sizeof number);
      text.append(bytes, sizeof bytes);
      break;
    }
    case Value::Kind::text:
      sized(value.text());
      break;
    case Value::Kind::blob:
      sized(value.blob());
      break;
  }
}

std::string name_of(const Row& row, const std::vector<std::size_t>& key) {
  std::string name;
  if (key.empty()) {
    for (const Value& value : row) append(name, value);
  } else {
    for (std::size_t column : key) append(name, row.at(column));
  }
  return name;
}

using Places = std::unordered_map<std::string, std::vector<std::size_t>>;

// Nothing where `key` does not name each row.
std::optional<Places> places_of(const std::vector<Row>& rows, const std::vector<std::size_t>& key) {
  Places places;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& found = places[name_of(rows[i], key)];
    if (!key.empty() && !found.empty()) return std::nullopt;
    found.push_back(i);
  }
  return places;
}

}  // namespace

RowDifference row_difference(const std::vector<Row>& before, const std::vector<Row>& after,
                             const std::vector<std::size_t>& key) {
  std::optional<Places> old_places = places_of(before, key);
  if (!old_places || (!key.empty() && !places_of(after, key)))
    return row_difference(before, after, {});
  RowDifference difference;
  std::vector<bool> kept(before.size(), false);
  for (const Row& row : after) {
    const auto found = old_places->find(name_of(row, key));
    if (found == old_places->end() || found->second.empty()) {
      difference.added.push_back(row);
      continue;
    }
    const std::size_t place = found->second.back();
    found->second.pop_back();
    kept[place] = true;
    if (name_of(before[place], {}) != name_of(row, {}))
      difference.changed.push_back({before[place], row});
  }
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (!kept[i]) difference.removed.push_back(before[i]);
  }
  return difference;
}

}  // namespace objectos
