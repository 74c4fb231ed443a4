// What tests that draw a world from each seed have in common: which seeds are run, and the dice.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <random>
#include <string>

namespace e2e {

inline std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

// SEED=n begins there (default 1); ONLY=n runs that one alone; with PART=i/n only every n-th seed,
// from the i-th on, is run.
struct Seeds {
  explicit Seeds(std::uint64_t how_many) : count(how_many) {
    if (only != 0) first = only, count = 1;
    if (const char* text = std::getenv("PART")) {
      part = std::strtoull(text, nullptr, 10);
      parts = std::strtoull(std::strchr(text, '/') + 1, nullptr, 10);
    }
  }
  // Calls run(seed, how many were run before).
  template <typename Run>
  void each(const Run& run) const {
    std::uint64_t before = 0;
    for (std::uint64_t seed = first + part; seed < first + count; seed += parts)
      run(seed, before++);
  }
  std::string text() const {
    return "seeds " + std::to_string(first) + " to " + std::to_string(first + count - 1) +
           " (ONLY=n repeats one)";
  }

  std::uint64_t first = number_from("SEED", 1), count;
  std::uint64_t only = number_from("ONLY", 0), part = 0, parts = 1;
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  int below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  bool chance(int percent) { return below(100) < percent; }
  template <typename List>
  auto& pick(List& list) {
    return list[static_cast<std::size_t>(below(static_cast<int>(std::size(list))))];
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace e2e
