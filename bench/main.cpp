// objectos-bench [--gate] [NAME…]: measures the named rows (all, without names), prints them,
// writes results.json. Exit codes: 0 measured, 1 the gate found a goal not met, 2 could not
// measure.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "contacts.h"
#include "measurement.h"
#include "report.h"

namespace bench {

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const std::size_t middle = samples.size() / 2;
  return samples.size() % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
}

namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Without names everything is wanted.
bool wanted(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || contains(names, name);
}

std::vector<Suite> suites() {
  return {capture_suite(),          oltp_suite(),          initial_10k_suite(), initial_1m_suite(),
          initial_parallel_suite(), pull_100_suite(),      pull_100k_suite(),   push_suite(),
          push_signed_suite(),      pull_filtered_suite(), log_depth_suite(),   local_write_suite(),
          local_write_busy_suite(), wire_suite(),          enable_suite(),      live_suite(),
          text_replay_suite(),      text_branches_suite(), text_small_suite(),  text_push_suite(),
          text_offline_suite()};
}

// A name that no suite measures, or "".
std::string unknown_name(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    bool known = false;
    for (const Suite& suite : suites()) known = known || contains(suite.names, name);
    if (!known) return name;
  }
  return "";
}

// Prints every goal that is not met; the exit code.
int gate(const std::vector<Measurement>& measurements) {
  int unmet = 0;
  for (const Measurement& m : measurements) {
    if (m.met()) continue;
    if (m.absolute())
      std::printf("goal not met: %s is %.2f %s, goal %.2f\n", m.name.c_str(), m.value(),
                  m.unit.c_str(), m.goal);
    else
      std::printf("goal not met: %s is %.2fx, goal %.2fx\n", m.name.c_str(), m.ratio(), m.goal);
    unmet++;
  }
  if (unmet == 0) std::printf("all goals met\n");
  return unmet == 0 ? 0 : 1;
}

int run(const std::vector<std::string>& names, bool gated) {
  if (const std::string name = unknown_name(names); !name.empty()) {
    std::fprintf(stderr, "no measurement is called %s; there are:", name.c_str());
    for (const Suite& suite : suites())
      for (const std::string& known : suite.names) std::fprintf(stderr, " %s", known.c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  print_machine();
  std::vector<Measurement> measurements;
  bool failed = false;
  for (const Suite& suite : suites()) {
    if (std::none_of(suite.names.begin(), suite.names.end(),
                     [&](const std::string& name) { return wanted(names, name); }))
      continue;
    std::printf("measuring %s …\n", suite.names.front().c_str());
    std::fflush(stdout);
    try {
      for (Measurement& m : suite.run())
        if (wanted(names, m.name)) measurements.push_back(std::move(m));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s could not be measured: %s\n", suite.names.front().c_str(),
                   error.what());
      failed = true;
    }
  }
  print_table(measurements);
  const std::string path = bench_file("results.json");
  write_json(measurements, path);
  std::printf("\nwritten: %s\n", path.c_str());
  if (failed) return 2;
  return gated ? gate(measurements) : 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  std::vector<std::string> names(argv + 1, argv + argc);
  const bool gated = std::erase(names, "--gate") > 0;
  try {
    return bench::run(names, gated);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
