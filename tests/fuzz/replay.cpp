// Runs the targets over their seeds, and over each seed changed at random, without libFuzzer:
//   replay CORPUS [ROUNDS]
// The changes are the same every time. A failure aborts, having printed its input as hex.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

fuzz::Target*& first_target() {
  static fuzz::Target* first = nullptr;
  return first;
}

std::string present;  // the input that is run

void print_input(int) {
  static const char digits[] = "0123456789abcdef";
  static char line[4096];
  std::size_t length = 0;
  for (const char c : present) {
    if (length + 3 > sizeof line) break;
    line[length++] = digits[static_cast<unsigned char>(c) >> 4];
    line[length++] = digits[c & 15];
  }
  line[length++] = '\n';
  if (write(STDERR_FILENO, line, length) < 0) _exit(1);
  std::signal(SIGABRT, SIG_DFL);
}

std::uint64_t state = 0x9e3779b97f4a7c15;
std::uint64_t dice() {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

std::string changed(std::string text) {
  static const std::string marks = "\"\\{}[]:,.;-%\n\0\xff\x80 09eE+null";
  for (std::uint64_t count = 1 + dice() % 3; count > 0; --count) {
    const std::size_t at = text.empty() ? 0 : dice() % text.size();
    switch (dice() % 5) {
      case 0:
        if (!text.empty()) text[at] = static_cast<char>(dice());
        break;
      case 1:
        text.insert(at, 1, marks[dice() % marks.size()]);
        break;
      case 2:
        text.erase(at, 1 + dice() % 8);
        break;
      case 3:
        text.insert(at, text.substr(dice() % (text.size() + 1), dice() % 32));
        break;
      default:
        text.resize(at);
    }
  }
  return text;
}

std::vector<std::string> seeds_of(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> seeds;
  for (const auto& file : files) {
    std::stringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    seeds.push_back(text.str());
  }
  return seeds;
}

}  // namespace

namespace fuzz {

Target::Target(const char* target_name, Run target_run)
    : name(target_name), run(target_run), next(first_target()) {
  first_target() = this;
}

}  // namespace fuzz

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: replay CORPUS [ROUNDS]\n");
    return 2;
  }
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 100;
  std::signal(SIGABRT, print_input);
  int targets = 0;
  for (const fuzz::Target* target = first_target(); target != nullptr; target = target->next) {
    const std::vector<std::string> seeds = seeds_of(std::filesystem::path(argv[1]) / target->name);
    if (seeds.empty()) {
      std::fprintf(stderr, "%s has no seeds\n", target->name);
      return 1;
    }
    std::size_t runs = 0;
    for (const std::string& seed : seeds) {
      for (int round = 0; round <= rounds; ++round, ++runs) {
        present = round == 0 ? seed : changed(seed);
        target->run(present);
      }
    }
    std::printf("%s: %zu inputs from %zu seeds\n", target->name, runs, seeds.size());
    ++targets;
  }
  std::printf("fuzz-corpus: %d passed, 0 failed\n", targets);
  return 0;
}
