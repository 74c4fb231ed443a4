// What the fuzz targets share. A target is a source of its own, `FUZZ_TARGET(name) { … }`, which
// gets arbitrary bytes as `input`. Beyond "no crash" it checks what must hold of them by require():
// a failure is an abort, which libFuzzer keeps the input of.
//
// Built with -DOBJECTOS_LIBFUZZER the target is libFuzzer's; without it registers itself for
// replay.cpp, which runs all of them over their seeds.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "protocol/errors.h"

namespace fuzz {

using Run = void (*)(std::string_view input);

struct Target {
  Target(const char* target_name, Run target_run);
  const char* name;
  Run run;
  Target* next;
};

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

inline void require(bool holds, const char* what) {
  if (!holds) fail(what);
}

// Runs `work`; false if it was refused by an error of ours. Anything else that is thrown passes,
// and so ends the run.
template <typename Work>
bool accepted(Work&& work) {
  try {
    work();
    return true;
  } catch (const objectos::ProtocolError& error) {
    require(error.what()[0] != '\0', "a refusal says why");
    return false;
  }
}

// Takes an input apart; empty at its end.
class Bytes {
 public:
  explicit Bytes(std::string_view input) : rest_(input) {}
  bool empty() const noexcept { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }
  std::uint64_t number(int bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | byte();
    return value;
  }
  // Up to the next `end`, without it.
  std::string_view until(char end) {
    const std::size_t at = rest_.find(end);
    const std::string_view part = rest_.substr(0, at);
    rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at + 1);
    return part;
  }
  std::string_view rest() const noexcept { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace fuzz

#ifdef OBJECTOS_LIBFUZZER
#define FUZZ_TARGET(name)                                                             \
  static void run_##name(std::string_view input);                                     \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    run_##name({reinterpret_cast<const char*>(data), size});                          \
    return 0;                                                                         \
  }                                                                                   \
  static void run_##name(std::string_view input)
#else
#define FUZZ_TARGET(name)                               \
  static void run_##name(std::string_view input);       \
  static fuzz::Target target_##name(#name, run_##name); \
  static void run_##name(std::string_view input)
#endif
