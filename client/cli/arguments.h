// The command line: one verb, its operands, and options that may stand anywhere.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "objectos/types.h"
#include "verbs.h"

namespace objectos::cli {

struct Arguments {
  const Verb* verb = nullptr;  // never null unless help or version is asked for
  std::string verb_name;       // as typed
  std::vector<std::string> operands;
  std::map<std::string, std::string> options;  // "--server" -> its value, or ""

  bool has(const std::string& option) const { return options.count(option) != 0; }
  // The option's value, or "".
  std::string value(const std::string& option) const;
};

// Throws objectos::Error (usage) and names the argument.
Arguments parse_arguments(int argc, char** argv);

// The value of --frames.
Frames frames_of(const Arguments& arguments);
// The value of --connections.
int connections_of(const Arguments& arguments);
// The value of --interval; empty: it was not given.
std::optional<std::chrono::seconds> interval_of(const Arguments& arguments);

}  // namespace objectos::cli
