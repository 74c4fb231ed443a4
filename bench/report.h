// How results are shown: a table of ratios for people, results.json for programs.
#pragma once

#include <string>
#include <vector>

#include "measurement.h"

namespace bench {

void print_machine();
void print_table(const std::vector<Measurement>& measurements);
// A list of {name, value, unit, ratio, goal, met, figures}; machine and versions are in figures.
void write_json(const std::vector<Measurement>& measurements, const std::string& path);

}  // namespace bench
