// Random texts and operations, small enough that edits meet often, over an alphabet of what breaks
// those who count bytes or UTF-16. OBJECTOS_SEED=<seed> repeats a run, CASES=<n> runs more.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "protocol/operational_transform.h"
#include "protocol/text_operation_json.h"

namespace objectos {

inline std::uint32_t number_from(const char* variable, std::uint32_t otherwise) {
  const char* given = std::getenv(variable);
  return given ? static_cast<std::uint32_t>(std::strtoul(given, nullptr, 10)) : otherwise;
}

inline std::uint32_t text_seed() {
  return number_from("OBJECTOS_SEED", std::random_device{}());
}

// How many cases a test runs where `quick` are enough for every day.
inline std::uint32_t text_cases(std::uint32_t quick) {
  return number_from("CASES", quick);
}

class TextDice {
 public:
  explicit TextDice(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }
  std::size_t between(std::size_t least, std::size_t most) {
    return least + below(most - least + 1);
  }
  bool chance(std::size_t percent) { return below(100) < percent; }

  std::string piece() {
    static const char* const alphabet[] = {
        "a",
        "b",
        "c",
        " ",
        "\n",
        "\"",
        "\\",
        "\x7f",
        "ß",        // two bytes
        "e\u0301",  // a letter and its accent
        "\u200d",
        "\U0001F600",                                  // a joiner, an emoji of four bytes
        "\U0001F468\u200d\U0001F469\u200d\U0001F467",  // a family
        "\U0001F1E6\U0001F1F9",                        // a flag
        "שלום",
        "سلام",  // from right to left
        "\uffff",
        "\U0010ffff",
        "\u0800",
        "\ud7ff"};  // the ends of the lengths
    return alphabet[below(std::size(alphabet))];
  }
  std::string text(std::size_t pieces_max) {
    std::string text;
    for (std::size_t i = below(pieces_max + 1); i > 0; --i) text += piece();
    return text;
  }
  // An edit of a text of so many code points.
  TextOperation operation(std::size_t points) {
    TextOperationBuilder builder;
    for (std::size_t i = below(6); i > 0; --i) {
      const std::size_t most = std::min<std::size_t>(points, 1 + below(5));
      const std::size_t length = most == 0 ? 0 : between(1, most);
      switch (below(3)) {
        case 0:
          builder.keep(length);
          points -= length;
          break;
        case 1:
          builder.erase(length);
          points -= length;
          break;
        default:
          builder.insert(piece());
      }
    }
    return builder.build();
  }
  TextOperation operation(const std::string& text) { return operation(count_of(text)); }
  ot::Side side() { return chance(50) ? ot::Side::left : ot::Side::right; }

  static std::size_t count_of(const std::string& text) {
    std::size_t points = 0;
    for (const char c : text) points += (static_cast<unsigned char>(c) & 0xc0U) != 0x80U ? 1 : 0;
    return points;
  }

 private:
  std::mt19937 random_;
};

// [5,"brave ",-3] as an operation.
inline TextOperation op(std::string_view json) {
  return parse_text_operation(json);
}

}  // namespace objectos
