// objectos-sync: the client runtime for people and scripts.
#include <cstring>
#include <iostream>

#include "arguments.h"
#include "commands.h"
#include "exit_codes.h"
#include "help.h"
#include "objectos/sync_engine.h"
#include "output.h"

namespace objectos::cli {

namespace {

// What packagers and `make install` ask for; no verbs, for no file is looked at.
bool described(int argc, char** argv) {
  if (argc != 2) return false;
  if (std::strcmp(argv[1], "--man") == 0) {
    std::cout << man_page();
  } else if (std::strcmp(argv[1], "--completion") == 0) {
    std::cout << bash_completion();
  } else {
    return false;
  }
  return true;
}

int guarded_main(int argc, char** argv) {
  bool json = false;
  for (int i = 1; i < argc; ++i) json = json || std::strcmp(argv[i], "--json") == 0;
  try {
    if (described(argc, argv)) return kOk;
    const Arguments arguments = parse_arguments(argc, argv);
    if (arguments.has("--version")) {
      std::cout << version() << '\n';
      return kOk;
    }
    if (arguments.has("--help")) {
      std::cout << help_text(arguments.verb_name);
      return kOk;
    }
    Output output(json, arguments.has("--quiet"));
    return run_command(arguments, output);
  } catch (const Error& error) {
    const int code = exit_code(error.error_class());
    Output(json, true).error(error, code);
    return code;
  } catch (const std::exception& error) {
    Output(json, true).error(Error(ErrorClass::internal, "internal", error.what()), kInternal);
    return kInternal;
  }
}

// Whoever reads the output must not take half of it for all.
int with_output_written(int code) {
  std::cout.flush();
  if (std::cout.good()) return code;
  std::cerr << "objectos-sync: The output could not be written. [output_not_written]\n"
               "  what to do: See to the space where it goes; what the command did is done.\n";
  return code == kOk ? kFile : code;
}

}  // namespace

}  // namespace objectos::cli

int main(int argc, char** argv) {
  return objectos::cli::with_output_written(objectos::cli::guarded_main(argc, argv));
}
