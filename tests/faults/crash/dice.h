// Chance from a printed seed.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace faults {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  // 0 … below
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(engine_() % bound); }
  long between(long low, long high) {
    return low + static_cast<long>(below(static_cast<std::size_t>(high - low + 1)));
  }
  bool percent(double chance) { return static_cast<double>(engine_() % 100'000) < chance * 1'000; }
  template <typename T>
  const T& of(const std::vector<T>& choices) {
    return choices[below(choices.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace faults
