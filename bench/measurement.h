// What every measurement has in common: stopwatch, samples, ratio against a floor or peer, goal.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

// Seconds that `work` took, by the steady clock.
template <typename Work>
double seconds_of(Work&& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The median; of an even count the mean of the two in the middle. `samples` is not empty.
double median(std::vector<double> samples);

// One row of the table. ratio = median of `ours` / median of `floor`; met = ratio <= goal, or, of
// rates, ratio >= goal. Without a floor the goal is for the value itself, in `unit`.
struct Measurement {
  std::string name;           // as in results.json: capture_insert, pull_100, …
  std::string what;           // the work that was timed
  std::string floor_what;     // the floor or peer it is held against
  double goal = 0;            // the ratio not to be exceeded; of rates, to be reached
  std::size_t rows = 0;       // rows (or writes) of one sample
  std::vector<double> ours;   // in `unit`
  std::vector<double> floor;  // in `unit`
  std::vector<std::pair<std::string, double>> extra;  // further figures, with units in the name
  std::string unit = "s";                             // or "ms", "bytes", "tx/s", "M/s"
  bool more_is_better = false;                        // of rates

  double value() const { return median(ours); }
  bool absolute() const { return floor.empty(); }
  double ratio() const { return median(ours) / median(floor); }
  bool met() const {
    if (absolute()) return more_is_better ? value() >= goal : value() <= goal;
    return more_is_better ? ratio() >= goal : ratio() <= goal;
  }
};

// A function that measures one or more rows of the table, and their names.
struct Suite {
  std::vector<std::string> names;
  std::function<std::vector<Measurement>()> run;
};

// Each in the file of its first word.
Suite capture_suite();
Suite oltp_suite();
Suite live_suite();
Suite initial_10k_suite();
Suite initial_1m_suite();
Suite initial_parallel_suite();
Suite pull_100_suite();
Suite pull_100k_suite();
Suite pull_filtered_suite();
Suite push_suite();
Suite push_signed_suite();
Suite log_depth_suite();
Suite local_write_suite();
Suite local_write_busy_suite();
Suite wire_suite();
Suite enable_suite();
Suite text_replay_suite();
Suite text_branches_suite();
Suite text_small_suite();
Suite text_push_suite();
Suite text_offline_suite();

}  // namespace bench
