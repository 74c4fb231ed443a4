// The command line: one verb, its operands, and options that may stand anywhere.
#pragma once

#include <string>
#include <vector>

#include "objectos/types.h"

namespace objectos::cli {

struct Arguments {
  std::string verb;
  std::vector<std::string> operands;
  std::string server;  // --server
  std::string values;  // --values (resolve)
  Frames frames = Frames::automatic;
  bool json = false;
  bool force = false;
  bool quiet = false;
  bool help = false;
  bool version = false;
};

// Throws objectos::Error (usage) and names the argument.
Arguments parse_arguments(int argc, char** argv);

// The help of one verb, or of all when `verb` is empty or unknown.
std::string help_text(const std::string& verb);

}  // namespace objectos::cli
